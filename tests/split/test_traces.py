import subprocess

from tests.support.examples import HEADERS

from diffscribe.commits.diff import parse_diff
from diffscribe.core.records import SplitChange
from diffscribe.split.leaks import patch_id, traces_of


def diff(*lines, path="a.py", at="1", context=" same\n"):
    body = "".join(f"+{line}\n" for line in lines)
    size = len(lines) + 1
    return (
        f"diff --git a/{path} b/{path}\nindex {at * 40}..{'2' * 40} 100644\n"
        f"--- a/{path}\n+++ b/{path}\n@@ -{at} +{at},{size} @@\n{context}{body}"
    )


def test_patch_ids_are_equal_where_those_of_git_are():
    texts = [
        *HEADERS[:3],
        diff("x = 1"),
        diff("x = 1", at="9"),
        diff("x  =1"),
        diff("x = 1") + diff("y", path="b.py"),
        diff("x = 1", path="b.py"),
        diff("x = 2"),
        diff("x = 1", context=" other\n"),
        diff("x = 1") + "\\ No newline at end of file\n",
    ]
    ours = [patch_id(parse_diff(text)) for text in texts]
    gits = [
        subprocess.run(
            ["git", "patch-id", "--stable"], input=text, capture_output=True, text=True
        ).stdout.split()[0]
        for text in texts
    ]
    pairs = set(zip(ours, gits, strict=True))
    assert len(pairs) == len(set(ours)) == len(set(gits)) == 8


def test_injected_junk_leaves_no_traces(curated):
    text = diff("x = 1", path="a.py")
    plain = curated(paths=("a.py",), diff=text)
    noisy = curated(paths=("a.py", "b.log"), diff=text + diff("on", path="b.log"))
    one = SplitChange(**dict(plain), parent_id=None, junk=())
    other = SplitChange(**dict(noisy), parent_id=one.id, junk=("b.log",))
    assert traces_of(one) == traces_of(other)
    assert traces_of(one).paths == {"a.py"}
    assert traces_of(one).lines == ("", "x = 1\n")


def test_lines_are_told_by_their_sign_and_keep_their_own(curated):
    text = diff("++i", path="a.c").replace("+1,2", "+1").replace(" same", "---i")
    row = SplitChange(**dict(curated(diff=text)), parent_id=None, junk=())
    assert traces_of(row).lines == ("--i\n", "++i\n")
