"""Exact tests and intervals of counts: nothing here is an approximation for many."""

from typing import NamedTuple

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
