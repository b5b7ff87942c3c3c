import random

import pytest

from diffscribe.core.compare import Pair, compare_pairs, compare_systems, pairs
from diffscribe.core.intervals import Observation, estimate, holm, paired_test
from diffscribe.core.records import Score
from diffscribe.eval.scores import SCORES, measures_of

VALID = measures_of(["valid"])


def score(system, number, cluster=None, repo="r", **values):
    return Score(
        sample_id=str(number),
        repo=repo,
        cluster=cluster or str(number),
        system=system,
        values=dict.fromkeys(SCORES) | values,
        findings={},
    )


def of(system, values, name="valid", repos=1):
    return [
        score(system, number, repo=str(number % repos), **{name: value})
        for number, value in enumerate(values)
    ]


def one(mine, theirs, name="valid", repos=1):
    others = {"base": of("base", theirs, name, repos)}
    return compare_systems(
        of("student", mine, name, repos), others, measures_of([name])
    )["base"][name]


def test_wins_losses_and_ties_are_counted_by_change():
    found = one([1.0] * 9 + [0.0] * 2 + [1.0] * 30, [0.0] * 9 + [1.0] * 32)
    assert (found.wins, found.losses, found.ties) == (9, 2, 30)
    assert found.first == pytest.approx(39 / 41)
    assert found.second == pytest.approx(32 / 41)
    assert found.difference.value == pytest.approx(7 / 41)


def test_a_change_and_its_variants_win_together():
    mine = [score("student", n, cluster="a", valid=float(n < 2)) for n in range(3)]
    theirs = [score("base", n, cluster="a", valid=float(n == 2)) for n in range(3)]
    found = compare_systems(mine, {"base": theirs}, VALID)["base"]["valid"]
    assert (found.wins, found.losses, found.ties) == (1, 0, 0)
    assert (found.difference.n, found.difference.clusters) == (3, 1)


@pytest.mark.parametrize("repos", [2, 8])
def test_better_is_said_only_of_an_interval_without_zero(repos):
    rng = random.Random(7)
    verdicts = set()
    for lead in (-0.3, -0.1, 0.0, 0.1, 0.3):
        mine = [float(rng.random() < 0.5 + lead) for _ in range(96)]
        theirs = [float(rng.random() < 0.5) for _ in range(96)]
        found = one(mine, theirs, repos=repos)
        differences = [
            Observation(str(n), a - b, str(n % repos))
            for n, (a, b) in enumerate(zip(mine, theirs, strict=True))
        ]
        interval = estimate(differences, (-1.0, 1.0))
        assert found.difference == interval
        assert found.p == paired_test(differences)
        verdict = "better" if interval.low > 0 else "not shown"
        assert found.verdict == ("worse" if interval.high < 0 else verdict)
        verdicts.add(found.verdict)
    assert verdicts == {"better", "worse", "not shown"}


def test_the_more_is_compared_the_less_is_shown():
    rng = random.Random(7)
    mine = of("student", [float(rng.random() < 0.66) for _ in range(120)])
    other = of("base", [float(rng.random() < 0.5) for _ in range(120)])
    alone = compare_systems(mine, {"base": other}, VALID)["base"]["valid"]
    assert alone.verdict == "better"
    assert 0.001 < alone.p == alone.p_holm < 0.05
    equal = {f"same-{n}": [*mine] for n in range(1, 50)}
    family = compare_systems(mine, {"base": other, **equal}, VALID)
    assert family["base"]["valid"].verdict == "not shown"
    p_values = [family[other]["valid"].p for other in family]
    assert [family[other]["valid"].p_holm for other in family] == holm(p_values)


def test_where_less_is_better_less_wins():
    assert SCORES["moves"].better == "lower"
    found = one([0.0] * 20 + [0.5], [1.0] * 20 + [0.5], "moves")
    assert (found.wins, found.losses, found.ties) == (20, 0, 1)
    assert found.verdict == "better"
    assert found.difference.value < 0


def test_samples_without_the_measure_are_left_out():
    found = one([1.0, None, 1.0, None], [0.0, 0.0, None, None], "junk")
    assert (found.wins, found.losses, found.ties, found.difference.n) == (1, 0, 0, 1)
    nothing = one([None], [None], "junk")
    assert (nothing.p, nothing.verdict, nothing.first) == (1.0, "not shown", None)


def test_a_difference_may_be_the_whole_range_either_way():
    points = [Pair(str(n), 100.0, 0.0) for n in range(9)]
    found = compare_pairs({"any key": (SCORES["joco_score"], points)})["any key"]
    assert found.difference.value == found.difference.high == 100.0


def test_samples_are_paired_by_id_whatever_their_order():
    mine, theirs = of("a", [1.0, 0.0, 1.0]), of("b", [0.0, 0.0, 1.0])
    found = pairs(mine, theirs[::-1], "valid")
    assert [(each.cluster, each.first, each.second) for each in found] == [
        ("0", 1.0, 0.0),
        ("1", 0.0, 0.0),
        ("2", 1.0, 1.0),
    ]
