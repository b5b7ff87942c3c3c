"""Which rows a person is asked to judge: a stratified draw by the hash of the id."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, TypeVar

from diffscribe.commits.cleanup import strip_marks
from diffscribe.commits.conventional import parse_header, split_message
from diffscribe.jsonl import read_jsonl
from diffscribe.records import Change
from diffscribe.strata import stratified

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

    Repositories, numbers of commits and types have their share; see `stratified`.
    """
    return stratified(
        ((change.id, _stratum(change)) for change in changes), rows, "gate"
    )


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
