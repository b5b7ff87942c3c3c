import hashlib
import itertools
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pygit2
import pytest
import tree_sitter
import tree_sitter_c
import tree_sitter_go
import tree_sitter_java
import tree_sitter_python
import tree_sitter_rust
import tree_sitter_typescript
import yaml

from diffscribe.commits.grammar import TYPES
from diffscribe.core.params import SamplesParams
from diffscribe.samples.build import build_sample, count_samples
from diffscribe.samples.builder import History
from diffscribe.samples.domains import all_repositories
from diffscribe.samples.story import tell

pytestmark = pytest.mark.slow

REPOSITORIES = all_repositories()
SECTION = SamplesParams(commits_per_repository=80, seed=7)
GRAMMARS = {
    ".py": tree_sitter_python.language(),
    ".ts": tree_sitter_typescript.language_typescript(),
    ".go": tree_sitter_go.language(),
    ".rs": tree_sitter_rust.language(),
    ".java": tree_sitter_java.language(),
    ".c": tree_sitter_c.language(),
    ".h": tree_sitter_c.language(),
}
READERS = {
    ".json": json.loads,
    ".toml": tomllib.loads,
    ".yml": yaml.safe_load,
    "Cargo.lock": tomllib.loads,
    "uv.lock": tomllib.loads,
    "conan.lock": json.loads,
}


class Told(NamedTuple):
    """A commit as git shows it."""

    repository: str
    author: str
    message: str
    parents: int
    changes: tuple[tuple[str, str, str, bool], ...]
    """Letter, old path, new path, and whether it is binary."""


@pytest.fixture(scope="module")
def histories(tmp_path_factory: pytest.TempPathFactory) -> dict[str, History]:
    folder = tmp_path_factory.mktemp("samples")
    histories = {}
    for repository in REPOSITORIES:
        history = History(folder / repository.name)
        tell(history, repository, 80, 7)
        histories[repository.name] = history
    return histories


@pytest.fixture(scope="module")
def commits(histories: dict[str, History]) -> list[Told]:
    return [
        told for name, history in histories.items() for told in _commits(name, history)
    ]


def _commits(name: str, history: History) -> Iterator[Told]:
    for commit in history.repository.walk(history.head):
        deltas = []
        if commit.parents:
            diff = commit.parents[0].tree.diff_to_tree(commit.tree)
            diff.find_similar()
            deltas = list(diff.deltas)
        changes = [
            (
                delta.status_char(),
                delta.old_file.path,
                delta.new_file.path,
                b"\0" in _content(commit, delta.new_file.path),
            )
            for delta in deltas
        ]
        yield Told(
            name,
            commit.author.name,
            commit.message,
            len(commit.parents),
            tuple(changes),
        )


def _content(commit: pygit2.Commit, path: str) -> bytes:
    return commit.tree[path].data if path in commit.tree else b""


def test_two_builds_give_the_same_bytes_as_on_every_machine(tmp_path: Path) -> None:
    for name in ("one.bundle", "two.bundle"):
        build_sample(REPOSITORIES[0], tmp_path / name, SECTION)
    one = (tmp_path / "one.bundle").read_bytes()
    assert one == (tmp_path / "two.bundle").read_bytes()
    assert hashlib.sha256(one).hexdigest() == (
        "673093407faea4c171dcfd404b1ba27fb7cfcb0d8f50760db65ec56ef135e155"
    )


def test_another_seed_tells_another_story(tmp_path: Path) -> None:
    short = SamplesParams(commits_per_repository=40, seed=7)
    other = SamplesParams(commits_per_repository=40, seed=8)
    one = build_sample(REPOSITORIES[0], tmp_path / "one.bundle", short)
    two = build_sample(REPOSITORIES[0], tmp_path / "two.bundle", other)
    assert one.messages[-2] != two.messages[-2]


def test_there_are_four_thousand_commits_in_six_languages(
    histories: dict[str, History],
) -> None:
    counts = [len(history.messages()) for history in histories.values()]
    assert len(counts) == 48
    assert min(counts) >= 80
    assert 3840 <= sum(counts) <= 4400
    assert len({repository.language for repository in REPOSITORIES}) == 6


def test_conventional_repositories_have_the_types_and_the_other_none(
    commits: list[Told],
) -> None:
    for repository in REPOSITORIES:
        headers = [
            each.message for each in commits if each.repository == repository.name
        ]
        present = {
            kind
            for kind in TYPES
            if any(x.startswith((kind + ":", kind + "(", kind + "!")) for x in headers)
        }
        expected = set(TYPES) if repository.is_conventional else set()
        assert present == expected, repository.name


def test_every_changed_source_parses_at_every_commit(
    histories: dict[str, History],
) -> None:
    parsers = {
        ending: tree_sitter.Parser(tree_sitter.Language(grammar))
        for ending, grammar in GRAMMARS.items()
    }
    seen = set()
    for name, history in histories.items():
        for commit in history.repository.walk(history.head):
            for path, blob in _blobs(commit.tree, ""):
                if (path, blob.id) in seen:
                    continue
                seen.add((path, blob.id))
                ending = Path(path).suffix
                if ending in parsers:
                    root = parsers[ending].parse(blob.data).root_node
                    assert not root.has_error, (name, str(commit.id), path)
                reader = READERS.get(ending) or READERS.get(Path(path).name)
                if reader:
                    assert reader(blob.data.decode())
    assert len(seen) > 1500


def _blobs(tree: pygit2.Tree, folder: str) -> Iterator[tuple[str, pygit2.Blob]]:
    for entry in tree:
        if isinstance(entry, pygit2.Tree):
            yield from _blobs(entry, f"{folder}{entry.name}/")
        else:
            yield f"{folder}{entry.name}", entry


def test_each_thing_that_a_harvest_meets_occurs(commits: list[Told]) -> None:
    changes = [change for each in commits for change in each.changes]
    assert {letter for letter, *_ in changes} >= {"A", "M", "D", "R"}
    assert any(is_binary for *_, is_binary in changes)
    assert any(not new.isascii() for _, _, new, _ in changes)
    assert any(new.endswith((".lock", "-lock.json")) for _, _, new, _ in changes)
    assert {each.parents for each in commits} == {0, 1, 2}
    assert {each.author for each in commits} >= {"dependabot[bot]", "renovate[bot]"}
    messages = [each.message for each in commits]
    for text in (
        "This reverts commit ",
        "\n\nBREAKING CHANGE: ",
        "Signed-off-by: ",
        "Co-authored-by: ",
        "Closes #",
        "WIP\n",
        "fixup! ",
        "Merge branch '",
        "Merge pull request #",
        "LOG-",
    ):
        assert any(text in message for message in messages), text


def test_commits_are_small(commits: list[Told]) -> None:
    files = sorted(len(each.changes) for each in commits if each.parents == 1)
    assert files[len(files) // 2] <= 2
    assert sum(files) / len(files) > 1.5
    assert files[-1] <= 8


def test_neighbours_mostly_touch_different_files(histories: dict[str, History]) -> None:
    for name, history in histories.items():
        chain = [
            {path for _, old, new, _ in told.changes for path in (old, new)}
            for told in _first_parents(name, history)
        ]
        apart = [not one & two for one, two in itertools.pairwise(chain)]
        assert sum(apart) / len(apart) > 0.95, name


def _first_parents(name: str, history: History) -> list[Told]:
    walker = history.repository.walk(history.head)
    walker.simplify_first_parent()
    shas = {str(commit.id) for commit in walker}
    shown = zip(
        history.repository.walk(history.head), _commits(name, history), strict=True
    )
    return [told for commit, told in shown if str(commit.id) in shas]


def test_headers_fit_and_stay_on_one_line(commits: list[Told]) -> None:
    long = [
        each.message
        for each in commits
        if len(each.message.splitlines()[0]) > 72
        and not each.message.startswith(("Revert", "revert", "fixup", "Merge"))
    ]
    assert long == []


def test_reverts_restore_the_files(histories: dict[str, History]) -> None:
    reverts = 0
    for history in histories.values():
        for commit in history.repository.walk(history.head):
            _, found, sha = commit.message.partition("This reverts commit ")
            if not found:
                continue
            reverts += 1
            undone = history.repository[sha.strip().removesuffix(".")]
            for delta in undone.parents[0].tree.diff_to_tree(undone.tree).deltas:
                path = delta.new_file.path
                before = _content(undone.parents[0], path)
                assert _content(commit, path) == before
    assert reverts > 10


def test_counts_have_the_same_keys_for_nothing() -> None:
    counts = count_samples([])
    assert set(counts.values()) == {0}
    assert {f"type_{kind}" for kind in TYPES} < counts.keys()
