"""What types and lengths a system writes, beside those of the target."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from diffscribe.commits.conventional import TYPES, format_header
from diffscribe.evaluation.cases import Case
from diffscribe.evaluation.scoring.types import align
from diffscribe.records import Plan, PlannedCommit, Prediction

NONE = "none"
"""What a commit is taken for whose files are in no partner's."""
_OTHER = "other"
SHOWN_TYPES = (*TYPES, _OTHER, NONE)
"""In the order of tables."""
_BOUNDS = (0, 10, 20, 30, 40, 50, 60, 73)
"""In characters; 72 is what git's tools show."""


def confusion(
    cases: Sequence[Case], predictions: Iterable[Prediction]
) -> list[tuple[str, str, int]]:
    """Return how often a target's type was taken for which, one to one aligned.

    A target without a type, as its author wrote none, is left out.
    """
    plans = {each.sample_id: each.plan for each in predictions}
    counts: Counter[tuple[str, str]] = Counter()
    for case in cases:
        plan = plans[case.id] or Plan(commits=())
        for commit, partner in align(case.target, plan):
            if commit.type:
                counts[_type(commit), _type(partner) if partner else NONE] += 1
    return [(*each, counts[each]) for each in sorted(counts)]


def distributions(plans: Iterable[Plan]) -> dict[str, Any]:
    """Return how often each type and each length of a header occurs.

    Lengths come as `lengths`, one count a band of `length_bands`; `bodies` counts
    the commits that have one.
    """
    commits = [commit for plan in plans for commit in plan.commits]
    lengths = Counter(_band(len(format_header(commit))) for commit in commits)
    types = Counter(map(_type, commits))
    return {
        "commits": len(commits),
        "types": {name: types[name] for name in (*TYPES, _OTHER) if types[name]},
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


def _type(commit: PlannedCommit) -> str:
    """Return the type, or `other`: a model may write anything there."""
    return commit.type if commit.type in TYPES else _OTHER
