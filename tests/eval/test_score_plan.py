import random
from collections import Counter

import pytest
from sklearn.metrics import adjusted_rand_score
from tests.support.planned import commit, make_case, plan, prediction

from diffscribe.eval.score_plan import (
    Partition,
    ari,
    b_cubed,
    exact_partition,
    findings,
    moves,
    partition,
    rand_index,
    scores,
)


def grouped(expected, given, once=1.0):
    return Partition(tuple(map(int, expected)), tuple(map(int, given)), once)


def test_one_group_is_met_by_the_same_group_alone():
    target = plan(commit("a b c"))
    assert ari(target, target) == 1.0
    assert ari(target, plan(commit("a b"), commit("c"))) == 0.0


def test_leaving_files_out_never_pays():
    target = plan(commit("a"), commit("b"), commit("c"))
    assert ari(target, target) == 1.0
    assert ari(target, plan(commit("a"))) == pytest.approx(1 / 3)
    assert ari(target, plan(commit("a"), commit("b"))) == pytest.approx(2 / 3)


def test_worse_than_chance_is_zero():
    target = plan(commit("a b"), commit("c d"))
    crossed = plan(commit("a c"), commit("b d"))
    assert adjusted_rand_score([0, 0, 1, 1], [0, 1, 0, 1]) < 0
    assert ari(target, crossed) == 0.0


@pytest.mark.parametrize(
    ("expected", "given", "index", "exact", "b3", "to_move"),
    [
        ("0011", "1100", 1.0, 1, 1.0, 0),
        ("0000", "0000", 1.0, 1, 1.0, 0),
        ("0123", "3210", 1.0, 1, 1.0, 0),
        ("0", "5", 1.0, 1, 1.0, 0),
        ("0011", "0000", 0.0, 0, 2 * (1 / 3) / (4 / 3), 2),
        ("0011", "0123", 0.0, 0, 0.0, 2),
        ("0011", "0101", -0.5, 0, 0.0, 2),
        ("0001", "0011", 0.0, 0, 2 * 0.5 * 0.25 / 0.75, 1),
        ("000111", "000011", 0.3243243243243243, 0, None, 1),
    ],
)
def test_groupings_by_hand(expected, given, index, exact, b3, to_move):
    pair = grouped(expected, given)
    assert rand_index(pair.expected, pair.given) == pytest.approx(index)
    assert exact_partition(pair) == exact
    assert moves(pair) == to_move
    if b3 is not None:
        assert b_cubed(pair) == pytest.approx(b3)


def naive_b_cubed(expected, given):
    """The definition, file by file."""

    def share(own, other):
        total = 0.0
        for i, label in enumerate(own):
            mine = {j for j, each in enumerate(own) if each == label} - {i}
            theirs = {j for j, each in enumerate(other) if each == other[i]} - {i}
            total += len(mine & theirs) / len(mine) if mine else float(not theirs)
        return total / len(own)

    precision, recall = share(given, expected), share(expected, given)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def naive_moves(expected, given):
    """The fewest files that change their group, over all ways to name groups."""
    from itertools import permutations

    names = sorted(set(given))
    spare = [*sorted(set(expected)), *(f"new{n}" for n in range(len(names)))]
    return min(
        sum(dict(zip(names, chosen, strict=True))[g] != e for e, g in pairs)
        for chosen in permutations(spare, len(names))
        for pairs in [list(zip(expected, given, strict=True))]
    )


@pytest.mark.parametrize("seed", range(60))
def test_groupings_agree_with_their_definitions(seed):
    rng = random.Random(seed)
    n = rng.randint(1, 7)
    expected = tuple(rng.randrange(3) for _ in range(n))
    given = tuple(rng.randrange(3) for _ in range(n))
    pair, turned = Partition(expected, given, 1.0), Partition(given, expected, 1.0)
    assert b_cubed(pair) == pytest.approx(naive_b_cubed(expected, given))
    assert b_cubed(pair) == pytest.approx(b_cubed(turned))
    assert moves(pair) == moves(turned) == naive_moves(expected, given)
    assert rand_index(expected, given) == rand_index(given, expected)
    assert (exact_partition(pair) == 1) == (moves(pair) == 0)


def test_the_rand_index_agrees_with_scikit_learn_on_10_000_partitions():
    import numpy as np

    rng = np.random.default_rng(7)
    worst = 0.0
    for n in range(1, 26):
        groups = rng.integers(1, n + 1, size=(400, 2))
        for most in groups:
            first, second = rng.integers(most[0], size=n), rng.integers(most[1], size=n)
            ours = rand_index(first.tolist(), second.tolist())
            worst = max(worst, abs(ours - adjusted_rand_score(first, second)))
    assert worst <= 1e-12


def test_random_groupings_have_an_index_of_zero_on_average():
    rng = random.Random(7)
    expected = [i % 4 for i in range(12)]
    values = [
        rand_index(expected, rng.sample(expected, len(expected))) for _ in range(4000)
    ]
    mean = sum(values) / len(values)
    deviation = (sum((v - mean) ** 2 for v in values) / len(values)) ** 0.5
    assert abs(mean) < 4 * deviation / len(values) ** 0.5
    assert deviation > 0.05


def test_a_file_that_is_left_out_always_moves():
    target = plan(commit("a b"), commit("c"))
    assert moves(partition(target, plan(commit("a b")))) == 1
    assert moves(partition(target, plan())) == 3
    twice = plan(commit("a b"), commit("c"), commit("c"))
    assert moves(partition(target, twice)) == 1


def test_leaving_out_is_not_the_same_as_being_alone():
    target = plan(commit("a"), commit("b"))
    left_out = partition(target, plan(commit("a")))
    assert exact_partition(left_out) == 0.0
    assert b_cubed(left_out) == 0.5


def test_what_is_wrong_with_paths_is_counted_and_named():
    case = make_case(plan(commit("a b c d")), junk=("x.log",))
    bad = plan(commit("a b"), commit("b e"), gitignore=["d"])
    values = scores(case, prediction(bad))
    assert values["paths_missing"] == 2 / 5
    assert values["paths_duplicate"] == 1 / 5
    assert values["paths_invented"] == 1 / 3
    assert values["count_error"] == 1
    found = findings(case, prediction(bad))
    assert found["paths_missing"] == ("c", "x.log")
    assert found["paths_duplicate"] == ("b",)
    assert found["paths_invented"] == ("e",)
    assert found["plan_problem"] == ("unknown_path",)


def test_without_a_plan_every_measure_is_at_its_worst():
    case = make_case(plan(commit("a b"), commit("c")))
    assert scores(case, prediction(None)) == {
        "valid": 0.0,
        "ari": 0.0,
        "ari_several": 0.0,
        "exact_partition": 0.0,
        "one_kept": None,
        "b_cubed": 0.0,
        "moves": 3.0,
        "count_error": 2.0,
        "paths_missing": 1.0,
        "paths_duplicate": 1.0,
        "paths_invented": 1.0,
    }


@pytest.mark.parametrize(
    ("target", "several", "one"),
    [
        (plan(commit("a b"), commit("c")), True, False),
        (plan(commit("a"), commit("b")), False, False),
        (plan(commit("a b")), False, True),
        (plan(commit("a")), False, False),
    ],
)
def test_targets_without_a_choice_are_kept_apart(target, several, one):
    values = scores(make_case(target), prediction(target))
    assert (values["ari_several"] is not None) == several
    assert (values["one_kept"] is not None) == one


def test_a_single_message_has_no_files_to_group():
    case = make_case(task="message")
    assert set(scores(case, prediction(case.target)).values()) == {None}
    assert findings(case, prediction(case.target)) == {}


def test_committed_junk_does_not_change_the_grouping():
    target = plan(commit("a b"), commit("c"))
    with_junk = plan(commit("a b x.log"), commit("c"))
    assert Counter(partition(target, with_junk)) == Counter(partition(target, target))
