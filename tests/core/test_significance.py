import random
from itertools import combinations

import pytest

from diffscribe.core.intervals import (
    Estimate,
    Observation,
    estimate,
    holm,
    minimum_detectable_effect,
    paired_bootstrap,
)

DIFFERENCE = (-1.0, 1.0)


def paired(seed, n, effect=0.0, discordant=0.2, repos=1):
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


def test_holm_by_hand():
    adjusted = holm([0.01, 0.04, 0.03, 0.005])
    assert adjusted == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_is_the_closed_procedure_of_bonferroni():
    """A hypothesis falls if Bonferroni rejects every intersection that holds it."""
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


def test_holm_goes_with_the_order_it_is_given():
    p_values = [0.2, 0.001, 0.04, 0.04, 1.0]
    shuffled = [3, 0, 4, 2, 1]
    adjusted = holm(p_values)
    again = holm([p_values[number] for number in shuffled])
    assert again == [adjusted[number] for number in shuffled]
    pairs = zip(p_values, adjusted, strict=True)
    assert all(before <= after <= 1 for before, after in pairs)


def test_a_family_of_none_or_one_is_as_it_was():
    assert holm([]) == []
    assert holm([0.03]) == [0.03]


@pytest.mark.parametrize("repos", [2, 8])
def test_the_test_agrees_with_the_interval(repos):
    outcomes = set()
    for seed in range(40):
        differences = paired(seed, 96, effect=0.08, repos=repos)
        found = estimate(differences, DIFFERENCE, 500, seed)
        p = paired_bootstrap(differences, DIFFERENCE, 500, seed)
        assert (p < 0.05) == (found.low > 0 or found.high < 0)
        outcomes.add(p < 0.05)
    assert outcomes == {True, False}


def test_no_difference_anywhere_is_no_difference():
    differences = [Observation(str(n), 0.0) for n in range(50)]
    assert paired_bootstrap(differences, DIFFERENCE, 500, 7) == 1.0


def test_the_other_way_round_p_is_the_same():
    differences = paired(7, 120, effect=0.05, repos=8)
    negated = [each._replace(value=-each.value) for each in differences]
    assert paired_bootstrap(negated, DIFFERENCE, 500, 7) == paired_bootstrap(
        differences, DIFFERENCE, 500, 7
    )


@pytest.mark.parametrize(
    ("n", "discordant", "points"),
    [(100, 0.1, 8.9), (400, 0.2, 6.3), (1000, 0.3, 4.8)],
)
def test_the_detectable_effect_is_that_of_the_textbook(n, discordant, points):
    """(1.960 + 0.842) * sqrt(discordant / n), in points."""
    wins = round(n * discordant / 2)
    values = [1.0] * wins + [-1.0] * wins + [0.0] * (n - 2 * wins)
    differences = [Observation(str(number), each) for number, each in enumerate(values)]
    found = minimum_detectable_effect(estimate(differences, DIFFERENCE, 500, 7))
    assert 100 * found == pytest.approx(points, abs=0.2)


def test_the_detectable_effect_is_found_four_times_in_five():
    found = 0
    for seed in range(300):
        differences = paired(seed, 400, effect=0.0628)
        found += paired_bootstrap(differences, DIFFERENCE, 500, seed) < 0.05
    assert 0.72 <= found / 300 <= 0.88


def test_without_an_error_nothing_is_known_to_be_detectable():
    same = [Observation(str(n), 0.0) for n in range(50)]
    assert minimum_detectable_effect(estimate(same, DIFFERENCE, 500, 7)) is None
    nothing = Estimate(value=None, low=None, high=None, n=0)
    assert minimum_detectable_effect(nothing) is None
