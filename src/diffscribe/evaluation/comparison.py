"""The student against every other system, and what may be claimed of it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from diffscribe.evaluation.bootstrap import LEVEL, estimate
from diffscribe.evaluation.clusters import Observation
from diffscribe.evaluation.scoring.all import SCORES
from diffscribe.evaluation.significance import (
    holm,
    minimum_detectable_effect,
    paired_bootstrap,
)
from diffscribe.exact import mcnemar
from diffscribe.records import Record, Score


class Comparison(Record):
    """One measure of two systems, on the samples it applies to."""

    wins: int
    """Changes, with their variants, on which the first is better."""
    losses: int
    ties: int
    p: float
    """Of the paired bootstrap: that the means are the same."""
    p_mcnemar: float | None
    """Of the exact test of wins against losses; None if scores are not yes or no."""
    p_holm: float
    """The first p, for all comparisons of the evaluation at once."""
    detectable: float | None
    """What true difference is found 4 times in 5; None if nothing differs."""
    verdict: Literal["better", "worse", "not shown"]
    """Better or worse only if p_holm is below 0.05, and thus no 0 in the interval."""


def compare(
    scores: Sequence[Score],
    others: Mapping[str, Sequence[Score]],
    names: Sequence[str],
    resamples: int,
    seed: int,
) -> dict[str, dict[str, Comparison]]:
    """Return, by other system and measure, how a system compares to the others.

    All of them are one family for Holm's correction. With so many resamples no p is
    below 1 / (resamples + 1): more than resamples / 20 comparisons and nothing can
    be shown between repositories.
    """
    alone = [
        (other, name, _compare(scores, theirs, name, resamples, seed))
        for other, theirs in others.items()
        for name in names
    ]
    adjusted = holm([each.p for _, _, each in alone])
    found: dict[str, dict[str, Comparison]] = {other: {} for other in others}
    for (other, name, each), p in zip(alone, adjusted, strict=True):
        found[other][name] = each.model_copy(
            update={
                "p_holm": p,
                "verdict": each.verdict if p < LEVEL else "not shown",
            }
        )
    return found


def paired(
    scores: Iterable[Score], others: Iterable[Score], name: str
) -> list[Observation]:
    """Return first minus second where both have the measure, in the first's order."""
    of_id = {score.sample_id: score.values[name] for score in others}
    return [
        Observation(score.cluster, mine - theirs, score.repo)
        for score in scores
        if (mine := score.values[name]) is not None
        and (theirs := of_id[score.sample_id]) is not None
    ]


def by_change(differences: Iterable[Observation]) -> tuple[int, int, int]:
    """Return how many changes are above 0, below and at it, variants added up."""
    totals: dict[str, float] = defaultdict(float)
    for each in differences:
        totals[each.cluster] += each.value
    above = sum(total > 0 for total in totals.values())
    below = sum(total < 0 for total in totals.values())
    return above, below, len(totals) - above - below


def most_apart(name: str) -> tuple[float, float]:
    """Return the bounds of a difference of a measure."""
    most = SCORES[name].high - SCORES[name].low
    return (-most, most)


def _compare(
    scores: Sequence[Score],
    others: Sequence[Score],
    name: str,
    resamples: int,
    seed: int,
) -> Comparison:
    """Return a comparison that knows of no other yet."""
    differences = paired(scores, others, name)
    bounds = most_apart(name)
    found = estimate(differences, bounds, resamples, seed)
    p = paired_bootstrap(differences, bounds, resamples, seed)
    sign = 1 if SCORES[name].better == "higher" else -1
    above, below, ties = by_change(differences)
    wins, losses = (above, below)[::sign]
    yes_no = {score.values[name] for score in (*scores, *others)} <= {0.0, 1.0, None}
    return Comparison(
        wins=wins,
        losses=losses,
        ties=ties,
        p=p,
        p_mcnemar=mcnemar(wins, losses) if yes_no else None,
        p_holm=p,
        detectable=minimum_detectable_effect(found),
        verdict="better" if sign * (found.value or 0.0) > 0 else "worse",
    )
