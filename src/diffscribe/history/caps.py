"""Draw the changes that stay, so that no repository or author outweighs others."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple


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


def beyond_caps(
    candidates: Sequence[Candidate], caps: Caps, oversampling: int | None = None
) -> dict[int, CapReason]:
    """Return which candidates go, by their position, and why.

    They are taken in the order of a hash of seed and id, each if it is within
    the caps of its repository, its authors and all. So a draw stays when a
    repository grows: a new change puts out as many others as its caps ask.
    With oversampling, only the newest so many times its cap of a repository
    are drawn from; candidates of a repository come oldest first.
    """
    out = _not_newest(candidates, caps, oversampling)
    taken = 0
    order = sorted(range(len(candidates)), key=lambda n: _rank(candidates[n], caps))
    repos: Counter[str] = Counter()
    authors: Counter[str] = Counter()
    for number in order:
        if number in out:
            continue
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


def _not_newest(
    candidates: Sequence[Candidate], caps: Caps, oversampling: int | None
) -> dict[int, CapReason]:
    if oversampling is None:
        return {}
    numbers: defaultdict[str, list[int]] = defaultdict(list)
    for number, candidate in enumerate(candidates):
        numbers[candidate.repo].append(number)
    return {
        number: CapReason.MAX_PER_REPO
        for repo, own in numbers.items()
        if (cap := caps.repo.get(repo)) is not None
        for number in own[: -oversampling * cap]
    }


def _rank(candidate: Candidate, caps: Caps) -> bytes:
    return hashlib.sha256(f"{caps.seed}\0{candidate.id}".encode()).digest()


def _reason(taken: int, cap: int | None, reason: CapReason) -> CapReason | None:
    return reason if cap is not None and taken >= cap else None
