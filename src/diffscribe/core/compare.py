"""Compare two systems on the same cases."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple, TypeVar

from diffscribe.core.intervals import (
    LEVEL,
    Estimate,
    Observation,
    estimate,
    holm,
    paired_test,
)
from diffscribe.core.records import Record, Score

Key = TypeVar("Key", bound=Hashable)


class Measure(NamedTuple):
    """A number of one answer; docs/eval.md says how each can mislead."""

    family: str
    meaning: str
    """In a line, for tables and pages."""
    better: Literal["higher", "lower"] = "higher"
    low: float = 0.0
    high: float = 1.0


class Comparison(Record):
    """One measure of two systems, on the samples it applies to."""

    first: float | None
    """Mean of the first system over those samples; None if there is none."""
    second: float | None
    difference: Estimate
    """First minus second, paired by sample."""
    wins: int
    """Changes, with their variants, on which the first is better."""
    losses: int
    ties: int
    p: float
    """Of the paired test that the mean difference is 0."""
    p_holm: float
    """The same, corrected for all comparisons that were made at once."""
    verdict: Literal["better", "worse", "not shown"]
    """`better` or `worse` only if p_holm is below 0.05: the interval then has no 0."""


class Pair(NamedTuple):
    """The values of two systems on one sample."""

    cluster: str
    """Id of the change, which a sample shares with its variants."""
    first: float
    second: float
    repo: str = ""


def mean_of(scores: Iterable[Score], name: str, measure: Measure) -> Estimate:
    """Return the mean of a measure with its interval, where there is a value."""
    observed = (
        Observation(score.cluster, value, score.repo)
        for score in scores
        if (value := score.values[name]) is not None
    )
    return estimate(observed, (measure.low, measure.high))


def compare_pairs(
    paired: Mapping[Key, tuple[Measure, Sequence[Pair]]],
) -> dict[Key, Comparison]:
    """Return a comparison for each key; all are one family for Holm's correction."""
    alone = {key: _compare(*each) for key, each in paired.items()}
    adjusted = holm([each.p for each in alone.values()])
    return {
        key: each.model_copy(
            update={"p_holm": p, "verdict": each.verdict if p < LEVEL else "not shown"}
        )
        for (key, each), p in zip(alone.items(), adjusted, strict=True)
    }


def compare_systems(
    scores: Sequence[Score],
    others: Mapping[str, Sequence[Score]],
    measures: Mapping[str, Measure],
) -> dict[str, dict[str, Comparison]]:
    """Return, by other system and measure, how a system compares to the others."""
    found = compare_pairs(
        {
            (other, name): (measure, pairs(scores, theirs, name))
            for other, theirs in others.items()
            for name, measure in measures.items()
        }
    )
    return {other: {name: found[other, name] for name in measures} for other in others}


def pairs(scores: Iterable[Score], others: Iterable[Score], name: str) -> list[Pair]:
    """Return the samples of which both have the measure, in the first's order."""
    of_id = {score.sample_id: score.values[name] for score in others}
    return [
        Pair(score.cluster, mine, theirs, score.repo)
        for score in scores
        if (mine := score.values[name]) is not None
        and (theirs := of_id[score.sample_id]) is not None
    ]


def _compare(measure: Measure, paired: Sequence[Pair]) -> Comparison:
    """Return a comparison that knows of no other yet."""
    sign = 1 if measure.better == "higher" else -1
    differences = [Observation(p.cluster, p.first - p.second, p.repo) for p in paired]
    most = measure.high - measure.low
    difference = estimate(differences, (-most, most))
    ahead: dict[str, float] = defaultdict(float)
    for each in differences:
        ahead[each.cluster] += sign * each.value
    wins = sum(lead > 0 for lead in ahead.values())
    losses = sum(lead < 0 for lead in ahead.values())
    p = paired_test(differences, (-most, most))
    return Comparison(
        first=sum(p.first for p in paired) / len(paired) if paired else None,
        second=sum(p.second for p in paired) / len(paired) if paired else None,
        difference=difference,
        wins=wins,
        losses=losses,
        ties=len(ahead) - wins - losses,
        p=p,
        p_holm=p,
        verdict="better" if sign * (difference.value or 0.0) > 0 else "worse",
    )
