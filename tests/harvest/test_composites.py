import random
import subprocess
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import pytest

from diffscribe.core.records import Change
from diffscribe.harvest.harvest import harvest
from diffscribe.harvest.tally import Tally
from diffscribe.samples.builder import History


@pytest.fixture
def composites_of(harvest_params):
    def read(source: Path, **changed: Any) -> tuple[list[Change], dict[str, Any]]:
        changed = {"max_window_commits": 4, "composites_per_commit": 1.0} | changed
        params = harvest_params(source, windows_per_commit=1.0, **changed)
        tally = Tally()
        rows = harvest(params, tally, lambda commits, name, total: commits)
        changes = [Change.model_validate_json(row) for row in rows]
        counts = tally.metrics(params)
        composites = [each for each in changes if each.head != each.commits[-1].sha]
        assert counts["composites"] == len(composites)
        return composites, counts

    return read


def git(folder: Path, *arguments: str, given: bytes = b"") -> bytes:
    return subprocess.run(
        ["git", *arguments], cwd=folder, input=given, check=True, capture_output=True
    ).stdout


def grow(history: History, commits: int) -> list[str]:
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
def grown(history: History) -> tuple[History, list[str]]:
    return history, grow(history, 60)


def test_the_commits_are_not_adjacent_and_share_no_file(
    grown: tuple[History, list[str]], composites_of: Any
) -> None:
    history, shas = grown
    composites, counts = composites_of(history.folder)
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


def test_the_diff_is_what_the_commits_add_to_base_one_after_another(
    grown: tuple[History, list[str]], composites_of: Any
) -> None:
    history, _ = grown
    composites, _ = composites_of(history.folder)
    for change in composites:
        first = change.commits[0].sha
        assert git(history.folder, "rev-parse", f"{first}^").decode().strip() == (
            change.base
        )
        git(history.folder, "read-tree", change.base)
        for commit in change.commits:
            patch = git(
                history.folder, "diff", "--binary", "--full-index", f"{commit.sha}^!"
            )
            git(history.folder, "apply", "--cached", "-", given=patch)
        tree = git(history.folder, "write-tree").decode().strip()
        assert tree == change.head
        printed = git(
            history.folder, "diff", "-M", "--full-index", change.base, tree
        ).decode()
        assert change.diff == printed


def test_a_composite_stays_when_the_history_grows(
    history: History, composites_of: Any
) -> None:
    grow(history, 40)
    before, _ = composites_of(history.folder)
    for number in range(20):
        history.commit(f"feat: more {number}", {f"src/more{number}": "1\n"})
    after, _ = composites_of(history.folder)
    assert after[: len(before)] == before
    assert len(after) > len(before)


def test_commits_of_one_type_are_drawn_together(
    history: History, composites_of: Any
) -> None:
    for number in range(12):
        history.commit(f"fix: {number}", {f"f{number}": f"{number}\n"})
    composites, _ = composites_of(history.folder)
    assert len(composites) == 9
    assert all(c.message.startswith("fix: ") for x in composites for c in x.commits)


def test_the_source_gets_no_object(
    grown: tuple[History, list[str]], composites_of: Any
) -> None:
    history, _ = grown

    def objects() -> set[Path]:
        return set((history.folder / ".git").rglob("*"))

    before = objects()
    composites, _ = composites_of(history.folder)
    assert objects() == before
    for change in composites:
        with pytest.raises(subprocess.CalledProcessError):
            git(history.folder, "cat-file", "-e", change.head)


def test_a_share_of_commits_gets_a_composite(
    grown: tuple[History, list[str]], composites_of: Any
) -> None:
    history, _ = grown
    every, _ = composites_of(history.folder)
    some, _ = composites_of(history.folder, composites_per_commit=0.3)
    none, counts = composites_of(history.folder, composites_per_commit=0.0)
    assert 0 < len(some) < len(every)
    assert set(some) <= set(every)
    assert (none, counts["windows_dropped"]["no_partner"]) == ([], 0)


def test_a_file_in_the_way_of_a_folder_is_not_applicable(
    history: History, composites_of: Any
) -> None:
    history.commit("feat: begin", {"name": "1\n", "z": "1\n"})
    history.commit("feat: base", {"z": "2\n"})
    history.commit("chore: make way", {"name": None}, author="x[bot] <x@example.org>")
    history.commit("feat: folder", {"name/file": "1\n"})
    composites, counts = composites_of(history.folder)
    assert composites == []
    assert counts["windows_dropped"]["not_applicable"] == 1


def test_a_rename_across_two_commits_is_not_applicable(
    history: History, composites_of: Any
) -> None:
    text = "".join(f"line {number}\n" for number in range(40))
    history.commit("feat: begin", {"old": text, "z": "1\n"})
    history.commit("chore: remove", {"old": None})
    history.commit("fix: other", {"z": "2\n"}, author="x[bot] <x@example.org>")
    history.commit("feat: add", {"new": text})
    composites, counts = composites_of(history.folder)
    assert composites == []
    assert counts["windows_dropped"]["not_applicable"] == 1
