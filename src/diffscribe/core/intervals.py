"""Means with 95 % intervals, and the test of a difference.

The standard error is the jackknife over clusters (Hansen 2025): how far the mean moves
without each cluster in turn. The quantile is Student's t with one degree of freedom
less than there are effective clusters, 1 / sum of squared shares (Carter, Schnepel and
Steigerwald 2017), as one repository with half of all samples leaves few.

From six repositories on these are the clusters, and the interval is about other
repositories like these. With fewer nothing can tell how repositories differ: then a
change with its variants is a cluster, the interval is about other changes of these
repositories, and `Estimate.scope` says so.

The error at a supposed mean shrinks towards the bounds of a measure as that of a share
does (Wilson 1927), so an interval is lopsided near a bound and never crosses it. It
is all means that the test does not reject, so the two cannot contradict each other.
benchmarks/interval_coverage.py measures both in worlds whose truth is known.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain
from math import fsum, sqrt
from typing import Literal, NamedTuple

from diffscribe.core.records import Record

LEVEL = 0.05
FEWEST_REPOSITORIES = 6
_ALIKE = 0.1
"""Intra-class correlation of a repository's changes, where values cannot tell it:
the upper end of what grouping and types have on real histories (0.03 to 0.09)."""

Scope = Literal["repositories", "changes"]


class Interval(NamedTuple):
    """The two ends of an interval."""

    low: float
    high: float


class Observation(NamedTuple):
    """One sample's value."""

    cluster: str
    """The change, a sample and its variants; no other repository has its name."""
    value: float
    repo: str = ""


class Estimate(Record):
    """A mean over n samples and its 95 % interval; None if n is 0."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    clusters: int = 0
    """How many repositories or changes, as `scope` says."""
    scope: Scope = "changes"
    """`repositories`: about other repositories like these. `changes`: about other
    changes of these repositories only."""


def estimate(
    observations: Iterable[Observation], bounds: tuple[float, float] = (0.0, 1.0)
) -> Estimate:
    """Return the mean and the interval of what it may be elsewhere.

    If all clusters are equal, nothing tells how far others may be: the interval
    then allows for the share of values at the far bound that would go unseen once
    in 40 times, as Clopper and Pearson's does for 0 of n. The order of the
    observations changes no digit. Both bounds have to be finite.
    """
    spread = _spread(observations)
    if spread is None:
        return Estimate(value=None, low=None, high=None, n=0)
    low, high = _ends(spread, *bounds)
    return Estimate(
        value=spread.mean,
        low=low,
        high=high,
        n=spread.n,
        clusters=spread.clusters,
        scope=spread.scope,
    )


def paired_test(
    differences: Iterable[Observation], bounds: tuple[float, float] = (-1.0, 1.0)
) -> float:
    """Return the two-sided p that the mean of paired differences is 0.

    It is below 0.05 if, and only if, the interval of `estimate` is without 0.
    Without differences it is 1.
    """
    from scipy.special import stdtr

    spread = _spread(differences)
    if spread is None or spread.mean == 0:
        return 1.0
    low, high = bounds
    if not spread.error:
        unseen = spread.mean / (spread.mean - (low if spread.mean > 0 else high))
        return float(min(1.0, 2 * (1 - unseen) ** spread.independent))
    shrunk = low * high / ((spread.mean - low) * (spread.mean - high))
    t = abs(spread.mean) / (spread.error * sqrt(shrunk))
    return float(2 * stdtr(spread.freedom, -t))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values that may be compared with 0.05 all at once, in the same order.

    Any of them is below by chance in at most 5 % of all families (Holm 1979).
    """
    many = len(p_values)
    adjusted, most = [0.0] * many, 0.0
    for rank, number in enumerate(sorted(range(many), key=p_values.__getitem__)):
        most = max(most, min(1.0, (many - rank) * p_values[number]))
        adjusted[number] = most
    return adjusted


def mcnemar(first_only: int, second_only: int) -> float:
    """Return the two-sided exact p that two paired votes are equally often ahead.

    Pairs that do not differ play no part, as in the sign test; no pair gives 1.
    """
    from scipy.stats import binomtest

    if first_only + second_only == 0:
        return 1.0
    return float(binomtest(first_only, first_only + second_only).pvalue)


def proportion_interval(successes: int, n: int) -> Interval:
    """Return the exact 95 % interval of a share (Clopper and Pearson 1934).

    Without samples it is everything, 0 to 1.
    """
    from scipy.stats import binomtest

    if n == 0:
        return Interval(0.0, 1.0)
    ends = binomtest(successes, n).proportion_ci(1 - LEVEL, method="exact")
    return Interval(float(ends.low), float(ends.high))


class _Spread(NamedTuple):
    """A mean over samples, and how far another draw of clusters may move it."""

    mean: float
    error: float
    """Standard error; 0 if clusters do not differ at all."""
    freedom: float
    """Degrees of freedom of the error."""
    independent: float
    """Samples that say as much as all of them, where all are equal."""
    n: int
    clusters: int
    scope: Scope


def _spread(observations: Iterable[Observation]) -> _Spread | None:
    """Return the jackknife over clusters, or None if nothing was observed."""
    changes: dict[str, tuple[str, list[float]]] = {}
    for change, value, repo in observations:
        changes.setdefault(change, (repo, []))[1].append(value)
    if not changes:
        return None
    repos: dict[str, list[list[float]]] = defaultdict(list)
    for repo, values in changes.values():
        repos[repo].append(values)
    scope: Scope = "changes"
    clusters = [values for _, values in changes.values()]
    independent = float(len(changes))
    if len(repos) >= FEWEST_REPOSITORIES:
        scope = "repositories"
        clusters = [list(chain(*own)) for own in repos.values()]
        size = sum(len(own) ** 2 for own in repos.values()) / len(changes)
        independent /= 1 + _ALIKE * (size - 1)
    # fsum is exact, so the order of the observations changes no digit.
    n = sum(map(len, clusters))
    mean = fsum(chain(*clusters)) / n
    moved = [
        (fsum(own) - len(own) * mean) / (n - len(own))
        for own in clusters
        if len(own) < n
    ]
    error = sqrt((1 - 1 / len(clusters)) * fsum(each * each for each in moved))
    largest = max(map(abs, chain(*clusters)))
    return _Spread(
        mean=mean,
        error=error if error > 1e-9 * largest else 0.0,
        freedom=max(1.0, n * n / sum(len(own) ** 2 for own in clusters) - 1),
        independent=independent,
        n=n,
        clusters=len(clusters),
        scope=scope,
    )


def _ends(spread: _Spread, low: float, high: float) -> Interval:
    """Return the means m at which the test gives 0.05, by its quadratic equation.

    (mean - m)^2 = (t * error)^2 (m - low)(high - m) / ((mean - low)(high - mean))
    """
    from scipy.special import stdtrit

    mean = spread.mean
    if not spread.error:
        unseen = 1 - (LEVEL / 2) ** (1 / spread.independent)
        return Interval(mean - unseen * (mean - low), mean + unseen * (high - mean))
    t = float(stdtrit(spread.freedom, 1 - LEVEL / 2))
    pull = (t * spread.error) ** 2 / ((mean - low) * (high - mean))
    middle = (mean + pull * (low + high) / 2) / (1 + pull)
    square = middle**2 - (mean**2 + pull * low * high) / (1 + pull)
    half = sqrt(max(0.0, square))
    return Interval(max(low, middle - half), min(high, middle + half))
