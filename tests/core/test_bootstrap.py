import math
import random
from itertools import product

import numpy as np
import pytest
from scipy.stats import binomtest
from scipy.stats import t as student

from diffscribe.core.intervals import (
    Estimate,
    Observation,
    estimate,
    mcnemar,
    p_of_mean,
)

SHARE = (0.0, 1.0)
ANY = (-math.inf, math.inf)


def of(values, bounds=SHARE, resamples=2000, seed=7, repos=1):
    return estimate(observed(values, repos), bounds, resamples, seed)


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
    result = of([0.0, 1.0] * 50)
    assert (result.value, result.n) == (0.5, 100)
    wilson = binomtest(50, 100).proportion_ci(method="wilson")
    assert result.low == pytest.approx(wilson.low, abs=0.003)
    assert result.high == pytest.approx(wilson.high, abs=0.003)


def test_without_bounds_it_is_students_interval():
    rng = random.Random(7)
    values = [rng.gauss(3, 2) for _ in range(25)]
    result = of(values, ANY)
    low, high = student.interval(0.95, 24, np.mean(values), np.std(values, ddof=1) / 5)
    assert (result.low, result.high) == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize("repos", [1, 3, 6, 9])
def test_equal_input_gives_equal_intervals_in_any_order(repos):
    rng = random.Random(7)
    observations = observed([rng.random() for _ in range(50)], repos)
    first = estimate(observations, SHARE, 500, 7)
    rng.shuffle(observations)
    assert estimate(observations, SHARE, 500, 7) == first


def test_repositories_are_drawn_by_the_seed():
    observations = uneven(8)
    first, second = (estimate(observations, SHARE, 200, seed) for seed in (7, 8))
    assert (first.low, first.high) != (second.low, second.high)
    assert first.low == pytest.approx(second.low, abs=0.05)


def test_from_six_repositories_on_the_interval_is_of_others_too():
    six, five = (estimate(uneven(repos), SHARE, 2000, 7) for repos in (6, 5))
    assert (six.scope, six.clusters) == ("repositories", 6)
    assert (five.scope, five.clusters) == ("changes", five.n)


def test_values_of_one_cluster_are_not_taken_for_independent():
    apart = [Observation(f"c{n}", n % 2) for n in range(80)]
    together = [Observation(f"c{n // 4 * 4}", n // 4 % 2) for n in range(80)]
    narrow = estimate(apart, SHARE, 2000, 7)
    wide = estimate(together, SHARE, 2000, 7)
    # Four copies of everything double the width.
    ratio = (wide.high - wide.low) / (narrow.high - narrow.low)
    assert ratio == pytest.approx(2, abs=0.2)


def test_the_mean_is_over_samples_and_not_over_clusters():
    observations = [Observation("a", 1.0), Observation("a", 1.0), Observation("b", 0.0)]
    assert estimate(observations, SHARE, 100, 7).value == pytest.approx(2 / 3)


@pytest.mark.parametrize("repos", [2, 7])
@pytest.mark.parametrize("level", [0.03, 0.5, 0.97])
def test_an_interval_is_within_bounds_and_around_its_mean(repos, level):
    for seed in range(10):
        found = estimate(uneven(repos, seed, level), SHARE, 200, seed)
        assert 0 <= found.low <= found.value <= found.high <= 1
        assert found.low < found.high


@pytest.mark.parametrize("repos", [2, 7])
def test_what_is_no_is_the_mirror_of_what_is_yes(repos):
    yes = uneven(repos)
    no = [each._replace(value=1 - each.value) for each in yes]
    one, other = (estimate(each, SHARE, 500, 7) for each in (yes, no))
    assert (1 - other.high, 1 - other.low) == pytest.approx((one.low, one.high), 1e-4)


@pytest.mark.parametrize("repos", [2, 7])
def test_other_units_give_the_same_interval(repos):
    points = [each._replace(value=100 * each.value) for each in uneven(repos)]
    share = estimate(uneven(repos), SHARE, 500, 7)
    found = estimate(points, (0.0, 100.0), 500, 7)
    assert found.low == pytest.approx(100 * share.low, abs=1e-3)
    assert found.high == pytest.approx(100 * share.high, abs=1e-3)


@pytest.mark.parametrize("repos", [2, 7])
@pytest.mark.parametrize("bounds", [SHARE, (0.0, math.inf), ANY])
def test_the_interval_holds_what_the_test_does_not_reject(repos, bounds):
    observations = uneven(repos)
    found = estimate(observations, bounds, 500, 7)

    def p(supposed):
        return p_of_mean(supposed, observations, bounds, 500, 7)

    assert p(found.value) > 0.99
    assert p(found.low - 1e-3) < 0.05 <= p(found.low + 1e-3)
    assert p(found.high + 1e-3) < 0.05 <= p(found.high - 1e-3)


def test_p_agrees_with_every_draw_there_is():
    """All 6 ** 6 ways to weigh six repositories, each evaluated from its samples."""
    observations = uneven(6, seed=3)
    supposed = 0.6
    groups = [
        np.array([each.value for each in observations if each.repo == str(repo)])
        for repo in range(6)
    ]
    n = np.array([len(group) for group in groups])
    sums = np.array([group.sum() for group in groups])

    def squared_t(totals):
        mean = totals.sum(-1, keepdims=True) / n.sum()
        residuals = totals - n * mean
        squares = (residuals**2 / (1 - n / n.sum())).sum(-1)
        return (totals.sum(-1) - n.sum() * supposed) ** 2 / squares

    weights = [sign * math.sqrt(each) for sign in (-1, 1) for each in (0.5, 1, 1.5)]
    drawn = np.array(list(product(weights, repeat=6)))
    everything = squared_t(n * supposed + drawn * (sums - n * supposed))
    mean = sums.sum() / n.sum()
    scale = supposed * (1 - supposed) / (mean * (1 - mean))
    exact = np.mean(everything >= squared_t(sums) / scale * (1 - 1e-9))
    assert 0.05 < exact < 0.9
    found = p_of_mean(supposed, observations, SHARE, 20000, 7)
    assert found == pytest.approx(exact, abs=4 * math.sqrt(0.25 / 20000))


def test_without_spread_the_interval_is_the_exact_one():
    # Clopper and Pearson's: 60 of 60 leaves 0.025 ** (1 / 60) = 0.940.
    assert of([1.0] * 60).low == pytest.approx(0.9404, abs=1e-4)
    assert of([1.0] * 60).high == 1.0
    assert of([0.0] * 60).low == 0.0
    assert of([0.0] * 60).high == pytest.approx(0.0596, abs=1e-4)
    assert of([0.0] * 60, bounds=(-1.0, 1.0)).low == pytest.approx(-0.0596, abs=1e-4)


def test_what_goes_unseen_may_be_as_far_off_as_the_other_bound():
    found = of([0.9] * 60)
    assert found.low == pytest.approx(0.9 * 0.9404, abs=1e-4)
    assert found.high == pytest.approx(0.9 + 0.1 * 0.0596, abs=1e-4)


def test_without_spread_and_bound_there_is_no_end():
    found = of([0.0] * 60, bounds=(0.0, math.inf))
    assert (found.low, found.high) == (0.0, None)


@pytest.mark.parametrize("n", [1, 5, 6, 12])
def test_nothing_but_wins_is_mcnemars_exact_test(n):
    found = p_of_mean(0.0, observed([1.0] * n), (-1.0, 1.0), 500, 7)
    assert found == pytest.approx(mcnemar(n, 0))


def test_one_sample_says_next_to_nothing():
    result = of([1.0])
    assert (result.value, result.high, result.n) == (1.0, 1.0, 1)
    assert result.low == pytest.approx(0.025, abs=1e-5)
    assert of([1.0], bounds=(-1.0, 1.0)).low == pytest.approx(-0.95, abs=1e-5)


def test_no_sample_says_nothing():
    assert of([]) == Estimate(value=None, low=None, high=None, n=0)
    assert p_of_mean(0.0, [], (-1.0, 1.0), 500, 7) == 1.0


@pytest.mark.parametrize("repos", [1, 2, 6, 12])
def test_the_interval_covers_the_truth_as_often_as_it_says(repos):
    """benchmarks/interval_coverage.py measures it; this is to see if it breaks."""
    rng = random.Random(7)
    covered = 0
    for seed in range(300):
        values = [float(rng.random() < 0.7) for _ in range(96)]
        result = of(values, seed=seed, resamples=500, repos=repos)
        covered += result.low <= 0.7 <= result.high
    assert 0.91 <= covered / 300 <= 0.985


def test_an_interval_that_nothing_can_narrow_ends_at_its_bounds():
    result = of([0.0, 1.0] * 10, resamples=5, repos=10)
    assert (result.low, result.high) == (0.0, 1.0)
