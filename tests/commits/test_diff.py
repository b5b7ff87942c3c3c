import subprocess
from pathlib import Path

import pytest

from diffscribe.commits.diff import parse_diff, unquote
from diffscribe.core.errors import RecordError


def joined(text: str) -> str:
    return "".join(patch.text for patch in parse_diff(text))


def diff_of(folder: Path, before: dict[str, bytes], after: dict[str, bytes]) -> str:
    """Return what git prints between two trees."""
    for name, files in (("before", before), ("after", after)):
        for path, content in files.items():
            target = folder / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)

    def git(*arguments: str) -> str:
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
    return git("diff", "-M", *trees)


def test_takes_an_empty_diff_for_no_files() -> None:
    assert parse_diff("") == ()


def test_splits_a_file_into_header_and_hunks(tmp_path: Path) -> None:
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
        "plain.txt",
        "with space.txt",
        "a b/x b/y.txt",
        "tab\there.txt",
        'quote"d.txt',
        "back\\slash.txt",
        "größe/日本.txt",
        "line\nfeed.txt",
        "diff --git a",
        "bell\x07.txt",
    ],
)
def test_reads_the_path_however_git_writes_it(tmp_path: Path, path: str) -> None:
    edited = diff_of(tmp_path / "edited", {path: b"1\n"}, {path: b"2\n"})
    added = diff_of(tmp_path / "added", {"keep": b""}, {"keep": b"", path: b""})
    binary = diff_of(tmp_path / "binary", {path: b"\0"}, {path: b"\0\1"})

    for text in (edited, added, binary):
        (patch,) = parse_diff(text)
        assert (patch.path, patch.old_path) == (path, None)
        assert patch.text == text


def test_carries_both_paths_of_a_rename_without_hunks(tmp_path: Path) -> None:
    content = b"same\n" * 20
    text = diff_of(tmp_path, {"old b/x": content}, {'new "b/x': content})

    (patch,) = parse_diff(text)

    assert (patch.path, patch.old_path) == ('new "b/x', "old b/x")
    assert patch.hunks == ()
    assert patch.text == text


def test_names_a_deleted_file_by_its_path_at_base(tmp_path: Path) -> None:
    text = diff_of(tmp_path, {"gone": b"1\n", "x": b""}, {"x": b""})
    assert [patch.path for patch in parse_diff(text)] == ["gone"]


def test_marks_binary_files_only(tmp_path: Path) -> None:
    before = {"image": b"\0\1", "text": b"Binary files \n"}
    after = {"image": b"\0\2", "text": b"Binary files differ\n"}
    text = diff_of(tmp_path, before, after)
    assert [(p.path, p.is_binary) for p in parse_diff(text)] == [
        ("image", True),
        ("text", False),
    ]


def test_takes_content_that_looks_like_headers_for_content(tmp_path: Path) -> None:
    before = b"-- a/x\n-- /dev/null\nsame\ndiff --git a/x b/x\n@@ -1 +1 @@\n"
    after = b"++ b/x\nsame\n@@ -9,9 +9,9 @@\ndiff --git a/y b/y\n"
    text = diff_of(tmp_path, {"f": before, "g": b"1"}, {"f": after, "g": b"2"})

    first, second = parse_diff(text)

    assert (first.path, second.path) == ("f", "g")
    assert "--- a/x\n" in first.hunks[0].lines
    assert first.text + second.text == text


def test_keeps_carriage_returns_form_feeds_and_a_missing_line_feed(
    tmp_path: Path,
) -> None:
    before = {"f": b"1\r\n2\x0c3\r4", "g": b"x"}
    after = {"f": b"1\n2\x0c3\r5", "g": b"x\n"}
    text = diff_of(tmp_path, before, after)

    patches = parse_diff(text)

    assert [len(patch.hunks) for patch in patches] == [1, 1]
    assert patches[0].hunks[0].lines[-1] == "\\ No newline at end of file\n"
    assert joined(text) == text


def test_splits_a_file_that_becomes_a_symlink_in_two(tmp_path: Path) -> None:
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
        ("diff --git a/x b/x\n@@ -1,2 +1,2 @@\n 1\n", 4),
        ("diff --git a/x b/x\n@@ -1 +1 @@\n-1\ndiff --git a/y b/y\n", 4),
        ("diff --git a/x b/x\n@@ -1 +1 @@\n-1\n+2\n+3\n", 5),
        ("diff --git x x\n", 1),
    ],
)
def test_names_the_line_that_git_would_not_print(text: str, line: int) -> None:
    with pytest.raises(RecordError, match=f"^diff:{line}: "):
        parse_diff(text)


def test_unquotes_octal_bytes_as_utf8() -> None:
    assert unquote('"gr\\303\\266\\303\\237e\\t"') == "größe\t"
    assert unquote("plain\\t") == "plain\\t"
