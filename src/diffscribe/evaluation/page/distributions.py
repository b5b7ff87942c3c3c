"""What types and lengths a system writes, beside those of the target."""

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

from diffscribe.commits.conventional import TYPES
from diffscribe.evaluation.aggregates import NO_TYPE
from diffscribe.evaluation.scoring.format import header_of
from diffscribe.records import Plan

_OTHER = "other"
SHOWN_TYPES = (*TYPES, _OTHER, NO_TYPE)
"""In the order of tables."""
_BOUNDS = (0, 10, 20, 30, 40, 50, 60, 73)
"""In characters; 72 is what git's tools show."""


def confusion(
    counts: Mapping[str, Mapping[str, int]],
) -> list[tuple[str, str, int]]:
    """Return a confusion of types with one name for all that are no type."""
    known: Counter[tuple[str, str]] = Counter()
    for target, row in counts.items():
        for answered, count in row.items():
            known[_known(target), _known(answered)] += count
    return [(*each, known[each]) for each in sorted(known)]


def distributions(plans: Iterable[Plan]) -> dict[str, Any]:
    """Return how often each type and each length of a header occurs.

    Lengths come as `lengths`, one count a band of `length_bands`; `bodies` counts
    the commits that have one.
    """
    commits = [commit for plan in plans for commit in plan.commits]
    lengths = Counter(_band(len(header_of(commit))) for commit in commits)
    types = Counter(_known(commit.type or NO_TYPE) for commit in commits)
    return {
        "commits": len(commits),
        "types": {name: types[name] for name in SHOWN_TYPES if types[name]},
        "lengths": [lengths[at] for at in range(len(_BOUNDS))],
        "bodies": sum(bool(commit.body) for commit in commits),
    }


def length_bands() -> list[str]:
    """Return the names of the bands, in characters of a header."""
    return [
        *(f"{low} to {high - 1}" for low, high in pairwise(_BOUNDS)),
        f"{_BOUNDS[-1]} or more",
    ]


def _band(length: int) -> int:
    return sum(length >= low for low in _BOUNDS) - 1


def _known(type_: str) -> str:
    """Return the type, or `other`: a model may write anything there."""
    return type_ if type_ in (*TYPES, NO_TYPE) else _OTHER
