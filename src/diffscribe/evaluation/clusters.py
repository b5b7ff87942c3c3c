"""Values by cluster: what an interval resamples, and how far clusters spread."""

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

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
