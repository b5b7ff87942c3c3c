"""Commits of random drafts of random working trees, made by real git."""

import os
import shutil
from pathlib import Path
from random import Random

import pytest
from tests.propose.working_trees import Tree, random_draft, run

from diffscribe.commits.diff import patches_by_path
from diffscribe.commits.units import units_of
from diffscribe.doors.checkout import (
    aside,
    head_of,
    open_checkout,
    publish,
    settled_entries,
    snapshot,
    undo,
)
from diffscribe.propose.apply import Terms, build
from diffscribe.propose.change import read_change
from diffscribe.propose.draft import draft_problem

pytestmark = pytest.mark.slow


def expected_tree(tree, folder):
    """Return what git itself stages of all, in a copy of the index."""
    index = folder / "expected"
    own = Path(run(tree.top, "rev-parse", "--git-path", "index").decode().strip())
    if (tree.top / own).exists():
        shutil.copy2(tree.top / own, index)
    run(
        *(tree.top, "add", "--all", "--sparse", "--", ":/"),
        *([":(top,exclude)nested"] if (tree.top / "nested").exists() else []),
        GIT_INDEX_FILE=str(index),
    )
    run(
        *(tree.top, "update-index", "--force-remove", "--", *tree.forgotten()),
        GIT_INDEX_FILE=str(index),
    )
    sha = run(tree.top, "write-tree", GIT_INDEX_FILE=str(index)).decode().strip()
    index.unlink()
    return sha


def lines_of(change, path, numbers):
    """Return how many lines hunks of a file add and remove."""
    hunks = [h for patch in patches_by_path(change.diff)[path] for h in patch.hunks]
    chosen = [hunks[number - 1] for number in numbers]
    lines = [line for hunk in chosen for line in hunk.lines]
    return [sum(line[0] == sign for line in lines) for sign in "+-"]


def commit_once(tree, draw, folder):
    """Commit the working tree by a random draft and check all that it must keep."""
    checkout = open_checkout(tree.top)
    head = head_of(checkout)
    before, staged = tree.state(), run(tree.top, "ls-files", "--stage", "-z")
    wanted, forgotten = expected_tree(tree, folder), tree.forgotten()
    with aside(checkout) as work:
        found = snapshot(work, head)
        assert found == wanted
        change = read_change(work, head, found)
        assert run(tree.top, "ls-files", "--stage", "-z") == staged
        if not change.files:
            return 0
        draft = random_draft(change, draw)
        assert draft_problem(draft, units_of(change.files, change.diff)) is None
        if not draft.plan.commits:
            return 0
        built = build(work, head, found, change, draft, Terms(), None)
        assert head_of(checkout) == head
        entries = (*built.entries, *settled_entries(work, head, found))
        publish(work, head, built.commits[-1], entries, built.edits)
    assert tree.state() == before
    now = head_of(checkout)
    assert (now.commit, now.tree) == (built.commits[-1], built.tree)
    if not draft.left_out:
        assert now.tree == wanted
        shown = ("status", "--porcelain", "--untracked-files=all", "-z")
        status = run(tree.top, *shown).split(b"\0")
        kept = [*map(os.fsencode, forgotten)]
        assert {line[3:] for line in status} <= {b"", b"nested/", *kept}
        assert {*run(tree.top, "ls-files", "-z").split(b"\0")}.isdisjoint(kept)
    if not forgotten:
        assert expected_tree(tree, folder) == wanted
    listed = run(
        tree.top,
        "rev-list",
        "--reverse",
        "HEAD",
        *([f"^{head.commit}"] if head.commit else []),
        "--",
    )
    assert listed.decode().split() == list(built.commits)
    check_parts(tree, change, draft, built)
    run(tree.top, "fsck", "--strict", "--no-dangling")
    if draw.random() < 0.3:
        undo(checkout)
        assert head_of(checkout) == head
        assert run(tree.top, "ls-files", "--stage", "-z") == staged
        assert tree.state() == before
    return len(built.commits)


def check_parts(tree, change, draft, built):
    """Compare what git says of each commit of split files with their hunks."""
    if len(built.commits) != len(draft.plan.commits):
        return
    for sha, commit in zip(built.commits, draft.plan.commits, strict=True):
        for path, numbers in commit.hunks.items():
            shown = run(
                tree.top, "show", "--numstat", "-M", "-z", "--format=", "--text", sha
            )
            assert (
                b"\t".join(b"%d" % n for n in lines_of(change, path, numbers)) in shown
            )


@pytest.mark.parametrize("kind", Tree.KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_any_draft_of_any_working_tree_becomes_commits(tmp_path, kind, seed):
    draw = Random(f"{kind}{seed}")
    tree = Tree(tmp_path, kind, draw)
    made = 0
    for _ in range(10):
        tree.change()
        made += commit_once(tree, draw, tmp_path)
    assert made > 5
