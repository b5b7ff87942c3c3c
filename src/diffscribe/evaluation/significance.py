"""Whether a difference between two systems is more than chance, and what would be.

Exact tests of counts are in diffscribe.exact.
"""

from collections.abc import Iterable, Sequence

from diffscribe.evaluation.bootstrap import LEVEL, Estimate, p_of_mean
from diffscribe.evaluation.clusters import Observation

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
