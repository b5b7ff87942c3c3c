import subprocess

import pytest
from tests.support.rows import make_labeled, patch

from diffscribe.commits.diff import (
    changed_lines,
    diff_digest,
    parse_diff,
    read_changes,
    shown_patches,
    unquote,
)
from diffscribe.core.errors import RecordError
from diffscribe.core.files import write_jsonl
from diffscribe.core.records import LabeledChange


def joined(text):
    return "".join(patch.text for patch in parse_diff(text))


def diff_of(folder, before, after, *options):
    """Return what git prints between two trees."""
    for name, files in (("before", before), ("after", after)):
        for path, content in files.items():
            target = folder / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)

    def git(*arguments):
        return subprocess.run(
            ["git", "-c", "core.quotePath=off", *arguments],
            cwd=folder,
            check=True,
            capture_output=True,
        ).stdout.decode()

    git("init", "-q", ".")
    trees = []
    for name in ("before", "after"):
        git("--work-tree", name, "add", "-A", "-f")
        trees.append(git("write-tree").strip())
    return git("diff", "-M", *options, *trees)


def test_takes_an_empty_diff_for_no_files():
    assert parse_diff("") == ()


def test_splits_a_file_into_header_and_hunks(tmp_path):
    lines = [f"line {number}\n".encode() for number in range(40)]
    changed = [b"first\n", *lines[1:-1], b"last\n"]
    text = diff_of(tmp_path, {"a.py": b"".join(lines)}, {"a.py": b"".join(changed)})

    (patch,) = parse_diff(text)

    assert patch.path == "a.py"
    assert patch.old_path is None
    assert len(patch.header) == 4
    assert [hunk.header.partition(" @@")[0] for hunk in patch.hunks] == [
        "@@ -1,4 +1,4",
        "@@ -37,4 +37,4",
    ]
    assert patch.hunks[0].lines[:2] == ("-line 0\n", "+first\n")
    assert patch.text == text


@pytest.mark.parametrize(
    "path",
    [
        *("plain.txt", "with space.txt", "a b/x b/y.txt", "tab\there.txt"),
        *('quote"d.txt', "back\\slash.txt", "größe/日本.txt", "line\nfeed.txt"),
        *("diff --git a", "bell\x07.txt"),
    ],
)
def test_reads_the_path_however_git_writes_it(tmp_path, path):
    edited = diff_of(tmp_path / "edited", {path: b"1\n"}, {path: b"2\n"})
    added = diff_of(tmp_path / "added", {"keep": b""}, {"keep": b"", path: b""})
    binary = diff_of(tmp_path / "binary", {path: b"\0"}, {path: b"\0\1"})

    for text in (edited, added, binary):
        (patch,) = parse_diff(text)
        assert (patch.path, patch.old_path) == (path, None)
        assert patch.text == text


def test_carries_both_paths_of_a_rename_without_hunks(tmp_path):
    content = b"same\n" * 20
    text = diff_of(tmp_path, {"old b/x": content}, {'new "b/x': content})

    (patch,) = parse_diff(text)

    assert (patch.path, patch.old_path) == ('new "b/x', "old b/x")
    assert patch.hunks == ()
    assert patch.text == text


def test_names_a_deleted_file_by_its_path_at_base(tmp_path):
    text = diff_of(tmp_path, {"gone": b"1\n", "x": b""}, {"x": b""})
    assert [patch.path for patch in parse_diff(text)] == ["gone"]


def test_marks_binary_files_only(tmp_path):
    before = {"image": b"\0\1", "text": b"Binary files \n"}
    after = {"image": b"\0\2", "text": b"Binary files differ\n"}
    text = diff_of(tmp_path, before, after)
    assert [(p.path, p.is_binary) for p in parse_diff(text)] == [
        ("image", True),
        ("text", False),
    ]


def test_takes_content_that_looks_like_headers_for_content(tmp_path):
    before = b"-- a/x\n-- /dev/null\nsame\ndiff --git a/x b/x\n@@ -1 +1 @@\n"
    after = b"++ b/x\nsame\n@@ -9,9 +9,9 @@\ndiff --git a/y b/y\n"
    text = diff_of(tmp_path, {"f": before, "g": b"1"}, {"f": after, "g": b"2"})

    first, second = parse_diff(text)

    assert (first.path, second.path) == ("f", "g")
    assert "--- a/x\n" in first.hunks[0].lines
    assert first.text + second.text == text


def test_keeps_carriage_returns_form_feeds_and_a_missing_line_feed(tmp_path):
    before = {"f": b"1\r\n2\x0c3\r4", "g": b"x"}
    after = {"f": b"1\n2\x0c3\r5", "g": b"x\n"}
    text = diff_of(tmp_path, before, after)

    patches = parse_diff(text)

    assert [len(patch.hunks) for patch in patches] == [1, 1]
    assert patches[0].hunks[0].lines[-1] == "\\ No newline at end of file\n"
    assert joined(text) == text


def test_splits_a_file_that_becomes_a_symlink_in_two(tmp_path):
    (tmp_path / "after").mkdir()
    (tmp_path / "after" / "f").symlink_to("target")
    text = diff_of(tmp_path, {"f": b"1\n"}, {})
    assert [patch.path for patch in parse_diff(text)] == ["f", "f"]
    assert joined(text) == text


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("hello\n", 1),
        ("diff --git a/x b/x\n@@ nonsense\n", 2),
        (f"diff --git a/x b/x\n@@ -1,{'9' * 5000} +1 @@\n", 2),
        ("diff --git a/x b/x\n@@ -1,2 +1,2 @@\n 1\n", 4),
        ("diff --git a/x b/x\n@@ -1 +1 @@\n-1\ndiff --git a/y b/y\n", 4),
        ("diff --git a/x b/x\n@@ -1 +1 @@\n-1\n+2\n+3\n", 5),
        ("diff --git x x\n", 1),
    ],
)
def test_names_the_line_that_git_would_not_print(text, line):
    with pytest.raises(RecordError, match=f"^diff:{line}: "):
        parse_diff(text)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--color",), "it is coloured; print it with 'git diff --no-color'"),
        (("--no-prefix",), "with --src-prefix=a/ --dst-prefix=b/"),
        (("--src-prefix=i/", "--dst-prefix=w/"), "with --src-prefix=a/ --dst-prefix"),
    ],
)
def test_says_of_a_diff_with_other_options_which_ones_help(tmp_path, options, words):
    with pytest.raises(RecordError, match=rf"^diff:1: .*{words}"):
        parse_diff(diff_of(tmp_path, {"f": b"1\n"}, {"f": b"2\n"}, *options))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace("\n", "\r\n"), "turned its line ends into CR LF"),
        (lambda text: f"\ufeff{text}", "a byte order mark before it"),
        (lambda text: text.partition("\n")[2], "expected a 'diff --git' line"),
        (lambda text: text[text.index("---") :], "another program than git wrote it"),
        (lambda text: f"diff --cc f\n{text}", "the combined diff of a merge"),
        (lambda text: f"Submodule f 12..34:\n{text}", "shows submodules as a log"),
    ],
)
def test_says_of_what_is_no_diff_of_git_what_it_is(tmp_path, change, words):
    text = diff_of(tmp_path, {"f": b"1\r\n"}, {"f": b"2\r\n"})
    assert joined(text) == text
    with pytest.raises(RecordError, match=rf"^diff:1: .*{words}"):
        parse_diff(change(text))


def test_unquotes_octal_bytes_as_utf8():
    assert unquote('"gr\\303\\266\\303\\237e\\t"') == "größe\t"
    assert unquote("plain\\t") == "plain\\t"


def lines_patch(lines, path="a.py", sign="+"):
    body = "".join(f"{sign}{line}\n" for line in lines)
    return (
        f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n"
        f"@@ -0,0 +1,{len(lines)} @@\n{body}"
    )


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (lines_patch(["a"]), lines_patch(["a"], "b/c.py"), True),
        (lines_patch(["a b"]), lines_patch(["  a\tb "]), True),
        (lines_patch(["a"]), lines_patch(["a"]) + " context\n", True),
        (lines_patch(["a"]), lines_patch(["a"], sign="-"), False),
        (lines_patch(["a", "b"]), lines_patch(["b", "a"]), False),
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
        *("--- a/y", "+++ b/y", "-diff --git a/y b/y", "+@@ -1 +1 @@"),
        *("-a\rb\x0bc\u2028d", "+e", "-z"),
    ]
    hunks = [hunk for file in parse_diff(diff) for hunk in file.hunks]
    parsed = [line for hunk in hunks for line in hunk.lines if line[0] in "-+"]
    assert [f"{line}\n" for line in lines] == parsed


ADDED = """diff --git a/new.py b/new.py
new file mode 100755
index 0000000..1111111
--- /dev/null
+++ b/new.py
@@ -0,0 +1 @@
+first
"""


def test_each_path_gets_its_patch_without_what_its_title_says():
    texts = shown_patches(ADDED + patch("b.py", "x"), ["b.py", "gone.py", "new.py"])
    assert texts == {
        "b.py": "@@ -1 +1 @@\n-old x\n+new x\n",
        "gone.py": "",
        "new.py": "new file mode 100755\n@@ -0,0 +1 @@\n+first\n",
    }


def test_a_path_of_the_diff_alone_is_shown_too():
    assert list(shown_patches(ADDED, [])) == ["new.py"]


def test_what_git_did_not_write_is_shown_whole_above_all_paths():
    broken = ADDED + "@@ nonsense"
    assert shown_patches(broken, ["new.py"]) == {"": broken, "new.py": ""}


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("diff", "@@ -1 +1 @@\n", "diff:1: "),
        ("committed_at", "99999-01-01", "Invalid isoformat string"),
        ("committed_at", "", "Invalid isoformat string"),
    ],
)
def test_a_row_that_cannot_be_read_is_named_by_file_and_line(
    key, value, words, tmp_path
):
    rows = [make_labeled(id=each) for each in "ab"]
    broken = rows[1].model_copy(update={key: value})
    write_jsonl(tmp_path / "rows.jsonl", [rows[0], broken])
    changes = read_changes(tmp_path / "rows.jsonl", LabeledChange)
    assert next(changes) == rows[0]
    with pytest.raises(RecordError, match=rf"rows\.jsonl:2: {words}.*mend the line"):
        next(changes)
