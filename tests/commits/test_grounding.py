import pytest
from tests.support.growth import assert_costs_at_most, assert_linear

from diffscribe.commits.grounding import (
    EntityKind,
    Evidence,
    absent_names,
    claims,
    entities,
    grounded_share,
    signs_of,
)

DIFF = """\
diff --git a/src/http/client.py b/src/http/client.py
--- a/src/http/client.py
+++ b/src/http/client.py
@@ -1,2 +1,2 @@ class HttpClient:
-    def read_all(self, timeout=30):
+    def read_all(self, timeout=60, retry=False):
     parser.add_argument("--max-retries", help="see #41, py310")
     parser.add_argument("--quiet")  # since 2.13.1
"""
CHANGE = Evidence(("src/http/client.py", ".travis.yml"), DIFF)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("stop the leak", []),
        ("let read_all() retry", [("identifier", "read_all()")]),
        ("rename HttpClient", [("identifier", "HttpClient")]),
        ("use ForwardedByClientIP", [("identifier", "ForwardedByClientIP")]),
        ("rename httpClient and http_client", ["httpClient", "http_client"]),
        ("call parser.parse()", [("identifier", "parser.parse()")]),
        ("pass --max-retries", [("identifier", "--max-retries")]),
        ("trust `timeout`", [("identifier", "timeout")]),
        ("trust `src/a.py`", [("path", "src/a.py")]),
        ("run `make the docs`", [("quoted", "make the docs")]),
        ("say 'not now' once", [("quoted", "not now")]),
        ("don't say it isn't so", []),
        ("use 'a', instead of 'b'", []),
        ("move src/a.py to b.py", [("path", "src/a.py"), ("path", "b.py")]),
        ("ignore .travis.yml", [("path", ".travis.yml")]),
        ("raise 30 to 60", [("number", "30"), ("number", "60")]),
        ("retry 3 times", []),
        ("support python 3.12", [("number", "3.12")]),
        ("follow RFC 6750 and PEP 703", []),
        ("close #41 and acme/app#7, GH-12", ["#41", "acme/app#7", "GH-12"]),
        ("move two files, then 12 files", [("count", "two"), ("count", "12")]),
        ("call GitHub from JavaScript and node.js", []),
        ("see https://example.com/some_page.html#L123", []),
        ("write_all write_all", [("identifier", "write_all")]),
        ("", []),
    ],
)
def test_what_a_text_names(text, found):
    named = entities(text)
    if found and isinstance(found[0], str):
        assert [each.text for each in named] == found
    else:
        assert [(each.kind.value, each.text) for each in named] == found


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("read_all()", True),
        ("readAll()", True),
        ("read_alls", True),
        ("ReadsAll", True),
        ("_timeout", True),
        ("_time", False),
        ("`retried`", True),
        ("`parsing`", False),
        ("`HttpClients`", True),
        ("add_arguments", True),
        ("adding_argument", False),
        ("write_all()", False),
        ("`httpclient`", True),
        ("ClientHttp", True),
        ("ServerHttp", False),
        ("--max-retries", True),
        ("--max-retry", False),
        ("--quiet", True),
        ("--timeout", False),
        ("`retry`", True),
        ("`client.retry`", True),
        ("`server.retry`", False),
        ("src/http/client.py", True),
        ("http/client.py", True),
        ("client.py", True),
        ("lient.py", False),
        ("server.py", False),
        (".travis.yml", True),
        ("30", True),
        ("90", False),
        ("2.13.1", True),
        ("2.13", True),
        ("v2.13", True),
        ("2.13.2", False),
        ("2.1", False),
        ("3.10", True),
        ("3.11", False),
        ("#41", True),
        ("#4", False),
        ("2 files", True),
        ("two files", True),
        ("three files", False),
        ("'read all'", False),
        ("'retry false'", True),
    ],
)
def test_what_a_change_shows(text, there):
    [entity] = entities(text)
    assert CHANGE.holds(entity) is there


def test_every_kind_can_be_found_and_missed():
    kinds = {each.kind for text in ALL_KINDS for each in entities(text)}
    assert kinds == set(EntityKind)


ALL_KINDS = ["a.py", "read_all", "42", "#42", "'two words'", "3 files"]


@pytest.mark.parametrize("piece", ["a_", "a/", "1.", "aB", "`", "a` ", "_", "a .", "'"])
def test_a_long_line_takes_time_by_its_length(piece):
    def look_up(size):
        for each in entities(piece * size):
            CHANGE.holds(each)

    assert_linear(look_up, 2_500)


def test_many_paths_are_looked_up_in_a_long_diff_as_plain_text():
    diff = "".join(f"+call(first_{n}, second_{n}) in xa/{n}.py\n" for n in range(7_000))
    evidence = Evidence(("b/299.py", "c/a/298.py"), diff)
    names = [f"a/{n}.py" for n in range(300)]

    def look_up():
        absent = absent_names(" ".join([*names, "299.py"]), evidence)
        assert absent == [*names[:298], "a/299.py"]

    assert_costs_at_most(10, look_up, lambda: [*map(evidence.text.count, names)])


@pytest.mark.parametrize("piece", ["a.", "-", "+", ".", "a::", "a/", "#", "`", '"'])
def test_a_long_message_takes_time_by_its_length(piece):
    assert_linear(lambda size: entities(piece * size), 10_000)


@pytest.mark.parametrize(
    ("text", "share", "absent"),
    [
        ("stop the leak", 1.0, []),
        ("", 1.0, []),
        ("let read_all() retry", 1.0, []),
        ("raise the timeout from 30 to 90", 0.5, ["90"]),
        ("let write_all() and write_all() retry", 0.0, ["write_all()"]),
        ("use `retr` for `read`, after 1.2 of `readAl`", 0.0, 4),
    ],
)
def test_the_share_of_names_that_the_change_shows(text, share, absent):
    assert grounded_share(text, CHANGE) == share
    missing = absent_names(text, CHANGE)
    assert missing == absent or len(missing) == absent


SIGNED = """\
diff --git a/a.py b/a.py
--- a/a.py
+++ b/a.py
@@ -1,3 +1,3 @@
-old_name()
+new_name()
 same_name()
"""


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ("add new_name() for speed", [(True, "new_name()")]),
        ("drop old_name()", [(False, "old_name()")]),
        ("call new_name()", []),
        ("add speed to new_name()", []),
        ("tidy up\n\nThis also removes old_name().", [(False, "old_name()")]),
        ("tidy up\n\n- Added new_name()\n- drops it", [(True, "new_name()")]),
        ("tidy up\n\nIt is late. Remove old_name().", [(False, "old_name()")]),
    ],
)
def test_claims_are_names_behind_a_verb_that_begins_a_sentence(message, found):
    assert [(each.adds, each.entity.text) for each in claims(message)] == found


@pytest.mark.parametrize(
    ("message", "refuted"),
    [
        ("add new_name()\n\nRemove old_name().", []),
        ("add old_name()", ["old_name()"]),
        ("tidy up\n\nIt removes new_name().", ["new_name()"]),
        ("add same_name()", []),
        ("add other_name()", []),
    ],
)
def test_a_claim_is_refuted_by_lines_of_the_other_sign_alone(message, refuted):
    signs = signs_of(SIGNED)
    found = [each.entity.text for each in claims(message) if signs.refute(each)]
    assert found == refuted


@pytest.mark.parametrize("piece", ["add a_b. ", "- ", "\n\n", "also ", "it ", ". "])
def test_claims_of_a_long_message_take_time_by_its_length(piece):
    assert_linear(lambda size: list(claims(piece * size)), 5_000)
