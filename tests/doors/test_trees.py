import subprocess

import pytest
from tests.support.history import EXECUTABLE, SYMLINK
from tests.support.source_fixtures import git_bytes

from diffscribe.core.errors import SourceError
from diffscribe.doors.trees import (
    MAX_DEPTH,
    join_gitignores,
    parse_entries,
    read_gitignores,
    squash_entries,
    write_tree,
)
from diffscribe.harvest.history import list_commits, read_commits


def raw(folder, base, head):
    return git_bytes(
        folder, "diff-tree", "-r", "--raw", "-z", "--no-renames", base, head
    )


def grow(history):
    text = "text\n" * 9
    history.commit("feat: 0", {"a": "0\n", "d/e/f": text, "d.x": "1\n", "same": "1\n"})
    history.commit("feat: 1", {"a": "1\n", "new\n": "1\n", "d/e/g": "1\n"})
    history.commit("feat: 2", {"a": "2\n"}, modes={"d.x": EXECUTABLE})
    history.commit("feat: 3", {"d/e/g": None, "l": "a"}, modes={"l": SYMLINK})
    history.commit("feat: 4", {"new\n": None}, renames={"d/e/f": "z/ä"})
    history.commit("feat: 5", {"same": "2\n", "d": "a file now\n"})
    history.commit("feat: 6", {"same": "1\n", "d": None, "d/e": "back\n"})


def test_squashed_lists_are_what_git_lists_between_the_ends(history, opened):
    grow(history)
    source = opened(history.folder)
    list_commits(source, 100)
    commits = [each for each in read_commits(source) if each.parents]
    for first in range(len(commits)):
        for last in range(first, len(commits)):
            window = commits[first : last + 1]
            base, head = window[0].parent_tree, window[-1].tree
            listed = parse_entries(raw(history.folder, base, head))
            assert squash_entries([each.entries for each in window]) == listed


def test_a_tree_with_the_entries_written_is_the_other_tree(history, opened):
    grow(history)
    source = opened(history.folder)
    list_commits(source, 100)
    trees = [each.tree for each in read_commits(source)]
    for base in trees:
        for head in trees:
            entries = parse_entries(raw(history.folder, base, head))
            assert write_tree(source.repository, base, entries) == head


def test_no_list_has_no_entries():
    assert parse_entries(b"") == parse_entries(b"\0\n") == ()


def test_collects_all_files_of_a_tree_root_first(patterns_of, history):
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
    patterns_of, history, tmp_path
):
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


def test_names_a_tree_that_no_project_has(patterns_of, history):
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
    def read(history, tree=""):
        own = str(history.repository[history.head].tree_id)
        return join_gitignores(read_gitignores(opened(history.folder), tree or own))

    return read


def ignored(folder, paths):
    return subprocess.run(
        ["git", "check-ignore", *paths], cwd=folder, capture_output=True, text=True
    ).stdout.splitlines()
