import random

import pytest

from diffscribe.core.intervals import estimate, holm, mcnemar, paired_bootstrap
from diffscribe.core.records import Score
from diffscribe.eval.metrics import compare, most_apart, paired
from diffscribe.eval.scores import SCORES


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
    found = compare(of("student", mine, name, repos), others, [name], 500, 7)
    return found["base"][name]


def test_wins_losses_and_ties_are_counted_by_change():
    found = one([1.0] * 9 + [0.0] * 2 + [1.0] * 30, [0.0] * 9 + [1.0] * 32)
    assert (found.wins, found.losses, found.ties) == (9, 2, 30)
    assert found.p_mcnemar == mcnemar(9, 2)


def test_a_change_and_its_variants_win_together():
    mine = [score("student", n, cluster="a", valid=float(n < 2)) for n in range(3)]
    theirs = [score("base", n, cluster="a", valid=float(n == 2)) for n in range(3)]
    found = compare(mine, {"base": theirs}, ["valid"], 500, 7)["base"]["valid"]
    assert (found.wins, found.losses, found.ties) == (1, 0, 0)


@pytest.mark.parametrize("repos", [2, 8])
def test_better_is_said_only_of_an_interval_without_zero(repos):
    rng = random.Random(7)
    verdicts = set()
    for lead in (-0.3, -0.1, 0.0, 0.1, 0.3):
        mine = [float(rng.random() < 0.5 + lead) for _ in range(96)]
        theirs = [float(rng.random() < 0.5) for _ in range(96)]
        found = one(mine, theirs, repos=repos)
        pairs = paired(
            of("s", mine, repos=repos), of("b", theirs, repos=repos), "valid"
        )
        interval = estimate(pairs, (-1.0, 1.0), 500, 7)
        expected = (
            "better"
            if interval.low > 0
            else "worse"
            if interval.high < 0
            else "not shown"
        )
        assert found.verdict == expected
        assert found.p == paired_bootstrap(pairs, (-1.0, 1.0), 500, 7)
        verdicts.add(found.verdict)
    assert verdicts == {"better", "worse", "not shown"}


def test_the_more_is_compared_the_less_is_shown():
    rng = random.Random(7)
    mine = of("student", [float(rng.random() < 0.66) for _ in range(120)])
    other = of("base", [float(rng.random() < 0.5) for _ in range(120)])
    alone = compare(mine, {"base": other}, ["valid"], 500, 7)["base"]["valid"]
    assert alone.verdict == "better"
    assert 0.001 < alone.p == alone.p_holm < 0.05
    same = {f"same-{n}": of(f"same-{n}", [1.0] * 120) for n in range(1, 50)}
    equal = {name: [*mine] for name in same}
    family = compare(mine, {"base": other, **equal}, ["valid"], 500, 7)
    assert family["base"]["valid"].verdict == "not shown"
    p_values = [family[other]["valid"].p for other in family]
    assert [family[other]["valid"].p_holm for other in family] == holm(p_values)


def test_where_less_is_better_less_wins():
    assert SCORES["moves"].better == "lower"
    found = one([0.0] * 20 + [1.0], [2.0] * 20 + [1.0], "moves")
    assert (found.wins, found.losses, found.ties) == (20, 0, 1)
    assert (found.verdict, found.p_mcnemar) == ("better", None)


def test_graded_scores_have_no_mcnemar():
    assert one([0.5, 1.0], [0.0, 1.0], "ari").p_mcnemar is None
    assert one([1.0, 0.0], [0.0, 1.0], "ari").p_mcnemar == 1.0


def test_samples_without_the_measure_are_left_out():
    found = one([1.0, None, 1.0, None], [0.0, 0.0, None, None], "junk")
    assert (found.wins, found.losses, found.ties) == (1, 0, 0)
    nothing = one([None], [None], "junk")
    assert (nothing.p, nothing.verdict, nothing.detectable) == (1.0, "not shown", None)


def test_a_difference_may_be_the_whole_range_either_way():
    assert most_apart("valid") == (-1.0, 1.0)
    assert most_apart("joco_score") == (-100.0, 100.0)
    assert most_apart("moves") == (-float("inf"), float("inf"))
