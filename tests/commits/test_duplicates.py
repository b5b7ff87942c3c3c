import subprocess

import pytest

from diffscribe.commits.diff import changed_lines, diff_digest, parse_diff


def patch(lines, path="a.py", sign="+"):
    body = "".join(f"{sign}{line}\n" for line in lines)
    return (
        f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n"
        f"@@ -0,0 +1,{len(lines)} @@\n{body}"
    )


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (patch(["a"]), patch(["a"], "b/c.py"), True),
        (patch(["a b"]), patch(["  a\tb "]), True),
        (patch(["a"]), patch(["a"]) + " context\n", True),
        (patch(["a"]), patch(["a"], sign="-"), False),
        (patch(["a", "b"]), patch(["b", "a"]), False),
        ("diff --git a/x b/y\nrename from x\n", "diff --git a/x b/z\nrename", False),
    ],
)
def test_the_digest_is_of_the_changed_lines_without_white_space(one, other, equal):
    assert (diff_digest(one) == diff_digest(other)) is equal


def test_equal_patch_ids_have_equal_digests(history):
    lines = [f"line {number}\n" for number in range(40)]
    versions = {
        "as it is": (lines, "new\n"),
        "further down": (["above\n"] * 9 + lines, "new\n"),
        "indented": ([f"\t{line}" for line in lines], "    new\n"),
        "in another context": ([*lines[:20], "other\n", *lines[20:]], "new\n"),
        "another": (lines, "newer\n"),
    }
    patches = []
    for before, line in versions.values():
        after = [line if "line 20" in old else old for old in before]
        base = history.commit("base", {"a.py": "".join(before)})
        head = history.commit("head", {"a.py": "".join(after)})
        patches.append(git(history, "diff", base, head))
    ids = [
        git(history, "patch-id", "--stable", text=each).split()[0] for each in patches
    ]
    assert [each == ids[0] for each in ids] == [True, True, True, False, False]
    digests = [diff_digest(each) for each in patches]
    assert [each == digests[0] for each in digests] == [True, True, True, True, False]


def git(history, *arguments, text=""):
    command = ["git", "-C", history.folder, *arguments]
    return subprocess.run(
        command, input=text, capture_output=True, text=True, check=True
    ).stdout


def test_a_hunk_may_look_like_headers():
    diff = (
        "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@ -1 +1\n"
        "--- a/y\n+++ b/y\n-diff --git a/y b/y\n+@@ -1 +1 @@\n context\n"
        "@@ -9 +9 @@ diff --git\n-a\rb\x0bc\u2028d\n\\ No newline at end of file\n+e\n"
        "diff --git a/z b/z\ndeleted file mode 100644\n--- a/z\n+++ /dev/null\n"
        "@@ -1 +0,0 @@\n-z\n"
    )
    lines = changed_lines(diff)
    assert lines == [
        "--- a/y",
        "+++ b/y",
        "-diff --git a/y b/y",
        "+@@ -1 +1 @@",
        "-a\rb\x0bc\u2028d",
        "+e",
        "-z",
    ]
    hunks = [hunk for file in parse_diff(diff) for hunk in file.hunks]
    parsed = [line for hunk in hunks for line in hunk.lines if line[0] in "-+"]
    assert [f"{line}\n" for line in lines] == parsed
