import random

import pytest

from diffscribe.evaluation.bootstrap import Estimate, Observation, estimate


def of(values, bounds=(0.0, 1.0), resamples=2000, seed=7):
    return estimate(
        [Observation(f"c{n}", value) for n, value in enumerate(values)],
        bounds,
        resamples,
        seed,
    )


def test_the_interval_of_a_coin_is_about_the_textbook_one():
    result = of([0.0, 1.0] * 50)
    assert (result.value, result.n) == (0.5, 100)
    # 1.96 * sqrt(0.25 / 100) = 0.098
    assert result.low == pytest.approx(0.402, abs=0.02)
    assert result.high == pytest.approx(0.598, abs=0.02)


def test_equal_input_gives_equal_intervals_in_any_order():
    values = [0.0, 0.25, 1.0, 0.5, 0.5]
    observations = [Observation(f"c{n % 3}", v) for n, v in enumerate(values)]
    first = estimate(observations, (0.0, 1.0), 500, 7)
    assert estimate(observations[::-1], (0.0, 1.0), 500, 7) == first
    assert estimate(observations, (0.0, 1.0), 500, 8) != first


def test_values_of_one_cluster_are_not_taken_for_independent():
    apart = [Observation(f"c{n}", n % 2) for n in range(80)]
    together = [Observation(f"c{n // 4 * 4}", n // 4 % 2) for n in range(80)]
    narrow = estimate(apart, (0.0, 1.0), 2000, 7)
    wide = estimate(together, (0.0, 1.0), 2000, 7)
    # Four copies of everything double the width.
    ratio = (wide.high - wide.low) / (narrow.high - narrow.low)
    assert ratio == pytest.approx(2, abs=0.2)


def test_the_mean_is_over_samples_and_not_over_clusters():
    observations = [Observation("a", 1.0), Observation("a", 1.0), Observation("b", 0.0)]
    assert estimate(observations, (0.0, 1.0), 100, 7).value == pytest.approx(2 / 3)


def test_without_spread_the_interval_is_the_exact_one():
    # Clopper and Pearson's: 60 of 60 leaves 0.025 ** (1 / 60) = 0.940.
    assert of([1.0] * 60).low == pytest.approx(0.9404, abs=1e-4)
    assert of([1.0] * 60).high == 1.0
    assert of([0.0] * 60).low == 0.0
    assert of([0.0] * 60).high == pytest.approx(0.0596, abs=1e-4)
    assert of([0.0] * 60, bounds=(-1.0, 1.0)).low == pytest.approx(-0.0596, abs=1e-4)


def test_one_sample_says_next_to_nothing():
    result = of([1.0])
    assert (result.value, result.high, result.n) == (1.0, 1.0, 1)
    assert result.low == pytest.approx(0.025)


def test_no_sample_says_nothing():
    assert of([]) == Estimate(value=None, low=None, high=None, n=0)


def test_the_interval_covers_the_truth_as_often_as_it_says():
    rng = random.Random(7)
    covered = 0
    for seed in range(300):
        result = of([float(rng.random() < 0.7) for _ in range(100)], seed=seed)
        covered += result.low <= 0.7 <= result.high
    assert 0.91 <= covered / 300 <= 0.98
