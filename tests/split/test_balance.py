from collections import Counter
from itertools import permutations

import pytest

from diffscribe.split.split import balanced_draw

SHARES = {"train": 0.7, "validation": 0.1, "test": 0.2}


def sums(groups, drawn, split):
    total = Counter()
    for name in groups:
        if drawn[name] == split:
            total.update(groups[name])
    return total


def test_each_split_gets_its_share_of_each_stratum():
    languages = ["go", "java", "python", "rust"]
    groups = {
        f"r{n:02}": {languages[n % 4]: 10 + n % 7, languages[(n * 3 + 1) % 4]: n % 5}
        for n in range(80)
    }
    drawn = balanced_draw(groups, SHARES, seed=7)
    total = sum((Counter(rows) for rows in groups.values()), Counter())
    for split, share in SHARES.items():
        rows = sums(groups, drawn, split)
        assert rows.total() == pytest.approx(share * total.total(), rel=0.02)
        for language in languages:
            assert rows[language] == pytest.approx(share * total[language], rel=0.1)


def test_a_stratum_of_few_groups_is_not_all_in_one_split():
    groups = {f"py{n}": {"python": 10} for n in range(18)}
    groups |= {"go1": {"go": 10}, "go2": {"go": 10}}
    drawn = balanced_draw(groups, {"train": 0.5, "test": 0.5}, seed=7)
    assert {drawn["go1"], drawn["go2"]} == {"train", "test"}


@pytest.mark.parametrize("sizes", list(permutations([1, 5, 500])))
def test_as_many_groups_as_splits_fill_each(sizes):
    groups = {name: {"go": size} for name, size in zip("abc", sizes, strict=True)}
    assert sorted(balanced_draw(groups, SHARES, seed=7).values()) == sorted(SHARES)


def test_seed_and_names_decide_and_the_order_does_not():
    groups = {f"r{n}": {"go": 5 + n % 3, "c": n % 2} for n in range(12)}
    reverse = dict(reversed(groups.items()))
    draws = [balanced_draw(groups, SHARES, seed) for seed in range(10)]
    assert draws == [balanced_draw(reverse, SHARES, seed) for seed in range(10)]
    assert len({tuple(sorted(draw.items())) for draw in draws}) > 1


def test_one_split_takes_all():
    assert balanced_draw({"a": {"go": 1}, "b": {}}, {"train": 3.0}, seed=7) == {
        "a": "train",
        "b": "train",
    }
