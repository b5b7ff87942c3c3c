"""Find what rows of different splits share, on a path of its own.

Nothing here comes from the code that splits, or that finds duplicates before:
a mistake there is found here, and stops the stage.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from diffscribe.data.benchmarks import Benchmark
from diffscribe.data.similarity import shingle_changes, similar_pairs
from diffscribe.data.traces import Traces, traces_of
from diffscribe.errors import LeakError
from diffscribe.records import SplitChange

SIMILARITY = 0.7
"""Jaccard similarity from which two changes are near-duplicates. Clusters begin
lower, so that a pair on the border of one measure is not over that of the other."""
_NAMED = 5


class Kind(StrEnum):
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

    kind: Kind
    split: str
    id: str
    other_split: str
    """The split of the other row, or `benchmark`."""
    other_id: str
    """The id of the other row, or what the benchmark lists."""


class Row(NamedTuple):
    """A change in a split, and what gives it away."""

    split: str
    rank: int
    """Position of the split."""
    change: SplitChange
    traces: Traces


def find_leaks(
    splits: Mapping[str, Iterable[SplitChange]],
    benchmark: Benchmark,
    whole_repositories: bool,
) -> list[Leak]:
    """Return all leaks, at most one of a kind for each row.

    Of two rows the leak is of the one whose split comes first in `splits`.
    """
    rows = [
        Row(split, rank, change, traces_of(change))
        for rank, (split, changes) in enumerate(splits.items())
        for change in changes
    ]
    keyed = [
        *([(Kind.REPOSITORY, _repository)] if whole_repositories else []),
        (Kind.COMMIT, _commits),
        (Kind.PATCH_ID, _patch_ids),
        (Kind.FILE_SET, _file_sets),
        (Kind.VARIANT, _variants),
    ]
    leaks = [leak for kind, keys in keyed for leak in _shared(rows, kind, keys)]
    leaks += _parents(rows)
    leaks += _near_duplicates(rows)
    leaks += _benchmarked(rows, benchmark)
    return leaks


def count_leaks(leaks: Iterable[Leak]) -> dict[str, int]:
    """Return the number of leaks of each kind, zeros included."""
    counts = Counter(leak.kind for leak in leaks)
    return {kind.value: counts[kind] for kind in Kind}


def refuse_leaks(leaks: Sequence[Leak]) -> None:
    """Fail if there are any.

    Raises:
        LeakError: with the number of each kind, and the first rows by name.
    """
    if leaks:
        counts = {kind: number for kind, number in count_leaks(leaks).items() if number}
        kinds = ", ".join(f"{number} {kind}" for kind, number in counts.items())
        named = "; ".join(map(_words, leaks[:_NAMED]))
        more = f"; and {len(leaks) - _NAMED} more" if len(leaks) > _NAMED else ""
        raise LeakError(
            f"split: rows of different splits share what they must not: {kinds}: "
            f"{named}{more}; run curate again with a cluster_similarity below "
            f"{SIMILARITY}, and report it if it stays"
        )


def _words(leak: Leak) -> str:
    return (
        f"{leak.kind} of {leak.split} row {leak.id} "
        f"and {leak.other_split} row {leak.other_id}"
    )


def _shared(
    rows: Sequence[Row], kind: Kind, keys_of: Callable[[Row], Iterable[object]]
) -> Iterator[Leak]:
    """Yield each row that has a key of a row of a later split."""
    last: dict[object, Row] = {key: row for row in rows for key in keys_of(row)}
    for row in rows:
        others = (last[key] for key in keys_of(row))
        other = next((each for each in others if each.rank > row.rank), None)
        if other:
            yield _leak(kind, row, other)


def _repository(row: Row) -> Iterable[object]:
    return [row.change.repo]


def _commits(row: Row) -> Iterable[object]:
    return [commit.sha for commit in row.change.commits]


def _patch_ids(row: Row) -> Iterable[object]:
    return [row.traces.patch_id]


def _variants(row: Row) -> Iterable[object]:
    return [row.change.parent_id] if row.change.parent_id else []


def _file_sets(row: Row) -> Iterable[object]:
    folders = {path.partition("/")[0] for path in row.traces.paths if "/" in path}
    if len(row.traces.paths) < 2 or all(folder.startswith(".") for folder in folders):
        return []
    return [row.traces.paths]


def _parents(rows: Iterable[Row]) -> Iterator[Leak]:
    rows_of = {row.change.id: row for row in rows}
    for row in rows:
        parent = rows_of.get(row.change.parent_id or "")
        if parent and parent.rank != row.rank:
            yield _leak(Kind.PARENT, *sorted((row, parent), key=lambda each: each.rank))


def _near_duplicates(rows: Sequence[Row]) -> Iterator[Leak]:
    """Compare the lines of each split with those of all later ones."""
    texts = list(dict.fromkeys(row.traces.lines for row in rows))
    shingles = dict(zip(texts, shingle_changes(texts), strict=True))
    for rank in sorted({row.rank for row in rows}):
        own = {row.traces.lines: row for row in rows if row.rank == rank}
        later = {row.traces.lines: row for row in rows if row.rank > rank}
        found = similar_pairs(
            [shingles[text] for text in own],
            [shingles[text] for text in later],
            SIMILARITY,
        )
        own_texts, later_rows = list(own), list(later.values())
        other_of = {own_texts[one]: later_rows[other] for one, other in found}
        for row in rows:
            if row.rank == rank and row.traces.lines in other_of:
                yield _leak(Kind.NEAR_DUPLICATE, row, other_of[row.traces.lines])


def _benchmarked(rows: Iterable[Row], benchmark: Benchmark) -> Iterator[Leak]:
    for row in rows:
        listed = [c.sha for c in row.change.commits if c.sha in benchmark.commits]
        if benchmark.has_repository(row.change.repo):
            listed.insert(0, row.change.repo)
        if listed:
            yield Leak(Kind.BENCHMARK, row.split, row.change.id, "benchmark", listed[0])


def _leak(kind: Kind, row: Row, other: Row) -> Leak:
    return Leak(kind, row.split, row.change.id, other.split, other.change.id)
