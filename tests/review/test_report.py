import pytest
from scipy.stats import binomtest

from diffscribe.core.intervals import Estimate
from diffscribe.label.gate import Verdict
from diffscribe.review.gate_flags import (
    Measures,
    agreement,
    compare,
    interval,
    summarize,
)


def measured(valid=1.0, grouping=1.0, types=1.0, grounded=1.0, junk=1.0):
    return Measures(valid, grouping, types, grounded, junk)


def test_means_leave_out_what_cannot_be_told():
    means = dict(summarize([measured(types=None), measured(types=0.5, valid=0.0)]))
    assert (means["types"].value, means["types"].n) == (0.5, 1)
    assert (means["valid"].value, means["valid"].n) == (0.5, 2)


def test_differences_are_paired_by_change():
    first = {str(n): measured(grouping=0.9) for n in range(12)} | {"x": measured()}
    second = {
        str(n): measured(grouping=0.4 if n < 10 else 0.9, types=None) for n in range(12)
    } | {"y": measured()}
    by_name = {each.measure: each for each in compare(first, second)}
    grouping = by_name["grouping"]
    assert (grouping.better, grouping.worse, grouping.difference.n) == (10, 0, 12)
    assert grouping.difference.value == pytest.approx(5 / 12)
    assert 0 < grouping.difference.low < 5 / 12 < grouping.difference.high < 0.6
    assert grouping.p == pytest.approx(2 / 2**10)
    assert by_name["types"].difference.n == 0
    assert by_name["valid"].p == 1.0


def verdicts(**said):
    return {
        row: Verdict(
            row=row * 64,
            id="1",
            repo="r",
            source="teacher",
            teacher=None,
            verdict=verdict,
            note="",
        )
        for row, verdict in said.items()
    }


def test_only_changes_with_both_plans_judged_count():
    said = verdicts(a="accept", b="reject", c="skip", d="accept", e="reject")
    pairs = [("a", "b"), ("a", "d"), ("b", "e"), ("a", "c"), ("a", "f"), ("d", "b")]
    assert agreement(pairs, said) == (1, 2, 0, 1, 0.5)


def test_the_test_is_mcnemars_exact_one():
    """Equal to the binomial test of who is ahead among the changes that differ."""
    said = verdicts(a="accept", b="reject")
    pairs = [("a", "b")] * 9 + [("b", "a")] * 2 + [("a", "a")] * 30
    result = agreement(pairs, said)
    assert result[:4] == (30, 9, 2, 0)
    assert result.p == pytest.approx(2 * (1 + 11 + 55) / 2**11)
    assert result.p == pytest.approx(binomtest(9, 11).pvalue)


def test_without_verdicts_nothing_differs():
    assert agreement([("a", "b")], {}) == (0, 0, 0, 0, 1.0)


def test_means_are_in_percent():
    assert interval(Estimate(value=0.5, low=0.25, high=1.0, n=3)) == "50.0 [25, 100]"
    assert interval(Estimate(value=None, low=None, high=None, n=0)) == "-"
