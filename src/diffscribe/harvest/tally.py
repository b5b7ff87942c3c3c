"""Count what became of sources, commits and windows."""

import hashlib
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import chain
from typing import IO, NamedTuple

from diffscribe.core.errors import SourceError
from diffscribe.core.params import HarvestParams
from diffscribe.core.tracking import Statistics
from diffscribe.harvest.filters import CommitReason
from diffscribe.harvest.windows import WindowReason


class CapReason(StrEnum):
    """Which cap a change is beyond; also its key in metrics/harvest.json."""

    MAX_PER_REPO = "max_per_repo"
    MAX_PER_AUTHOR = "max_per_author"
    MAX_CHANGES = "max_changes"


class Candidate(NamedTuple):
    """A change that may stay."""

    id: str
    repo: str
    authors: frozenset[str]
    """Of all of its commits; each of them counts."""


class Caps(NamedTuple):
    """The most changes that stay; None is no limit."""

    all: int | None
    author: int | None
    repo: Mapping[str, int | None]
    """By name of the repository."""
    seed: int


def beyond_caps(candidates: Sequence[Candidate], caps: Caps) -> dict[int, CapReason]:
    """Return which candidates go, by their position, and why.

    They are taken in the order of a hash of seed and id, each if it is within
    the caps of its repository, its authors and all. So a draw stays when a
    repository grows: a new change puts out as many others as its caps ask.
    """
    out: dict[int, CapReason] = {}
    taken = 0
    order = sorted(range(len(candidates)), key=lambda n: _rank(candidates[n], caps))
    repos: Counter[str] = Counter()
    authors: Counter[str] = Counter()
    for number in order:
        _, repo, names = candidates[number]
        reason = _reason(repos[repo], caps.repo.get(repo), CapReason.MAX_PER_REPO)
        busiest = max((authors[name] for name in names), default=0)
        reason = reason or _reason(busiest, caps.author, CapReason.MAX_PER_AUTHOR)
        reason = reason or _reason(taken, caps.all, CapReason.MAX_CHANGES)
        if reason is not None:
            out[number] = reason
            continue
        taken += 1
        repos[repo] += 1
        authors.update(names)
    return out


def _rank(candidate: Candidate, caps: Caps) -> bytes:
    return hashlib.sha256(f"{caps.seed}\0{candidate.id}".encode()).digest()


def _reason(taken: int, cap: int | None, reason: CapReason) -> CapReason | None:
    return reason if cap is not None and taken >= cap else None


class Drawn(NamedTuple):
    """A change that was read, as a line of JSON, and what caps ask about it."""

    line: bytes
    candidate: Candidate
    commits: int
    is_composite: bool


def spooled(rows: Iterable[Drawn]) -> Iterator[Drawn]:
    """Read all rows at once, to the disk, and return them one by one."""
    lines = tempfile.TemporaryFile()  # noqa: SIM115
    drawn = []
    try:
        for row in rows:
            lines.write(row.line)
            drawn.append(row._replace(line=b""))
    except BaseException:
        lines.close()
        raise
    lines.seek(0)
    return _read(lines, drawn)


def _read(lines: IO[bytes], drawn: list[Drawn]) -> Iterator[Drawn]:
    with lines:
        for line, row in zip(lines, drawn, strict=True):
            yield row._replace(line=line)


class Tally:
    """What happened to sources, commits and windows; filled while they are read."""

    def __init__(self) -> None:
        self.sources = 0
        self.duplicates = 0
        self.bad: list[SourceError] = []
        self.commits: Counter[str | None] = Counter()
        self.windows: Counter[str | None] = Counter()
        self.sizes: Counter[int] = Counter()
        self.composites = 0
        self.drawn: Counter[str] = Counter()
        self.repos: Counter[str] = Counter()
        self.authors: Counter[str] = Counter()

    def keep(self, row: Drawn) -> None:
        """Count a change that stays."""
        self.windows[None] += 1
        self.drawn[row.candidate.repo] += 1
        self.sizes[row.commits] += 1
        self.composites += row.is_composite
        self.repos[row.candidate.repo] += 1
        self.authors.update(row.candidate.authors)

    def drop(self, row: Drawn, reason: CapReason) -> None:
        """Count a change that a cap leaves out."""
        self.windows[reason] += 1
        self.drawn[row.candidate.repo] += 1

    def absorb(self, repo: str, other: "Tally") -> None:
        """Add the commits and dropped windows of one source."""
        self.sources += 1
        self.drawn[repo] += other.windows.total()
        self.commits += other.commits
        self.windows += other.windows

    @property
    def statistics(self) -> Statistics:
        """Windows that were drawn, and those that are changes."""
        return Statistics({"processed": self.drawn, "approved": self.repos})

    def metrics(self, params: HarvestParams) -> dict[str, object]:
        """Return all counts, zeros included."""
        sizes = range(1, max(2, params.max_window_commits) + 1)
        return {
            "sources": self.sources,
            "sources_duplicate": self.duplicates,
            "sources_bad": len(self.bad),
            "commits": self.commits.total(),
            "commits_kept": self.commits[None],
            "commits_dropped": _by_reason(self.commits, CommitReason),
            "windows": self.windows.total(),
            "windows_dropped": _by_reason(self.windows, WindowReason, CapReason),
            "changes": self.windows[None],
            "changes_by_commits": {str(size): self.sizes[size] for size in sizes},
            "composites": self.composites,
            "changes_of_largest_repo": max(self.repos.values(), default=0),
            "changes_of_largest_author": max(self.authors.values(), default=0),
        }


def _by_reason(counts: Counter[str | None], *kinds: Iterable[str]) -> dict[str, int]:
    """Return counts by reason; one that two kinds share is counted for both."""
    return {str(reason): counts[reason] for reason in chain(*kinds)}
