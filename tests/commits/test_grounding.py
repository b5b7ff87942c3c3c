import time

import pytest

from diffscribe.commits.grounding import absent_from, ungrounded, ungrounded_share

DIFF = """\
diff --git a/src/http/client.py b/src/http/client.py
--- a/src/http/client.py
+++ b/src/http/client.py
@@ -1,2 +1,2 @@ class HttpClient:
-    def read_all(self, timeout=30):
+    def read_all(self, timeout=60, retry=False):
     parser.add_argument("--max-retries")
"""


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("stop the leak", 0.0),
        ("", 0.0),
        ("let read_all() retry", 0.0),
        ("let write_all() retry", 1.0),
        ("raise the timeout from 30 to 60", 0.0),
        ("raise the timeout from 30 to 90", 0.5),
        ("rename httpclient in client.py", 0.0),
        ("wrap HttpClients", 0.0),
        ("move it to server.py", 1.0),
        ("document --max-retries", 0.0),
        ("document --max-retry-time", 1.0),
        ("let `read_all` and `HttpClient` agree", 0.0),
        ("use `self timeout` for `read_all`", 0.0),
        ("use `some words` for `read_all`", 0.5),
        ("support python 3.12", 1.0),
        ("retry 3 times", 0.0),
        ("call GitHub from JavaScript, i.e. node.js", 0.0),
        ("see https://example.com/some_page.html#L123", 0.0),
        ("write_all write_all read_all", 0.5),
    ],
)
def test_share_of_the_names_that_the_change_does_not_show(text, share):
    assert ungrounded_share(text, DIFF) == share


def test_what_is_not_grounded_is_named_once():
    text = "read `parse` and --quick from load_file, as load_file did in 42"
    assert ungrounded(text, "def parse(): 41") == ["--quick", "load_file", "42"]


def test_absent_names_keep_their_order():
    names = ["read_all", "write_all", "HttpClient", "HttpServer"]
    assert absent_from(names, DIFF) == ["write_all", "HttpServer"]


@pytest.mark.parametrize("piece", ["a_", "a/", "1.", "aB", "`", "a` ", "_", "a ."])
def test_a_long_line_takes_linear_time(piece):
    begin = time.perf_counter()
    ungrounded_share(piece * 50_000, DIFF)
    assert time.perf_counter() - begin < 2
