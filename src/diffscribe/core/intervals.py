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

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from math import isfinite, sqrt
from typing import Any, Literal, NamedTuple

from diffscribe.core.records import Record

_CONFIDENCE = 0.95


class Interval(NamedTuple):
    """The two ends of an interval."""

    low: float
    high: float


def mcnemar(first_only: int, second_only: int) -> float:
    """Return the two-sided p that two paired yes/no results are equally often yes.

    Only pairs that differ count: of these each result should be ahead in half
    (McNemar 1947, by the binomial distribution). With the pairs in which one is
    higher and lower it is the sign test, for which ties do not count. No pair that
    differs gives 1. Being exact it is conservative: with few such pairs it rejects
    less often than the level says.

    Args:
        first_only: pairs in which only the first is a yes, or the first is higher.
        second_only: pairs in which the second is.
    """
    from scipy.stats import binomtest

    if first_only + second_only == 0:
        return 1.0
    return float(binomtest(first_only, first_only + second_only).pvalue)


def proportion_interval(successes: int, n: int) -> Interval:
    """Return the 95 % interval of a share (Clopper and Pearson 1934).

    Without samples it is everything, 0 to 1.
    """
    from scipy.stats import binomtest

    if n == 0:
        return Interval(0.0, 1.0)
    ends = binomtest(successes, n).proportion_ci(_CONFIDENCE, method="exact")
    return Interval(float(ends.low), float(ends.high))


def rule_of_three(n: float) -> float:
    """Return what share is at most true, at 95 % confidence, if none was seen in n.

    The share of which n independent samples show nothing once in twenty times:
    nearly 3 / n, whence the name (Hanley and Lippman-Hand 1983).

    Args:
        n: above 0; an effective number of samples need not be whole.
    """
    return float(1 - (1 - _CONFIDENCE) ** (1 / n))


Scope = Literal["repositories", "changes"]
"""What the clusters are: repositories, or changes within repositories."""

FEWEST_REPOSITORIES = 6
"""With fewer nothing can be said of repositories in general (docs/evaluation.md)."""

Array = Any
"""A numpy array of floats; numpy is imported when one is made."""


class Observation(NamedTuple):
    """One sample's value, and what it shares with others."""

    cluster: str
    """The change, by a name that no other repository has: a sample and its variants."""
    value: float
    repo: str = ""


class Clusters(NamedTuple):
    """Sums by cluster, in the order of their names; arrays of equal length."""

    scope: Scope
    sums: Array
    counts: Array
    squares: Array
    """Sums of squared values."""
    strata: Array
    """Numbers, from 0: only clusters of one stratum stand for each other."""
    independent: float
    """Samples that say as much as all of them, if clusters are somewhat alike."""


class Spread(NamedTuple):
    """A mean over samples, and how far another draw of clusters may move it."""

    mean: float
    error: float
    """Standard error."""
    freedom: float
    """Degrees of freedom of the error; 0 if clusters do not differ at all."""
    residuals: Array
    """By cluster: its sum less the mean of its stratum times its count."""
    corrections: Array
    """By cluster: what its squared residual is raised by."""


def clustered(
    observations: Iterable[Observation], likeness: float = 0.1
) -> Clusters | None:
    """Return the clusters to resample, or None if there is no observation.

    From FEWEST_REPOSITORIES on these are repositories. With fewer they are changes,
    each repository a stratum (unless one has a single change: then all are one).

    Args:
        observations: in any order.
        likeness: intra-class correlation of repositories where values cannot tell.
    """
    import numpy as np

    numbers: dict[str, int] = {}
    repo_of: list[str] = []
    codes, values = [], []
    for change, value, repo in observations:
        if (code := numbers.get(change)) is None:
            code = numbers[change] = len(numbers)
            repo_of.append(repo)
        codes.append(code)
        values.append(value)
    if not values:
        return None
    names = sorted(numbers)
    rank = np.empty(len(names), int)
    rank[[numbers[name] for name in names]] = np.arange(len(names))
    of_change, value_of = rank[codes], np.array(values, float)
    # Sums of floats depend on their order, and the caller's should not matter.
    order = np.lexsort((value_of, of_change))
    of_change, value_of = of_change[order], value_of[order]
    repos = {repo: number for number, repo in enumerate(sorted(set(repo_of)))}
    of_repo = np.array([repos[repo_of[numbers[name]]] for name in names])
    changes = np.bincount(of_repo).astype(float)
    if len(repos) >= FEWEST_REPOSITORIES:
        scope: Scope = "repositories"
        groups, strata = of_repo[of_change], np.zeros(len(repos), int)
        alike = 1 + likeness * ((changes**2).sum() / changes.sum() - 1)
    else:
        scope, groups, alike = "changes", of_change, 1.0
        strata = of_repo if changes.min() > 1 else np.zeros(len(names), int)
    return Clusters(
        scope,
        np.bincount(groups, value_of),
        np.bincount(groups).astype(float),
        np.bincount(groups, value_of**2),
        strata,
        float(changes.sum() / alike),
    )


def spread(clusters: Clusters) -> Spread:
    """Return the mean, its standard error and the error's degrees of freedom.

    The error is Bell and McCaffrey's (2002): squared residuals of clusters, each
    raised by the share of its stratum that it is, as large clusters pull the mean
    towards themselves. The degrees of freedom are Satterthwaite's for that sum,
    under clusters alike as much as they are here (Imbens and Kolesár 2016): few
    if one cluster outweighs the others. For a mean both have closed forms
    (as in the tests of the R package clubSandwich, Pustejovsky and Tipton 2018).
    """
    import numpy as np

    _, sums, counts, _, strata, _ = clusters
    total = float(counts.sum())
    mean = float(sums.sum()) / total
    each = np.bincount(strata, counts)[strata]
    share = counts / each
    residuals = sums - share * np.bincount(strata, sums)[strata]
    if share.max() == 1:
        return Spread(mean, 0.0, 0.0, residuals, np.zeros_like(share))
    raised = 1 / (1 - share)
    error = float(np.sqrt((raised * residuals**2).sum())) / total
    if error <= 1e-9 * float(np.sqrt(clusters.squares.sum() / total)):
        return Spread(mean, 0.0, 0.0, residuals, raised)
    variances = counts * (1 + (counts - 1) * _likeness(clusters))
    freedom = _freedom(share, raised, variances, strata)
    return Spread(mean, error, freedom, residuals, raised)


def _likeness(clusters: Clusters) -> float:
    """Return the intra-class correlation by analysis of variance, at least 0."""
    import numpy as np

    _, sums, counts, squares, strata, _ = clusters
    total, many = counts.sum(), len(counts)
    if total == many:
        return 0.0
    between = many - 1 - int(strata.max())
    means = np.bincount(strata, sums) / np.bincount(strata, counts)
    inside = float((squares - sums**2 / counts).sum()) / (total - many)
    outside = float(((sums / counts - means[strata]) ** 2 * counts).sum()) / between
    in_strata = np.bincount(strata, counts**2) / np.bincount(strata, counts)
    size = float(total - in_strata.sum()) / between
    every = outside + (size - 1) * inside
    return min(1.0, max(0.0, (outside - inside) / every)) if every > 0 else 0.0


def _freedom(share: Array, raised: Array, variances: Array, strata: Array) -> float:
    """Return 2 E^2 / Var of the sum of raised squared residuals.

    Their covariance in a stratum is D - v w' - w v' + V w w', of the variances v,
    their sum V and the shares w; the trace of its square has a closed form.
    """
    import numpy as np

    def summed(values: Array) -> Array:
        return np.bincount(strata, values)

    everything = summed(variances)
    pulled = share * (share * everything[strata] - 2 * variances)
    expected = (raised * (variances + pulled)).sum()
    vv, ww = summed(raised * variances**2), summed(raised * share**2)
    vw = summed(raised * variances * share)
    own = summed(raised**2 * variances * (variances + 2 * pulled))
    cross = 2 * vv * ww + 2 * vw**2 + everything * ww * (everything * ww - 4 * vw)
    return float(expected**2 / (own + cross).sum())


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


POWER = 0.8


def paired_bootstrap(
    differences: Iterable[Observation],
    bounds: tuple[float, float],
    resamples: int,
    seed: int,
) -> float:
    """Return the two-sided p that the mean of paired differences is 0.

    It is the bootstrap of `estimate`: below 0.05 if its interval is without 0.

    Args:
        differences: of two systems on the same sample, in any order.
        bounds: of a difference: (low - high, high - low) for scores in [low, high].
        resamples: how many; p is at least 1 / (resamples + 1).
        seed: as for `estimate`.
    """
    return p_of_mean(0.0, differences, bounds, resamples, seed)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values that may be compared with 0.05 all at once, in the same order.

    With them, one or more true null hypotheses of the family are rejected in at most
    5 % of all evaluations, however the tests depend on each other (Holm 1979).
    """
    many = len(p_values)
    adjusted, most = [0.0] * many, 0.0
    for rank, number in enumerate(sorted(range(many), key=p_values.__getitem__)):
        most = max(most, min(1.0, (many - rank) * p_values[number]))
        adjusted[number] = most
    return adjusted


def minimum_detectable_effect(difference: Estimate) -> float | None:
    """Return the least true difference that such an evaluation finds 4 times in 5.

    That is the standard error times the quantiles of Student's t for level 0.05,
    two-sided, and power 0.8 (Bloom 1995); None if nothing tells the error.
    """
    from scipy.special import stdtrit

    if difference.error is None or difference.freedom is None:
        return None
    quantiles = stdtrit(difference.freedom, (1 - LEVEL / 2, POWER))
    return float(quantiles.sum() * difference.error)
