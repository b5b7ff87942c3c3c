"""Cases by what they are, to see where a difference comes from."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from diffscribe.eval.cases import Case

MAX_SLICES = 12
"""Of one kind; the smaller ones are together."""
MANY_COMMITS = 4
SIZES_CHARS = {"under 1k": 1_000, "1k to 4k": 4_000, "4k to 16k": 16_000}
LARGEST = "16k and more"

SLICES: Mapping[str, Callable[[Case], tuple[str, ...]]] = MappingProxyType(
    {
        "repository": lambda case: (case.repo,),
        "language": lambda case: case.languages or ("none known",),
        "type": lambda case: (_type(case),),
        "commits": lambda case: (_commits(case),),
        "diff size": lambda case: (_size(case),),
    }
)
"""Kinds of slices; a case of several languages is in several."""


def sliced(cases: Sequence[Case], kind: str) -> dict[str, frozenset[str]]:
    """Return the ids of the cases of each slice, the largest first.

    Beyond MAX_SLICES the smallest are one slice, named by how many they are.
    """
    counts = Counter(name for case in cases for name in SLICES[kind](case))
    ordered = sorted(counts, key=lambda name: (-counts[name], name))
    kept, rest = ordered, []
    if len(ordered) > MAX_SLICES:
        kept, rest = ordered[: MAX_SLICES - 1], ordered[MAX_SLICES - 1 :]
    slices = {name: _ids(cases, kind, {name}) for name in kept}
    return slices | (
        {f"{len(rest)} more": _ids(cases, kind, set(rest))} if rest else {}
    )


def _ids(cases: Sequence[Case], kind: str, names: set[str]) -> frozenset[str]:
    return frozenset(
        case.id for case in cases if not names.isdisjoint(SLICES[kind](case))
    )


def _type(case: Case) -> str:
    types = {commit.type for commit in case.target.commits}
    if len(types) > 1:
        return "several"
    return next(iter(types), "") or "not conventional"


def _commits(case: Case) -> str:
    count = len(case.target.commits)
    return str(count) if count < MANY_COMMITS else f"{MANY_COMMITS} and more"


def _size(case: Case) -> str:
    chars = len(case.diff)
    return next((name for name, end in SIZES_CHARS.items() if chars < end), LARGEST)
