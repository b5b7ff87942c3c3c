import subprocess
from pathlib import Path
from typing import Any

import pytest

from diffscribe.core.errors import SourceError
from diffscribe.doors.trees import (
    MAX_DEPTH,
    anchor,
    joined,
    parse_patterns,
    read_ignores,
)
from diffscribe.samples.builder import SYMLINK, History


def test_leaves_out_comments_and_blanks() -> None:
    content = (
        b"\xef\xbb\xbf# logs\r\n*.log\r\n\n   \n!keep.log \n\\#name\n trail\\ \nlast"
    )
    assert parse_patterns(content) == [
        "*.log",
        "!keep.log",
        "\\#name",
        " trail\\ ",
        "last",
    ]


@pytest.mark.parametrize(
    ("pattern", "anchored"),
    [
        ("*.log", "/web/**/*.log"),
        ("dist/", "/web/**/dist/"),
        ("/dist", "/web/dist"),
        ("a/b", "/web/a/b"),
        ("**/x", "/web/**/x"),
        ("!*.log", "!/web/**/*.log"),
        ("!/dist", "!/web/dist"),
    ],
)
def test_prefixes_the_patterns_of_a_folder(pattern: str, anchored: str) -> None:
    assert anchor(pattern, "web") == anchored


def test_takes_the_folder_literally() -> None:
    assert anchor("x", "[a]*") == "/\\[a]\\*/**/x"


def test_collects_all_files_of_a_tree_root_first(
    patterns_of: Any, history: History
) -> None:
    history.commit(
        "feat: begin",
        {
            ".gitignore": "*.log\n",
            "a/.gitignore": "/one\n",
            "a/b/.gitignore": "two\n",
            "c/.gitignore": "../a",
        },
        modes={"c/.gitignore": SYMLINK},
    )
    assert patterns_of(history) == ("*.log", "/a/one", "/a/b/**/two")


def test_git_ignores_the_same_files_by_the_collected_patterns(
    patterns_of: Any, history: History, tmp_path: Path
) -> None:
    paths = [
        "x.log", "keep.log", "a/x.log", "a/keep.log", "a/one", "a/b/one", "a/b/two",
        "a/b/c/two", "two", "b/two", "a/b/d/e", "a/d/e", "[g]/f", "g/f", "a/out/x",
        "a/b/out/x", "out/x",
    ]  # fmt: skip
    history.commit(
        "feat: begin",
        {
            ".gitignore": "*.log\n!keep.log\n",
            "a/.gitignore": "/one\nkeep.log\nout/\n",
            "a/b/.gitignore": "two\nd/e\n!keep.log\n",
            "[g]/.gitignore": "f\n",
        },
    )
    history.checkout()
    flat = tmp_path / "flat"
    subprocess.run(["git", "init", "-q", str(flat)], check=True)
    (flat / ".gitignore").write_text("\n".join(patterns_of(history)) + "\n")

    assert ignored(flat, paths) == ignored(history.folder, paths)
    assert "a/b/c/two" in ignored(flat, paths)


def test_names_a_tree_that_no_project_has(patterns_of: Any, history: History) -> None:
    blob = history.repository.create_blob(b"x")
    builder = history.repository.TreeBuilder()
    builder.insert("file", blob, 0o100644)
    tree = builder.write()
    for _ in range(MAX_DEPTH + 1):
        builder = history.repository.TreeBuilder()
        builder.insert("folder", tree, 0o040000)
        tree = builder.write()
    history.commit("feat: begin", {"a": "1\n"})
    with pytest.raises(SourceError, match=f"nested deeper than {MAX_DEPTH} folders"):
        patterns_of(history, str(tree))


@pytest.fixture
def patterns_of(opened):
    def read(history: History, tree: str = "") -> tuple[str, ...]:
        own = str(history.repository[history.head].tree_id)
        return joined(read_ignores(opened(history.folder), tree or own))

    return read


def ignored(folder: Path, paths: list[str]) -> list[str]:
    return subprocess.run(
        ["git", "check-ignore", *paths], cwd=folder, capture_output=True, text=True
    ).stdout.splitlines()
