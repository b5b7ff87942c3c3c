"""Means with 95 % intervals, from a bootstrap over repositories.

The percentiles of resampled repositories hold the truth far less often than they say
if there are few of them (benchmarks/interval_coverage.py). What is done instead:

- The *wild cluster bootstrap* of the studentized mean with the null imposed
  (Cameron, Gelbach and Miller 2008; MacKinnon, Nielsen and Webb 2023): every
  repository keeps its samples, and its distance from a supposed mean is multiplied
  by a random weight; the weights are the six of Webb (2023), of which even six
  repositories have enough combinations. All means that are not rejected at 5 %
  are the interval, so that test and interval cannot contradict each other.
- Errors of Bell and McCaffrey (2002), which allow for repositories of unequal size.
- The error at a supposed mean is scaled as that of a share is, by its distance from
  both bounds (Wilson 1927; for clustered samples Franco, Little, Louis and Slud
  2019): near a bound an interval is lopsided, and never crosses it.
- With fewer than six repositories nothing is said of others: changes are the
  clusters, each repository a stratum, and the quantile is Student's with
  Satterthwaite's degrees of freedom. The interval then holds for these
  repositories only, and `scope` says so.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from math import isfinite, sqrt

from diffscribe.evaluation.clusters import (
    Array,
    Clusters,
    Observation,
    Scope,
    Spread,
    clustered,
    spread,
)
from diffscribe.records import Record

LEVEL = 0.05
"""Intervals hold what is not rejected at this level."""

_HALVINGS = 20


class Estimate(Record):
    """A mean over n samples and its 95 % interval; None if n is 0."""

    value: float | None
    low: float | None
    """None also if every value is the same and has no bound on this side."""
    high: float | None
    n: int
    clusters: int = 0
    """Repositories or changes, as `scope` says."""
    scope: Scope = "changes"
    """`repositories`: of other repositories like these. `changes`: of other changes
    of these repositories only."""
    error: float | None = None
    """Standard error."""
    freedom: float | None = None
    """Degrees of freedom of the error; None if all clusters are the same."""
    independent: float = 0.0
    """Samples that say as much as all of them, where all are the same."""


def estimate(
    observations: Iterable[Observation],
    bounds: tuple[float, float],
    resamples: int,
    seed: int,
) -> Estimate:
    """Return the mean and the interval of what it may be elsewhere.

    If clusters do not differ at all, nothing tells how far they might: the interval
    then allows for the share of values at the far bound that would go unseen once
    in 40 times, as Clopper and Pearson's does for 0 of n. Repositories are taken as
    alike by an intra-class correlation of 0.1 for that.

    Args:
        observations: in any order.
        bounds: the least and greatest value possible; infinite if there is none.
        resamples: how many.
        seed: equal clusters and seeds give equal draws.
    """
    clusters = clustered(observations)
    if clusters is None:
        return Estimate(value=None, low=None, high=None, n=0)
    measured = spread(clusters)
    p_of = _p_values(clusters, measured, bounds, resamples, seed)
    low, high = (_end(p_of, measured, bound) for bound in bounds)
    return Estimate(
        value=measured.mean,
        low=low,
        high=high,
        n=int(clusters.counts.sum()),
        clusters=len(clusters.counts),
        scope=clusters.scope,
        error=measured.error,
        freedom=measured.freedom or None,
        independent=clusters.independent,
    )


def p_of_mean(
    supposed: float,
    observations: Iterable[Observation],
    bounds: tuple[float, float],
    resamples: int,
    seed: int,
) -> float:
    """Return the two-sided p of a supposed mean, 1 without observations.

    It is below 0.05 if, and only if, the interval of `estimate` is without it.
    """
    clusters = clustered(observations)
    if clusters is None:
        return 1.0
    measured = spread(clusters)
    return _p_values(clusters, measured, bounds, resamples, seed)(supposed)


def _p_values(
    clusters: Clusters,
    measured: Spread,
    bounds: tuple[float, float],
    resamples: int,
    seed: int,
) -> Callable[[float], float]:
    """Return the function from a supposed mean strictly within bounds to its p."""
    if not measured.freedom:
        return lambda supposed: _unseen(supposed, measured.mean, clusters, bounds)
    if clusters.scope == "changes":
        return lambda supposed: _student(supposed, measured, bounds)
    return _wild(clusters, measured, bounds, resamples, seed)


def _unseen(
    supposed: float, mean: float, clusters: Clusters, bounds: tuple[float, float]
) -> float:
    """Return twice the chance not to see what would be needed to have that mean."""
    bound = bounds[supposed > mean]
    needed = (supposed - mean) / (bound - mean) if bound != mean else 0.0
    return float(min(1.0, 2 * (1 - needed) ** clusters.independent))


def _student(supposed: float, measured: Spread, bounds: tuple[float, float]) -> float:
    from scipy.special import stdtr

    return float(
        2 * stdtr(measured.freedom, -sqrt(_squared_t(supposed, measured, bounds)))
    )


def _wild(
    clusters: Clusters,
    measured: Spread,
    bounds: tuple[float, float],
    resamples: int,
    seed: int,
) -> Callable[[float], float]:
    """Return p by the wild cluster bootstrap.

    A draw multiplies u = residual + count * (mean - supposed) of each cluster by
    its weight. Its squared t is a ratio of polynomials in mean - supposed; their
    coefficients are summed once for all supposed means.
    """
    import numpy as np

    n, e, c = clusters.counts, measured.residuals, measured.corrections
    weights, squares = _weights(len(n), resamples, seed)
    sum0, sum1, pull0, pull1 = (
        weights @ np.stack((e, n, c * n * e, c * n * n), axis=1)
    ).T
    spread0, spread1, spread2 = (
        squares @ np.stack((c * e * e, 2 * c * e * n, c * n * n), axis=1)
    ).T
    total, pull2 = n.sum(), (c * n * n).sum()

    def p_of(supposed: float) -> float:
        shift = measured.mean - supposed
        sums = sum0 + shift * sum1
        means = sums / total
        variances = spread0 + shift * (spread1 + shift * spread2)
        variances += means * (means * pull2 - 2 * (pull0 + shift * pull1))
        # A hair below, so that a draw that changes nothing counts as a tie.
        least = _squared_t(supposed, measured, bounds) * (1 - 1e-9)
        as_far = np.count_nonzero(sums * sums >= least * variances)
        return float((1 + as_far) / (1 + resamples))

    return p_of


@lru_cache(maxsize=4)
def _weights(clusters: int, resamples: int, seed: int) -> tuple[Array, Array]:
    """Return Webb's weights, a row a resample, and their squares."""
    import numpy as np

    positive = np.sqrt((0.5, 1.0, 1.5))
    values = np.concatenate((-positive, positive))
    draws = np.random.default_rng(seed).integers(0, 6, (resamples, clusters))
    weights = values[draws]
    return weights, weights**2


def _squared_t(supposed: float, measured: Spread, bounds: tuple[float, float]) -> float:
    """Return the squared distance of both means in errors at the supposed one."""
    scale = 1.0
    for bound in bounds:
        if isfinite(bound):
            scale *= (supposed - bound) / (measured.mean - bound)
    if scale <= 0:
        return float("inf")
    return (measured.mean - supposed) ** 2 / (measured.error**2 * scale)


def _end(
    p_of: Callable[[float], float], measured: Spread, bound: float
) -> float | None:
    """Return where p falls below the level on the way from the mean to a bound."""
    inside = measured.mean
    if inside == bound:
        return bound
    if not measured.freedom and not isfinite(bound):
        return None
    outside = bound
    if step := measured.error:
        while p_of(outside := _towards(bound, inside, step)) >= LEVEL:
            if outside == bound:
                return bound
            inside = outside
            step *= 2
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        if p_of(middle) >= LEVEL:
            inside = middle
        else:
            outside = middle
    return outside


def _towards(bound: float, start: float, step: float) -> float:
    return min(bound, start + step) if bound > start else max(bound, start - step)
