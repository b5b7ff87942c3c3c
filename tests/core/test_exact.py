import random
from math import comb

import pytest

from diffscribe.core.intervals import mcnemar, proportion_interval, rule_of_three


def by_definition(first, second):
    """Add up the chances of every outcome that is no likelier than this one."""
    n = first + second
    return sum(comb(n, k) for k in range(n + 1) if comb(n, k) <= comb(n, first)) / 2**n


def test_mcnemar_is_the_sum_of_all_outcomes_no_likelier():
    rng = random.Random(7)
    for _ in range(300):
        first, second = rng.randrange(40), rng.randrange(40)
        assert mcnemar(first, second) == pytest.approx(
            by_definition(first, second), abs=1e-12
        )


def test_mcnemar_does_not_care_which_is_first():
    assert mcnemar(9, 2) == mcnemar(2, 9) == pytest.approx(2 * (1 + 11 + 55) / 2**11)


@pytest.mark.parametrize(
    ("first", "second", "p"),
    [(0, 0, 1.0), (1, 0, 1.0), (5, 0, 0.0625), (6, 0, 0.03125)],
)
def test_mcnemar_needs_six_to_none_for_significance(first, second, p):
    assert mcnemar(first, second) == pytest.approx(p, abs=1e-12)


def test_mcnemar_rejects_no_more_often_than_the_level_says():
    """Exact over every outcome of n fair pairs, not by drawing some."""
    for n in (1, 5, 6, 20, 57, 100):
        wrong = sum(comb(n, k) for k in range(n + 1) if mcnemar(k, n - k) <= 0.05)
        assert wrong / 2**n <= 0.05


def test_a_share_is_inside_its_interval_and_the_ends_mirror():
    for n in (1, 3, 50, 400):
        for k in range(0, n + 1, max(1, n // 7)):
            low, high = proportion_interval(k, n)
            mirrored = proportion_interval(n - k, n)
            assert 0 <= low <= k / n <= high <= 1
            assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((low, high))


def test_the_ends_of_an_interval_leave_a_fortieth_each():
    """From the definition: as many or more, and as few or fewer, once in 40."""
    low, high = proportion_interval(7, 20)

    def chance(p, counts):
        return sum(comb(20, k) * p**k * (1 - p) ** (20 - k) for k in counts)

    assert chance(low, range(7, 21)) == pytest.approx(0.025)
    assert chance(high, range(8)) == pytest.approx(0.025)


def test_no_samples_tell_nothing():
    assert proportion_interval(0, 0) == (0.0, 1.0)


def test_none_seen_is_at_most_about_three_in_n():
    assert rule_of_three(1) == pytest.approx(0.95)
    assert rule_of_three(100) == pytest.approx(0.0295, abs=1e-4)
    for n in (100, 400, 5000, 120.5):
        assert (1 - rule_of_three(n)) ** n == pytest.approx(0.05)
        assert rule_of_three(n) == pytest.approx(3 / n, rel=0.02)
