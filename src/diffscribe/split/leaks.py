"""Find what rows of different splits share.

Nothing here comes from the code that splits, and of what finds duplicates before it
only the search for similar sets, which is exact: a mistake there is found here, and
stops the stage.
"""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from diffscribe.commits.diff import FilePatch, parse_diff
from diffscribe.core.errors import LeakError, ParamsError
from diffscribe.core.records import Change, SplitChange

SIMILARITY = 0.7
"""Jaccard similarity from which two changes are near-duplicates. Clusters begin
lower, so that a pair on the border of one measure is not over that of the other."""
_NAMED = 5
"""Leaks that the error lists with their rows."""


class LeakKind(StrEnum):
    """What a row shares with one of another split."""

    REPOSITORY = "repository"
    """Counted only if whole repositories are to stay together."""
    COMMIT = "commit"
    PATCH_ID = "patch_id"
    """The same change of the same paths, whitespace and line numbers apart."""
    FILE_SET = "file_set"
    """The same two or more files, one below a folder that is not hidden: others
    have the same names in every project."""
    NEAR_DUPLICATE = "near_duplicate"
    PARENT = "parent"
    """One is the other, or its variant with junk."""
    VARIANT = "variant"
    """Both are variants of one change."""
    BENCHMARK = "benchmark"
    """A repository or commit that is to be in no split at all."""


class Leak(NamedTuple):
    """A row that gives away another, or is of a benchmark."""

    kind: LeakKind
    split: str
    id: str
    other_split: str
    """The split of the other row, or `benchmark`."""
    other_id: str
    """The id of the other row, or the entry of the benchmark."""


class Traces(NamedTuple):
    """What identifies a change; injected files are left out."""

    paths: frozenset[str]
    patch_id: str
    lines: tuple[str, str]
    """Those removed and those added, without their signs."""


class _Row(NamedTuple):
    """A change in a split."""

    split: str
    rank: int
    """Position of the split."""
    change: SplitChange
    traces: Traces


def find_leaks(
    splits: Mapping[str, Iterable[SplitChange]],
    benchmark: "Benchmark",
    whole_repositories: bool,
) -> list[Leak]:
    """Return all leaks, at most one of a kind for each row.

    Of two rows the leak is of the one whose split comes first in `splits`.
    """
    rows = [
        _Row(split, rank, change, traces_of(change))
        for rank, (split, changes) in enumerate(splits.items())
        for change in changes
    ]
    leaks = [
        leak
        for kind, keys_of in _KEYS.items()
        if kind != LeakKind.REPOSITORY or whole_repositories
        for leak in _shared(rows, kind, keys_of)
    ]
    leaks += _parents(rows)
    leaks += _near_duplicates(rows)
    for row in rows:
        change = row.change
        listed = [c.sha for c in change.commits if c.sha in benchmark.commits]
        if benchmark.has_repository(change.repo):
            listed.insert(0, change.repo)
        if listed:
            kind, (entry, *_) = LeakKind.BENCHMARK, listed
            leaks.append(Leak(kind, row.split, change.id, "benchmark", entry))
    return leaks


def count_leaks(leaks: Iterable[Leak]) -> dict[str, int]:
    """Return the number of leaks of each kind, zeros included."""
    counts = Counter(leak.kind for leak in leaks)
    return {kind.value: counts[kind] for kind in LeakKind}


def refuse_leaks(leaks: Sequence[Leak]) -> None:
    """Fail if there are any.

    Raises:
        LeakError: with the number of each kind, and the first rows by name.
    """
    if leaks:
        counts = count_leaks(leaks).items()
        kinds = ", ".join(f"{number} {kind}" for kind, number in counts if number)
        named = "; ".join(
            f"{leak.kind} of {leak.split} row {leak.id} "
            f"and {leak.other_split} row {leak.other_id}"
            for leak in leaks[:_NAMED]
        )
        more = f"; and {len(leaks) - _NAMED} more" if len(leaks) > _NAMED else ""
        raise LeakError(
            f"split: rows of different splits share what they must not: {kinds}: "
            f"{named}{more}; run the stages from curate on again, and report it if "
            "it stays"
        )


# What is the same in two rows.


def traces_of(change: SplitChange) -> Traces:
    """Return the traces of a change, or of the change that a variant was made of."""
    injected = {*change.junk, *change.decoys}
    patches = [patch for patch in parse_diff(change.diff) if patch.path not in injected]
    lines = [line for patch in patches for line in patch.lines]
    removed, added = (
        "".join(line[1:] for line in lines if line[0] == sign) for sign in "-+"
    )
    paths = frozenset(file.path for file in change.files) - injected
    return Traces(paths, patch_id(patches), (removed, added))


def patch_id(patches: Iterable[FilePatch]) -> str:
    """Return a digest of all but whitespace and positions, as git patch-id does."""
    digest = hashlib.sha256()
    for patch in patches:
        for line in (*patch.header, *patch.lines):
            if patch.is_binary or not line.startswith(("index ", "\\")):
                digest.update("".join(line.split()).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _file_sets(row: _Row) -> Iterable[object]:
    paths = row.traces.paths
    is_own = any("/" in path and path[0] != "." for path in paths)
    return [paths] if is_own and len(paths) > 1 else []


_Keys = Callable[[_Row], Iterable[object]]
_KEYS: dict[LeakKind, _Keys] = {
    LeakKind.REPOSITORY: lambda row: [row.change.repo],
    LeakKind.COMMIT: lambda row: [commit.sha for commit in row.change.commits],
    LeakKind.PATCH_ID: lambda row: [row.traces.patch_id],
    LeakKind.FILE_SET: _file_sets,
    LeakKind.VARIANT: lambda row: filter(None, [row.change.parent_id]),
}


def _shared(rows: Sequence[_Row], kind: LeakKind, keys_of: _Keys) -> Iterator[Leak]:
    """Yield each row that has a key of a row of a later split."""
    last: dict[object, _Row] = {key: row for row in rows for key in keys_of(row)}
    for row in rows:
        others = (last[key] for key in keys_of(row))
        other = next((each for each in others if each.rank > row.rank), None)
        if other:
            yield _leak(kind, row, other)


def _parents(rows: Iterable[_Row]) -> Iterator[Leak]:
    rows_of = {row.change.id: row for row in rows}
    for row in rows:
        parent = rows_of.get(row.change.parent_id or "")
        if parent and parent.rank != row.rank:
            first, second = sorted((row, parent), key=lambda each: each.rank)
            yield _leak(LeakKind.PARENT, first, second)


def _leak(kind: LeakKind, row: _Row, other: _Row) -> Leak:
    return Leak(kind, row.split, row.change.id, other.split, other.change.id)


# What is nearly the same.

TOKENS = 5
_TOKEN = re.compile(r"\w+|[^\w\s]")


def _near_duplicates(rows: Sequence[_Row]) -> Iterator[Leak]:
    from diffscribe.commits.near_duplicates import similar_pairs

    texts = list(dict.fromkeys(row.traces.lines for row in rows))
    shingles = shingle_changes(texts)
    pairs_of: dict[tuple[str, str], list[object]] = {
        text: [text] if each.size else []
        for text, each in zip(texts, shingles, strict=True)
    }
    for pair in similar_pairs(shingles, SIMILARITY):
        for position in pair:
            pairs_of[texts[position]].append(pair)
    yield from _shared(
        rows, LeakKind.NEAR_DUPLICATE, lambda row: pairs_of[row.traces.lines]
    )


def shingle_changes(changes: Iterable[tuple[str, str]]) -> list[Any]:
    """Return the sorted shingles of each change, its removed and its added text.

    A shingle is the hash of five consecutive words or signs of one of the two texts,
    fewer at its end: each word begins one. Hashes are comparable within one call only.
    """
    import numpy as np

    numbers: defaultdict[str, int] = defaultdict(count(1).__next__)
    random = Random(TOKENS)  # noqa: S311
    factors = np.array([random.getrandbits(64) | 1 for _ in range(TOKENS)], np.uint64)
    end = np.zeros(TOKENS - 1, np.uint64)
    shingles = []
    for texts in changes:
        parts = []
        for side, text in enumerate(texts):
            words = map(numbers.__getitem__, _TOKEN.findall(text))
            parts += [2 * np.fromiter(words, np.uint64) + np.uint64(side), end]
        row = np.concatenate(parts)
        starts = np.flatnonzero(row[: 1 - TOKENS])
        runs = [row[starts + at] * factors[at] for at in range(TOKENS)]
        shingles.append(np.unique(sum(runs)))
    return shingles


# What no split may hold.

_SHA = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_ABBREVIATED = re.compile(r"(?=.*[0-9])[0-9a-f]{7,39}")


class Benchmark(NamedTuple):
    """Repositories and commits that are kept out of the splits."""

    repositories: frozenset[str]
    """Lower-case names; `owner/name` is meant on every host."""
    commits: frozenset[str]

    def has_repository(self, repo: str) -> bool:
        """Tell whether a repository is listed, by its name or its end."""
        parts = repo.lower().split("/")
        names = {"/".join(parts[start:]) for start in range(len(parts))}
        return not names.isdisjoint(self.repositories)

    def has_commit(self, change: Change) -> bool:
        """Tell whether a change contains a commit that is listed."""
        return any(commit.sha in self.commits for commit in change.commits)


def read_benchmarks(entries: Iterable[str], folder: Path) -> Benchmark:
    """Return what params list: repositories, and files `*.txt` of the folder.

    A line of a file is a repository or a whole commit sha; `#` begins a comment.

    Raises:
        ParamsError: if there is no such file, or a sha is abbreviated.
    """
    repositories: set[str] = set()
    commits: set[str] = set()
    for entry in entries:
        if entry.endswith(".txt"):
            lines = _entries(folder / entry)
        else:
            lines = {"split.benchmarks": entry.lower()}
        for where, name in lines.items():
            if _ABBREVIATED.fullmatch(name):
                raise ParamsError(f"{where}: write all digits of the commit sha {name}")
            (commits if _SHA.fullmatch(name) else repositories).add(name)
    return Benchmark(frozenset(repositories), frozenset(commits))


def _entries(path: Path) -> dict[str, str]:
    """Return the names in a file by their places."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ParamsError(
            f"split.benchmarks: '{path}' cannot be read; name a text file of "
            f"'{path.parent}', or a repository"
        ) from error
    named = (line.partition("#")[0].strip().lower() for line in text.splitlines())
    return {f"{path}:{number}": name for number, name in enumerate(named, 1) if name}
