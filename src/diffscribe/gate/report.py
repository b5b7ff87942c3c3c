"""What is measured of labels, over a sample or between two files, as tables."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from diffscribe.evaluation.bootstrap import Estimate, estimate
from diffscribe.evaluation.clusters import Observation
from diffscribe.exact import mcnemar
from diffscribe.gate.flags import MEASURES, Measures
from diffscribe.gate.verdicts import Choice, Verdict

_RESAMPLES = 2000
_SEED = 7


class Comparison(NamedTuple):
    """How much higher one label file measures than another, on the same changes."""

    measure: str
    first: Estimate
    second: Estimate
    difference: Estimate
    """First minus second, paired by change."""
    better: int
    """Changes on which the first is higher."""
    worse: int
    p: float
    """Of the exact sign test, two-sided: ties do not count."""


class Agreement(NamedTuple):
    """Verdicts on two labels of the same changes, both of them judged."""

    both: int
    only_first: int
    only_second: int
    neither: int
    p: float
    """Of the exact test of McNemar (1947), two-sided."""


def summarize(measured: Sequence[Measures]) -> list[tuple[str, Estimate]]:
    """Return the mean of each measure with its 95 % interval."""
    return [
        (name, _mean(getattr(each, name) for each in measured)) for name in MEASURES
    ]


def compare(
    first: Mapping[str, Measures], second: Mapping[str, Measures]
) -> list[Comparison]:
    """Return the paired differences over the changes that both have, by their ids.

    A change for which a measure says nothing of either is left out of it. With
    five measures, one p below 0.05 in a row of nothings is no surprise.
    """
    return [_comparison(name, first, second) for name in MEASURES]


def agreement(
    pairs: Iterable[tuple[str, str]], verdicts: Mapping[str, Verdict]
) -> Agreement:
    """Return how often one label, both or neither was accepted.

    Args:
        pairs: the digests of the first and the second label of each change; only
            those count of which both are accepted or rejected.
        verdicts: by digest.
    """
    said = [
        (verdicts[first].verdict, verdicts[second].verdict)
        for first, second in pairs
        if first in verdicts and second in verdicts
    ]
    yes = [
        (a == Choice.ACCEPT, b == Choice.ACCEPT)
        for a, b in said
        if Choice.SKIP not in (a, b)
    ]
    first, second = yes.count((True, False)), yes.count((False, True))
    return Agreement(
        yes.count((True, True)),
        first,
        second,
        yes.count((False, False)),
        mcnemar(first, second),
    )


def interval(value: Estimate) -> str:
    """Return a mean in percent with its interval, or a dash."""
    if value.value is None or value.low is None or value.high is None:
        return "-"
    low, high = round(100 * value.low), round(100 * value.high)
    return f"{100 * value.value:.1f} [{low}, {high}]"


def _comparison(
    name: str, first: Mapping[str, Measures], second: Mapping[str, Measures]
) -> Comparison:
    pairs = {
        id_: (one, other)
        for id_ in sorted(first.keys() & second.keys())
        if (one := getattr(first[id_], name)) is not None
        and (other := getattr(second[id_], name)) is not None
    }
    better = sum(one > other for one, other in pairs.values())
    worse = sum(one < other for one, other in pairs.values())
    differences = (Observation(id_, one - other) for id_, (one, other) in pairs.items())
    return Comparison(
        name,
        _mean(one for one, _ in pairs.values()),
        _mean(other for _, other in pairs.values()),
        estimate(differences, (-1.0, 1.0), _RESAMPLES, _SEED),
        better,
        worse,
        mcnemar(better, worse),
    )


def _mean(values: Iterable[float | None]) -> Estimate:
    known = (each for each in values if each is not None)
    observed = (Observation(str(number), each) for number, each in enumerate(known))
    return estimate(observed, (0.0, 1.0), _RESAMPLES, _SEED)
