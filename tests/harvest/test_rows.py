import random

import pytest

from diffscribe.harvest.history import diff_trees, list_commits, read_commits
from diffscribe.harvest.windows import BlobSizes, exceeds


@pytest.fixture
def verdicts(opened):
    def read(folder, max_chars):
        """Return for each commit how long its diff is, and what was said unseen."""
        source = opened(folder)
        list_commits(source, 100)
        commits = [each for each in read_commits(source) if each.parents]
        pairs = [(each.parent_tree, each.tree) for each in commits]
        patches = diff_trees(source.folder, source.path, pairs, 10**9)
        return [
            (
                len(patch.diff),
                exceeds(source, commit.entries, BlobSizes(source), max_chars),
            )
            for commit, patch in zip(commits, patches, strict=True)
        ]

    return read


def test_is_certain_of_files_that_grow_or_shrink_by_more(verdicts, history):
    history.commit("feat: begin", {"a": "0\n"})
    history.commit("feat: grow", {"a": "0\n" + "x\n" * 500})
    history.commit("feat: shrink", {"a": "0\n"})
    history.commit("feat: add", {"b": "y\n" * 500})
    history.commit("feat: remove", {"b": None})
    assert [said for _, said in verdicts(history.folder, 999)] == [True] * 4
    assert [said for _, said in verdicts(history.folder, 1000)] == [False] * 4


def test_does_not_count_what_may_be_renamed(verdicts, history):
    history.commit("feat: begin", {"a": "x\n" * 900})
    history.commit("feat: move", {}, renames={"a": "b"})
    history.commit("feat: move more", {"c": "z" * 5000}, renames={"b": "d"})
    (length, said), (_, undecided) = verdicts(history.folder, 1000)
    assert (length < 1000, said, undecided) == (True, False, False)


def test_never_says_of_a_shorter_diff_that_it_is_longer(verdicts, history):
    draw = random.Random(7)
    history.commit("feat: begin", {"a": "0\n"})
    for number in range(40):
        letters = draw.choice(["xyz", "äöü", "日本語", "\0ab"])
        text = "".join(
            "".join(draw.choices(letters, k=draw.randrange(60))) + "\n"
            for _ in range(draw.randrange(40))
        )
        history.commit(f"feat: {number}", {draw.choice("abc"): text})
    certain = 0
    for max_chars in (10, 100, 300, 1000):
        for length, said in verdicts(history.folder, max_chars):
            assert not said or length > max_chars
            certain += said
    assert certain > 30
