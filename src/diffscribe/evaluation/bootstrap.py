"""Means with 95 % intervals, from a bootstrap over clusters."""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from diffscribe.records import Record

CONFIDENCE = 0.95


class Estimate(Record):
    """A mean over n samples and its 95 % interval; None if n is 0."""

    value: float | None
    low: float | None
    high: float | None
    n: int


class Observation(NamedTuple):
    """One sample's value, and the cluster that it is resampled with."""

    cluster: str
    value: float


def estimate(
    observations: Iterable[Observation],
    bounds: tuple[float, float],
    resamples: int,
    seed: int,
) -> Estimate:
    """Return the mean and the percentile interval of its bootstrap.

    Clusters are drawn whole, as a sample and its variants are not independent.
    (Changes of one repository are taken as independent, which they are not
    quite: another repository may lie outside the interval.) If every value is
    the same, resampling sees no spread; the interval then allows for a share of
    other values that would go unseen in so many clusters once in 40 times.

    Args:
        observations: in any order.
        bounds: the least and greatest value possible.
        resamples: how many.
        seed: equal clusters and seeds give equal draws, so that intervals of
            several systems are comparable.
    """
    clusters: dict[str, list[float]] = defaultdict(list)
    for observation in observations:
        clusters[observation.cluster].append(observation.value)
    n = sum(len(values) for values in clusters.values())
    if n == 0:
        return Estimate(value=None, low=None, high=None, n=0)
    import numpy as np

    ordered = [sorted(clusters[name]) for name in sorted(clusters)]
    sums = np.array([sum(values) for values in ordered])
    counts = np.array([len(values) for values in ordered])
    value = float(sums.sum() / n)
    tail = (1 - CONFIDENCE) / 2
    if len({each for values in ordered for each in values}) == 1:
        unseen = 1 - tail ** (1 / len(ordered))
        low, high = max(bounds[0], value - unseen), min(bounds[1], value + unseen)
    else:
        chances = np.full(len(ordered), 1 / len(ordered))
        draws = np.random.default_rng(seed).multinomial(
            len(ordered), chances, size=resamples
        )
        means = (draws @ sums) / (draws @ counts)
        low, high = (float(each) for each in np.quantile(means, (tail, 1 - tail)))
    return Estimate(value=value, low=low, high=high, n=n)
