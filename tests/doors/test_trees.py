import subprocess
from pathlib import Path
from typing import Any

from diffscribe.doors.trees import parse_entries, squashed, write_tree
from diffscribe.harvest.walk import Walk
from diffscribe.samples.builder import EXECUTABLE, SYMLINK, History


def raw(folder: Path, base: str, head: str) -> bytes:
    return subprocess.run(
        ["git", "diff-tree", "-r", "--raw", "-z", "--no-renames", base, head],
        cwd=folder,
        check=True,
        capture_output=True,
    ).stdout


def grow(history: History) -> None:
    text = "text\n" * 9
    history.commit("feat: 0", {"a": "0\n", "d/e/f": text, "d.x": "1\n", "same": "1\n"})
    history.commit("feat: 1", {"a": "1\n", "new\n": "1\n", "d/e/g": "1\n"})
    history.commit("feat: 2", {"a": "2\n"}, modes={"d.x": EXECUTABLE})
    history.commit("feat: 3", {"d/e/g": None, "l": "a"}, modes={"l": SYMLINK})
    history.commit("feat: 4", {"new\n": None}, renames={"d/e/f": "z/ä"})
    history.commit("feat: 5", {"same": "2\n", "d": "a file now\n"})
    history.commit("feat: 6", {"same": "1\n", "d": None, "d/e": "back\n"})


def test_squashed_lists_are_what_git_lists_between_the_ends(
    history: History, opened: Any
) -> None:
    grow(history)
    commits = [each for each in Walk(opened(history.folder), 100) if each.parents]
    for first in range(len(commits)):
        for last in range(first, len(commits)):
            window = commits[first : last + 1]
            base, head = window[0].parent_tree, window[-1].tree
            listed = parse_entries(raw(history.folder, base, head))
            assert squashed([each.entries for each in window]) == listed


def test_a_tree_with_the_entries_written_is_the_other_tree(
    history: History, opened: Any
) -> None:
    grow(history)
    source = opened(history.folder)
    trees = [each.tree for each in Walk(source, 100)]
    for base in trees:
        for head in trees:
            entries = parse_entries(raw(history.folder, base, head))
            tree = write_tree(source.repository, source.read(base), entries)
            assert str(tree) == head


def test_no_list_has_no_entries() -> None:
    assert parse_entries(b"") == parse_entries(b"\0\n") == ()
