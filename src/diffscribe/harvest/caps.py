"""Draw the changes that stay within the caps of repository, author and all."""

import hashlib
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from diffscribe.harvest.rows import Row


class CapReason(StrEnum):
    """Which cap a change is beyond; also its key in the counts of harvest."""

    MAX_PER_REPO = "max_per_repo"
    MAX_PER_AUTHOR = "max_per_author"
    MAX_CHANGES = "max_changes"


class Caps(NamedTuple):
    """Maximum numbers of changes; None is no limit."""

    all: int | None
    author: int | None
    repo: Mapping[str, int | None]
    """By name of the repository; one without an entry has no limit."""
    seed: int


def apply_caps(
    rows: Iterable[Row], caps: Caps
) -> Iterator[tuple[Row, CapReason | None]]:
    """Yield each row in order, with the cap that it is beyond, if any.

    Where there is a cap all rows are read first; their lines wait in a file.
    """
    if not any((caps.all, caps.author, *caps.repo.values())):
        yield from ((row, None) for row in rows)
        return
    with tempfile.TemporaryFile() as lines:
        waiting = []
        for row in rows:
            lines.write(row.line)
            waiting.append(row._replace(line=b""))
        beyond = beyond_caps(waiting, caps)
        lines.seek(0)
        for number, (line, row) in enumerate(zip(lines, waiting, strict=True)):
            yield row._replace(line=line), beyond.get(number)


def beyond_caps(rows: Sequence[Row], caps: Caps) -> dict[int, CapReason]:
    """Return the positions of the rows that go, each with the first cap it is beyond.

    Rows are taken in the order of a hash of seed and id, each if it is within the caps
    of its repository, of its authors and of all. So a draw stays when a repository
    grows: a new change replaces as few others as the caps allow.
    """
    beyond: dict[int, CapReason] = {}
    taken = 0
    repos: Counter[str] = Counter()
    authors: Counter[str] = Counter()
    for number in sorted(range(len(rows)), key=lambda at: _rank(rows[at], caps.seed)):
        row = rows[number]
        busiest = max((authors[name] for name in row.authors), default=0)
        if _is_reached(caps.repo.get(row.repo), repos[row.repo]):
            beyond[number] = CapReason.MAX_PER_REPO
        elif _is_reached(caps.author, busiest):
            beyond[number] = CapReason.MAX_PER_AUTHOR
        elif _is_reached(caps.all, taken):
            beyond[number] = CapReason.MAX_CHANGES
        else:
            taken += 1
            repos[row.repo] += 1
            authors.update(row.authors)
    return beyond


def _is_reached(cap: int | None, taken: int) -> bool:
    return cap is not None and taken >= cap


def _rank(row: Row, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}\0{row.id}".encode()).digest()
