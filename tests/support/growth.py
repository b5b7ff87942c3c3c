"""What work costs beside other work: a fact on a machine of any speed."""

import math
import time
from collections.abc import Callable
from itertools import count

import pytest

TRIES = 5
LONG_S = 10
"""What takes so long is measured well at once."""
MOST_TIMES = 24
"""Work on eight times as much costs 8 times as much if linear, 64 times if quadratic;
what no longer fits a cache may cost twice as much."""


def assert_linear(work: Callable[[int], object], size: int) -> None:
    """Fail if work on four times the size costs far more than on half of it.

    The size has to be so large that what must not grow would dominate. Each call gets
    a size a little below, so that no cache answers.
    """
    calls = count()
    work(size // 2 - next(calls))
    assert_costs_at_most(
        MOST_TIMES,
        lambda: work(4 * size - next(calls)),
        lambda: work(size // 2 - next(calls)),
    )


def assert_costs_at_most(
    times: float, work: Callable[[], object], other: Callable[[], object]
) -> None:
    """Fail if work costs over so many times as much as other work.

    Both are measured in turn, and again if it seems so: other programs disturb them.
    """
    cost = other_cost = math.inf
    for _ in range(TRIES):
        other_cost = min(other_cost, _cpu_s(other))
        cost = min(cost, _cpu_s(work))
        if cost < times * other_cost:
            return
        if cost > LONG_S:
            break
    pytest.fail(f"it took {cost / other_cost:.1f} times as long, not {times} at most")


def _cpu_s(work: Callable[[], object]) -> float:
    begin = time.thread_time()
    work()
    return time.thread_time() - begin
