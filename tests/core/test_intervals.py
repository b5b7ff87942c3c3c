import random
from itertools import combinations
from math import comb
from statistics import mean

import numpy as np
import pytest
from scipy.stats import binomtest, sem
from scipy.stats import t as student
from tests.support.seeds import for_seeds

from diffscribe.core.intervals import (
    Estimate,
    Observation,
    estimate,
    holm,
    mcnemar,
    paired_test,
    proportion_interval,
)

ANY = (-1e9, 1e9)
"""Bounds so far off that they pull at nothing."""
DIFFERENCE = (-1.0, 1.0)


def observed(values, repos=1):
    return [Observation(f"c{n}", v, f"r{n % repos}") for n, v in enumerate(values)]


def uneven(repos, seed=7, level=0.7):
    rng = random.Random(seed)
    return [
        Observation(f"{repo}-{n}", float(rng.random() < level), str(repo))
        for repo in range(repos)
        for n in range(rng.randrange(4, 40))
    ]


def test_the_interval_of_a_coin_is_wilsons():
    result = estimate(observed([0.0, 1.0] * 50))
    assert (result.value, result.n) == (0.5, 100)
    wilson = binomtest(50, 100).proportion_ci(method="wilson")
    assert result.low == pytest.approx(wilson.low, abs=0.003)
    assert result.high == pytest.approx(wilson.high, abs=0.003)


def test_far_from_bounds_it_is_students_interval():
    rng = random.Random(7)
    values = [rng.gauss(3, 2) for _ in range(25)]
    result = estimate(observed(values), ANY)
    low, high = student.interval(0.95, 24, mean(values), sem(values))
    assert (result.low, result.high) == pytest.approx((low, high), abs=1e-4)


def test_repositories_of_equal_size_are_as_good_as_their_means():
    rng = random.Random(7)
    levels = [rng.random() for _ in range(9) for _ in range(7)]
    observations = [
        Observation(str(n), level, str(n // 7)) for n, level in enumerate(levels)
    ]
    means = [mean(levels[at : at + 7]) for at in range(0, 63, 7)]
    result = estimate(observations, ANY)
    low, high = student.interval(0.95, 8, mean(means), sem(means))
    assert (result.low, result.high) == pytest.approx((low, high), abs=1e-4)


@for_seeds(20)
def test_unequal_repositories_agree_with_leaving_out_each_in_turn(seed):
    observations = uneven(6 + seed % 4, seed)
    repos = sorted({each.repo for each in observations})
    everything = mean(each.value for each in observations)
    without = [
        mean(each.value for each in observations if each.repo != repo) for repo in repos
    ]
    share = np.array([sum(o.repo == r for o in observations) for r in repos])
    share = share / share.sum()
    error = np.sqrt(
        (len(repos) - 1) / len(repos) * np.square(np.array(without) - everything).sum()
    )
    freedom = max(1, 1 / (share**2).sum() - 1)
    low, high = student.interval(0.95, freedom, everything, error)
    result = estimate(observations, ANY)
    assert (result.low, result.high) == pytest.approx((low, high), abs=1e-4)


def test_one_giant_among_repositories_widens_the_interval():
    rng = random.Random(7)
    even = [Observation(f"{n}", rng.random(), str(n % 8)) for n in range(160)]
    giant = [
        Observation(f"{n}", rng.random(), str(max(0, n - 152))) for n in range(160)
    ]
    narrow, wide = estimate(even), estimate(giant)
    assert wide.high - wide.low > 3 * (narrow.high - narrow.low)


@pytest.mark.parametrize("repos", [1, 3, 6, 9])
def test_equal_input_gives_equal_bytes_in_any_order(repos):
    rng = random.Random(7)
    observations = observed([rng.random() for _ in range(50)], repos)
    first = estimate(observations), paired_test(observations)
    for _ in range(5):
        rng.shuffle(observations)
        assert (estimate(observations), paired_test(observations)) == first


def test_from_six_repositories_on_the_interval_is_of_others_too():
    six, five = (estimate(uneven(repos)) for repos in (6, 5))
    assert (six.scope, six.clusters) == ("repositories", 6)
    assert (five.scope, five.clusters) == ("changes", five.n)


def test_values_of_one_cluster_are_not_taken_for_independent():
    apart = [Observation(f"c{n}", n % 2) for n in range(80)]
    together = [Observation(f"c{n // 4 * 4}", n // 4 % 2) for n in range(80)]
    narrow, wide = estimate(apart), estimate(together)
    # Four copies of everything double the width.
    ratio = (wide.high - wide.low) / (narrow.high - narrow.low)
    assert ratio == pytest.approx(2, abs=0.2)
    assert (wide.n, wide.clusters) == (80, 20)


def test_the_mean_is_over_samples_and_not_over_clusters():
    observations = [Observation("a", 1.0), Observation("a", 1.0), Observation("b", 0.0)]
    assert estimate(observations).value == pytest.approx(2 / 3)


@pytest.mark.parametrize("repos", [2, 7])
@pytest.mark.parametrize("level", [0.03, 0.5, 0.97])
def test_an_interval_is_within_bounds_and_around_its_mean(repos, level):
    for seed in range(10):
        found = estimate(uneven(repos, seed, level))
        assert 0 <= found.low <= found.value <= found.high <= 1
        assert found.low < found.high


@pytest.mark.parametrize("repos", [2, 7])
def test_what_is_no_is_the_mirror_of_what_is_yes_in_any_unit(repos):
    yes = uneven(repos)
    no = [each._replace(value=1 - each.value) for each in yes]
    points = [each._replace(value=100 * each.value) for each in yes]
    one, other, hundred = (estimate(yes), estimate(no), estimate(points, (0.0, 100.0)))
    assert (1 - other.high, 1 - other.low) == pytest.approx((one.low, one.high))
    assert hundred.low == pytest.approx(100 * one.low)


def test_without_spread_the_interval_is_the_exact_one():
    # Clopper and Pearson's: 60 of 60 leaves 0.025 ** (1 / 60) = 0.940.
    ones, zeros = estimate(observed([1.0] * 60)), estimate(observed([0.0] * 60))
    assert (ones.low, ones.high) == pytest.approx((0.9404, 1.0), abs=1e-4)
    assert (zeros.low, zeros.high) == pytest.approx((0.0, 0.0596), abs=1e-4)
    same = estimate(observed([0.0] * 60), DIFFERENCE)
    assert (same.low, same.high) == pytest.approx((-0.0596, 0.0596), abs=1e-4)
    near = estimate(observed([0.9] * 60))
    assert near.low == pytest.approx(0.9 * 0.9404, abs=1e-4)
    assert near.high == pytest.approx(0.9 + 0.1 * 0.0596, abs=1e-4)


def test_without_spread_many_changes_of_a_repository_count_for_less():
    found = estimate(observed([1.0] * 60, repos=6))
    # Ten changes a repository, alike by 0.1, say as much as 60 / 1.9.
    assert found.low == pytest.approx(0.025 ** (1.9 / 60))
    assert estimate(observed([1.0] * 60, repos=60)).low == pytest.approx(0.9404, 1e-4)


def test_one_sample_says_next_to_nothing_and_none_says_nothing():
    result = estimate(observed([1.0]))
    assert (result.value, result.high, result.n) == (1.0, 1.0, 1)
    assert result.low == pytest.approx(0.025)
    assert estimate([Observation("a", 0.0), Observation("a", 1.0)]).clusters == 1
    assert estimate([]) == Estimate(value=None, low=None, high=None, n=0)
    assert paired_test([]) == 1.0


@pytest.mark.parametrize("repos", [1, 2, 6, 12])
def test_the_interval_covers_the_truth_as_often_as_it_says(repos):
    """benchmarks/interval_coverage.py measures it; this is to see if it breaks."""
    rng = random.Random(7)
    covered = 0
    for _ in range(300):
        values = [float(rng.random() < 0.7) for _ in range(96)]
        result = estimate(observed(values, repos))
        covered += result.low <= 0.7 <= result.high
    assert 0.91 <= covered / 300 <= 0.985


def differences(seed, n, effect=0.0, discordant=0.2, repos=1):
    """Differences of two yes/no scores that differ on some of the changes."""
    rng = random.Random(seed)
    win = (effect / discordant + 1) / 2
    return [
        Observation(
            str(number),
            (1.0 if rng.random() < win else -1.0) if rng.random() < discordant else 0.0,
            str(number % repos),
        )
        for number in range(n)
    ]


@pytest.mark.parametrize("repos", [2, 8])
def test_the_test_agrees_with_the_interval(repos):
    outcomes = set()
    for seed in range(200):
        drawn = differences(seed, 96, effect=0.08, repos=repos)
        found, p = estimate(drawn, DIFFERENCE), paired_test(drawn)
        assert (p < 0.05) == (found.low > 0 or found.high < 0)
        negated = [each._replace(value=-each.value) for each in drawn]
        assert paired_test(negated) == pytest.approx(p)
        outcomes.add(p < 0.05)
    assert outcomes == {True, False}


@pytest.mark.parametrize("n", [1, 5, 6, 12])
def test_nothing_but_wins_is_the_exact_sign_test(n):
    assert paired_test(observed([1.0] * n)) == pytest.approx(mcnemar(n, 0))
    assert paired_test(observed([0.0] * n)) == 1.0


def test_a_true_difference_is_found_as_often_as_the_textbook_says():
    """(1.960 + 0.842) * sqrt(0.2 / 400) = 6.3 points are found 4 times in 5."""
    found = sum(
        paired_test(differences(seed, 400, effect=0.0628)) < 0.05 for seed in range(300)
    )
    assert 0.72 <= found / 300 <= 0.88


def test_holm_is_the_closed_procedure_of_bonferroni():
    """A hypothesis falls if Bonferroni rejects every intersection that holds it."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert (holm([]), holm([0.03])) == ([], [0.03])
    rng = random.Random(7)
    for _ in range(200):
        p_values = [rng.random() ** 3 for _ in range(rng.randrange(1, 7))]
        everyone = range(len(p_values))
        expected = [
            max(
                min(1.0, len(group) * min(p_values[each] for each in group))
                for size in range(1, len(p_values) + 1)
                for group in combinations(everyone, size)
                if number in group
            )
            for number in everyone
        ]
        assert holm(p_values) == pytest.approx(expected)


def test_mcnemar_is_the_sum_of_all_outcomes_no_likelier():
    rng = random.Random(7)
    for _ in range(300):
        a, b = rng.randrange(40), rng.randrange(40)
        n = a + b
        ways = [comb(n, k) for k in range(n + 1) if comb(n, k) <= comb(n, a)]
        assert mcnemar(a, b) == pytest.approx(sum(ways) / 2**n, abs=1e-12)
    assert mcnemar(0, 0) == 1.0


def test_the_ends_of_an_exact_interval_leave_a_fortieth_each():
    """From the definition: as many or more, and as few or fewer, once in 40."""

    def chance(p, counts):
        return sum(comb(20, k) * p**k * (1 - p) ** (20 - k) for k in counts)

    low, high = proportion_interval(7, 20)
    assert chance(low, range(7, 21)) == pytest.approx(0.025)
    assert chance(high, range(8)) == pytest.approx(0.025)
    assert proportion_interval(0, 0) == (0.0, 1.0)
    assert (proportion_interval(0, 9).low, proportion_interval(9, 9).high) == (0, 1)
