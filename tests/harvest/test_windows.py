import random
from collections import Counter
from itertools import combinations, pairwise

import pytest
from tests.support.source_fixtures import git_bytes, make_params, read_changes

from diffscribe.harvest.windows import draw_sizes


def make_limits(windows_per_commit, seed=7):
    return make_params(windows_per_commit=windows_per_commit, seed=seed)


def test_draws_distinct_sizes_in_order():
    for head in map(str, range(50)):
        sizes = draw_sizes(head, 3, make_limits(2.0))
        assert len(sizes) == 2
        assert sizes == sorted(set(sizes))
        assert set(sizes) <= {1, 2, 3}


def test_draws_every_size_where_there_are_no_more():
    assert draw_sizes("head", 1, make_limits(2.0)) == [1]
    assert draw_sizes("head", 3, make_limits(9.0)) == [1, 2, 3]


@pytest.mark.parametrize("windows_per_commit", [0.25, 1.0, 1.5])
def test_draws_as_many_windows_as_asked_for_of_all_sizes(windows_per_commit):
    heads, params = range(3000), make_limits(windows_per_commit)
    drawn = [draw_sizes(str(head), 3, params) for head in heads]
    sizes = Counter(size for each in drawn for size in each)
    assert sizes.total() / len(heads) == pytest.approx(windows_per_commit, abs=0.03)
    for size in (1, 2, 3):
        assert sizes[size] / sizes.total() == pytest.approx(1 / 3, abs=0.04)


def test_the_seed_and_the_head_decide():
    heads = [str(head) for head in range(30)]
    one = [draw_sizes(head, 3, make_limits(1.0)) for head in heads]
    assert one == [draw_sizes(head, 3, make_limits(1.0)) for head in heads]
    assert one != [draw_sizes(head, 3, make_limits(1.0, seed=8)) for head in heads]
    assert len(set(map(tuple, one))) == 3


def read_composites(source, **changed):
    changed = {"max_window_commits": 4, "composites_per_commit": 1.0} | changed
    changes, counts = read_changes(source, windows_per_commit=1.0, **changed)
    composites = [each for each in changes if each.head != each.commits[-1].sha]
    assert counts["composites"] == len(composites)
    return composites, counts


def grow(history, commits):
    """Commit edits, additions, removals, modes and renames of a few files."""
    draw = random.Random(7)
    files = {f"src/{name}/{name}.py": f"{name}\n" * 40 for name in "abcdefghijkl"}
    shas = [history.commit("feat: begin", files)]
    for number in range(commits):
        path = draw.choice([path for path in history.paths() if path != "new"])
        kind = draw.randrange(6)
        if kind == 0:
            name = f"src/x{number}/added.py"
            shas.append(history.commit(f"feat: add {number}", {name: f"{number}\n"}))
        elif kind == 1 and len(history.paths()) > 8:
            shas.append(history.commit(f"chore: drop {number}", {path: None}))
        elif kind == 2:
            moved = {path: f"lib/{number}.py"}
            shas.append(history.commit(f"refactor: {number}", {}, renames=moved))
        elif kind == 3:
            bot = "x[bot] <x@example.org>"
            text = history.read(path) + b"bot\n"
            shas.append(history.commit("chore: up", {path: text}, author=bot))
        else:
            text = history.read(path) + b"%d\n" % number
            shas.append(history.commit(f"fix: {number}", {path: text}))
    return shas


@pytest.fixture
def grown(history):
    return history, grow(history, 60)


def test_the_commits_are_not_adjacent_and_share_no_file(grown):
    history, shas = grown
    composites, counts = read_composites(history.folder)
    assert len(composites) > 25
    assert counts["windows_dropped"]["no_partner"] > 0
    for change in composites:
        places = [shas.index(commit.sha) for commit in change.commits]
        assert len(places) in (2, 3, 4)
        assert all(after - before > 1 for before, after in pairwise(places))
        for one, other in combinations(change.commits, 2):
            assert not set(one.files) & set(other.files)
        touched = {path for commit in change.commits for path in commit.files}
        paths = {path for file in change.files for path in (file.path, file.old_path)}
        assert paths - {None} == touched
    assert {len(change.commits) for change in composites} == {2, 3, 4}


@pytest.mark.slow
def test_the_diff_is_what_the_commits_add_to_base_one_after_another(grown):
    history, _ = grown
    composites, _ = read_composites(history.folder)
    for change in composites:
        first = change.commits[0].sha
        assert git_bytes(history.folder, "rev-parse", f"{first}^").decode().strip() == (
            change.base
        )
        git_bytes(history.folder, "read-tree", change.base)
        for commit in change.commits:
            patch = git_bytes(
                history.folder, "diff", "--binary", "--full-index", f"{commit.sha}^!"
            )
            git_bytes(history.folder, "apply", "--cached", "-", given=patch)
        tree = git_bytes(history.folder, "write-tree").decode().strip()
        assert tree == change.head
        printed = git_bytes(
            history.folder, "diff", "-M", "--full-index", change.base, tree
        ).decode()
        assert change.diff == printed


def test_a_composite_stays_when_the_history_grows(history):
    grow(history, 40)
    before, _ = read_composites(history.folder)
    for number in range(20):
        history.commit(f"feat: more {number}", {f"src/more{number}": "1\n"})
    after, _ = read_composites(history.folder)
    assert after[: len(before)] == before
    assert len(after) > len(before)


def test_commits_of_one_type_are_drawn_together(history):
    for number in range(12):
        history.commit(f"fix: {number}", {f"f{number}": f"{number}\n"})
    composites, _ = read_composites(history.folder)
    assert len(composites) == 9
    assert all(c.message.startswith("fix: ") for x in composites for c in x.commits)


def test_a_share_of_commits_gets_a_composite(grown):
    history, _ = grown
    every, _ = read_composites(history.folder)
    some, _ = read_composites(history.folder, composites_per_commit=0.3)
    none, counts = read_composites(history.folder, composites_per_commit=0.0)
    assert 0 < len(some) < len(every)
    assert set(some) <= set(every)
    assert (none, counts["windows_dropped"]["no_partner"]) == ([], 0)


def test_a_file_in_the_way_of_a_folder_is_not_applicable(history):
    history.commit("feat: begin", {"name": "1\n", "z": "1\n"})
    history.commit("feat: base", {"z": "2\n"})
    history.commit("chore: make way", {"name": None}, author="x[bot] <x@example.org>")
    history.commit("feat: folder", {"name/file": "1\n"})
    composites, counts = read_composites(history.folder)
    assert composites == []
    assert counts["windows_dropped"]["not_applicable"] == 1


def test_a_rename_across_two_commits_is_not_applicable(history):
    text = "".join(f"line {number}\n" for number in range(40))
    history.commit("feat: begin", {"old": text, "z": "1\n"})
    history.commit("chore: remove", {"old": None})
    history.commit("fix: other", {"z": "2\n"}, author="x[bot] <x@example.org>")
    history.commit("feat: add", {"new": text})
    composites, counts = read_composites(history.folder)
    assert composites == []
    assert counts["windows_dropped"]["not_applicable"] == 1
