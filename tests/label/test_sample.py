import random
from collections import Counter

import pytest

from diffscribe.core.files import write_jsonl
from diffscribe.core.records import LabeledChange
from diffscribe.label.gate import drawn, sampled

MESSAGES = ("feat: add it", "fix: mend it", "no convention")


@pytest.fixture
def rows(row):
    """300 of three repositories with 200, 80 and 20; of one to three commits."""
    sizes = {"large": 200, "middle": 80, "small": 20}
    return [
        row(
            *((MESSAGES[number % 3], "a.py") for _ in range(1 + number % 4 // 2)),
            repo=repo,
            head=str(number),
        )
        for repo, size in sizes.items()
        for number in range(size)
    ]


def test_each_stratum_is_drawn_in_proportion(rows):
    ids = drawn(rows, 30)
    chosen = [each for each in rows if each.id in ids]
    assert Counter(each.repo for each in chosen) == {
        "large": 20,
        "middle": 8,
        "small": 2,
    }
    commits = Counter(len(each.commits) for each in chosen if each.repo == "large")
    assert commits == {1: 10, 2: 10}
    types = Counter(each.commits[0].message for each in chosen if each.repo == "large")
    assert all(abs(types[message] - 20 / 3) < 2 for message in MESSAGES)


def test_more_repositories_than_places_have_the_same_chance(row):
    one_each = [row(repo=f"r{number:03}") for number in range(100)]
    assert len(drawn(one_each, 50)) == 50


@pytest.mark.parametrize("rows_wanted", [300, 301])
def test_all_are_drawn_if_there_are_not_more(rows, rows_wanted):
    assert drawn(rows, rows_wanted) == {each.id for each in rows}


@pytest.mark.parametrize("wanted", [1, 7, 50, 299])
def test_exactly_as_many_are_drawn_as_asked_for(rows, wanted):
    assert len(drawn(rows, wanted)) == wanted


def test_neither_order_nor_labels_change_the_draw(rows, plan):
    other = [
        each.model_copy(
            update={"label": each.label.model_copy(update={"plan": plan()})}
        )
        for each in random.Random(7).sample(rows, len(rows))
    ]
    assert drawn(other, 50) == drawn(rows, 50)


def test_a_new_change_replaces_few(rows, row):
    more = [*rows, row(("feat: add it", "a.py"), repo="large", head="new")]
    assert len(drawn(more, 50) - drawn(rows, 50)) <= 3


def test_every_change_of_a_stratum_can_be_drawn(row):
    """Ids are hashed anew, so the smallest are no more likely than others."""
    rows = [row(head=str(number)) for number in range(100)]
    ids = sorted(each.id for each in rows)
    places = [ids.index(each) for each in drawn(rows, 50)]
    assert 40 < sum(places) / 50 < 60


def test_no_rows_give_no_sample():
    assert drawn([], 50) == frozenset()


def test_the_sample_of_a_file_is_in_its_order(tmp_path, rows):
    write_jsonl(tmp_path / "labeled.jsonl", rows)
    chosen = sampled(tmp_path / "labeled.jsonl", 10, LabeledChange)
    ids = drawn(rows, 10)
    assert chosen == [each for each in rows if each.id in ids]
