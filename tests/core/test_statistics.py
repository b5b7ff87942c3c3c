from collections import Counter

import pytest

from diffscribe.core.tracking import Refusals, Statistics


@pytest.fixture
def statistics():
    return Statistics(
        {
            "processed": Counter({"b": 5, "a": 5, "c": 9}),
            "approved": Counter({"c": 2, "b": 1}),
        }
    )


def test_metrics_are_the_sums_and_each_source(statistics):
    assert statistics.metrics() == {
        "processed": 19,
        "approved": 3,
        "by_source": {
            "a": {"processed": 5, "approved": 0},
            "b": {"processed": 5, "approved": 1},
            "c": {"processed": 9, "approved": 2},
        },
    }


def test_nothing_processed_is_zeros():
    statistics = Statistics({"processed": Counter(), "approved": Counter()})
    assert statistics.metrics() == {"processed": 0, "approved": 0, "by_source": {}}
    assert cells(statistics.table()) == [["all", "0", "0"]]


def cells(table):
    head, _, *lines = table.splitlines()
    assert head.split() == ["source", "processed", "approved"]
    return [line.split() for line in lines]


@pytest.mark.parametrize(
    ("longest", "rest"),
    [
        (3, [["a", "5", "0"], ["b", "5", "1"]]),
        (2, [["a", "5", "0"], ["1", "more", "5", "1"]]),
        (1, [["2", "more", "10", "1"]]),
    ],
)
def test_the_table_has_the_largest_sources_and_the_rest_in_one_line(
    statistics, longest, rest
):
    first = [["all", "19", "3"], ["c", "9", "2"]]
    assert cells(statistics.table(longest)) == [*first, *rest]


def test_a_source_only_ever_approved_is_listed_too():
    statistics = Statistics({"processed": Counter(), "approved": Counter(x=1)})
    assert statistics.metrics()["by_source"] == {"x": {"processed": 0, "approved": 1}}


def test_refusals_are_counted_whole_and_named_by_the_first_few():
    all_, one = Refusals(), Refusals()
    for sha in "abc":
        one.add("app", "bot", sha)
    one.add("app", "root", "r")
    all_.add("app", "bot", "first")
    all_.add("lib", "bot", "x")
    all_.update(one)
    assert all_.table() == {
        "app": {
            "bot": {"count": 4, "examples": ["first", "a", "b"]},
            "root": {"count": 1, "examples": ["r"]},
        },
        "lib": {"bot": {"count": 1, "examples": ["x"]}},
    }
