"""Where a system is reliable: its scores on parts of the cases."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from diffscribe.evaluation.aggregates import (
    LARGEST,
    MOST_COMMITS,
    SIZES,
    commits_of,
    size_of,
)
from diffscribe.evaluation.bootstrap import Estimate
from diffscribe.evaluation.cases import Case
from diffscribe.evaluation.metrics import mean_of
from diffscribe.records import Score

_NAMES = (*map(str, range(MOST_COMMITS)), f"{MOST_COMMITS} or more")
_ORDER = {name: at for at, name in enumerate((*_NAMES, *SIZES.values(), LARGEST))}
KINDS = ("repository", "language", "commits", "diff size", "type", "junk")


class Slice(NamedTuple):
    """Some of the cases."""

    kind: str
    """Of KINDS."""
    name: str
    ids: frozenset[str]


def slices(cases: Sequence[Case]) -> list[Slice]:
    """Return the parts of the cases by each of KINDS, in the order of tables.

    A case is in one part of a kind; in one of each of its languages and types.
    """
    ids: dict[tuple[str, str], set[str]] = defaultdict(set)
    for case in cases:
        for kind, names in names_of(case).items():
            for name in names:
                ids[kind, name].add(case.id)
    ordered = sorted(ids, key=lambda each: (_rank(*each), each))
    return [Slice(*each, frozenset(ids[each])) for each in ordered]


def names_of(case: Case) -> dict[str, tuple[str, ...]]:
    """Return the parts that a case is in, by kind."""
    commits = case.target.commits
    return {
        "repository": (case.repo,),
        "language": case.languages or ("other",),
        "commits": (commits_of(case),),
        "diff size": (size_of(case),),
        "type": tuple(sorted({commit.type for commit in commits})),
        "junk": ("with junk" if case.junk else "without",),
    }


def reliability(
    scores: Iterable[Score],
    parts: Sequence[Slice],
    names: Sequence[str],
    resamples: int,
    seed: int,
) -> list[Mapping[str, Estimate]]:
    """Return one system's scores on each part, with 95 % intervals.

    Args:
        scores: of one system.
        parts: of the cases.
        names: of the scores wanted.
        resamples: of the bootstrap.
        seed: of its draws.
    """
    of_id = {score.sample_id: score for score in scores}
    return [
        {
            name: mean_of(
                [of_id[id_] for id_ in sorted(part.ids)], name, resamples, seed
            )
            for name in names
        }
        for part in parts
    ]


def _rank(kind: str, name: str) -> tuple[int, int]:
    return KINDS.index(kind), _ORDER.get(name, 0)
