"""Which rows a person is asked to judge: a stratified draw by the hash of the id."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, TypeVar

from diffscribe.commits.cleanup import strip_marks
from diffscribe.commits.conventional import parse_header, split_message
from diffscribe.jsonl import read_jsonl
from diffscribe.records import Change

C = TypeVar("C", bound=Change)

_MOST_COMMITS_APART = 4


class Stratum(NamedTuple):
    """What changes have in common that are drawn in proportion."""

    repo: str
    commits: int
    """Original commits; 4 is 4 or more."""
    type: str
    """Of the first original commit; empty if it is not conventional."""


def drawn(changes: Iterable[Change], rows: int) -> frozenset[str]:
    """Return the ids of so many changes, or of all if there are not more.

    Strata stand in order, and every N/n-th change of all gives its stratum a
    place; so each has within one of its share, and so has each repository. The
    places of a stratum go to the smallest hashes of ids. Every change has the
    same chance, hence a share of the sample estimates that of all. The order of
    the changes and their labels play no part, and a new change replaces few.
    """
    members: dict[Stratum, list[str]] = defaultdict(list)
    for change in changes:
        members[_stratum(change)].append(change.id)
    total = sum(map(len, members.values()))
    chosen: list[str] = []
    before = 0
    for stratum in sorted(members):
        ids = members[stratum]
        after = before + len(ids)
        places = _places(after, rows, total) - _places(before, rows, total)
        chosen += sorted(ids, key=_hash)[:places]
        before = after
    return frozenset(chosen)


def sampled(path: Path, rows: int, kind: type[C]) -> list[C]:
    """Return the rows of a file that are drawn, in the order of the file.

    The file is read twice, so that only these are in memory.
    """
    ids = drawn(read_jsonl(path, kind), rows)
    return [row for row in read_jsonl(path, kind) if row.id in ids]


def _stratum(change: Change) -> Stratum:
    first = change.commits[0].message if change.commits else ""
    header = parse_header(strip_marks(split_message(first).header))
    return Stratum(
        change.repo,
        min(len(change.commits), _MOST_COMMITS_APART),
        header.type if header else "",
    )


def _places(changes: int, rows: int, total: int) -> int:
    """Return how many of the first changes are drawn: the middle one of each N/n."""
    if rows >= total:
        return changes
    return (2 * changes * rows + total) // (2 * total)


def _hash(change_id: str) -> str:
    return hashlib.sha256(f"gate {change_id}".encode()).hexdigest()
