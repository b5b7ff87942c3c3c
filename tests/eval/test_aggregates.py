import pytest
from sklearn.metrics import f1_score
from tests.support.planned import HOUSE, commit, make_case, plan, prediction

from diffscribe.eval.metrics import (
    aggregate,
    confusion,
    entropy_bits,
    is_overflow,
    macro_f1,
    size_of,
)
from diffscribe.eval.score_types import Pair
from diffscribe.eval.scores import score_all

TARGETS = {
    "s1": plan(commit("a b", "fix"), commit("c", "docs")),
    "s2": plan(commit("d", "fix")),
    "s3": plan(commit("e", "feat"), commit("f", "feat"), commit("g"), commit("h i")),
}
CASES = {name: make_case(target, id=name) for name, target in TARGETS.items()}


def measured(plans, **fields):
    answers = [prediction(plans[name], case_id=name, **fields) for name in CASES]
    return aggregate(CASES, answers, score_all(CASES.values(), answers, HOUSE))


def test_the_targets_themselves_are_perfect():
    perfect = measured(TARGETS)
    assert perfect.confusion == {
        "docs": {"docs": 1},
        "feat": {"feat": 4},
        "fix": {"fix": 2},
    }
    assert (perfect.macro_f1, perfect.failures) == (1.0, 0.0)
    assert perfect.types == {"docs": 1, "feat": 4, "fix": 2}
    assert perfect.by_commits["4 or more"]["ari"] == 1.0
    assert list(perfect.by_commits) == ["1", "2", "4 or more"]
    assert [row["n"] for row in perfect.by_commits.values()] == [1, 1, 1]


def test_failed_answers_count_in_every_slice():
    failed = measured(dict.fromkeys(TARGETS))
    assert (failed.failures, failed.macro_f1) == (1.0, 0.0)
    assert failed.confusion["feat"] == {"none": 4}
    assert (failed.types, failed.type_entropy_bits) == ({}, 0.0)
    assert failed.header_chars.longest is failed.distinct_subjects is None
    assert failed.by_diff_chars["up to 1,000"]["valid"] == 0.0
    assert failed.by_commits["2"]["moves"] == 3.0


def test_a_constant_type_and_subject_show_in_entropy_and_distinct_subjects():
    constant = {
        name: plan(commit(" ".join(case.files), "feat", "update files"))
        for name, case in CASES.items()
    }
    said = measured(constant)
    assert said.type_entropy_bits == 0.0
    assert said.distinct_subjects == pytest.approx(1 / 3)
    assert said.macro_f1 < 0.3
    assert (
        said.header_chars.p50 == said.header_chars.longest == len("feat: update files")
    )


def test_macro_f1_is_that_of_scikit_learn_over_the_types_of_the_target():
    actual = ["fix", "fix", "docs", "feat", "feat", "feat"]
    answered = ["fix", "feat", "docs", "feat", "ci", "fix"]
    pairs = [
        Pair(commit("a", mine), commit("a", theirs))
        for mine, theirs in zip(actual, answered, strict=True)
    ]
    labels = sorted(set(actual))
    expected = f1_score(actual, answered, labels=labels, average="macro")
    assert macro_f1(confusion(pairs)) == pytest.approx(expected)


def test_a_partner_that_is_missing_is_a_miss():
    pairs = [
        Pair(commit("a", "fix"), commit("a", "fix")),
        Pair(commit("b", "fix"), None),
    ]
    assert confusion(pairs) == {"fix": {"fix": 1, "none": 1}}
    assert macro_f1(confusion(pairs)) == pytest.approx(2 / 3)
    assert macro_f1({}) is None


@pytest.mark.parametrize(
    ("counts", "bits"), [({}, 0), ({"a": 3}, 0), ({"a": 1, "b": 1}, 1), ({"a": 0}, 0)]
)
def test_entropy(counts, bits):
    assert entropy_bits(counts) == bits


def test_a_prompt_that_did_not_fit_is_counted_apart():
    overflow = "HTTP 400: request (812 tokens) exceeds the available context size"
    assert is_overflow(prediction(None, error=overflow))
    assert not is_overflow(prediction(None, error="HTTP 500: out of memory"))
    assert not is_overflow(prediction(None))
    assert measured(dict.fromkeys(TARGETS), error=overflow).prompt_overflows == 1.0


@pytest.mark.parametrize(
    ("chars", "name"),
    [
        *((n, "up to 1,000") for n in (0, 1000)),
        *((n, "up to 4,000") for n in (1001, 4000)),
        *((n, "up to 16,000") for n in (4001, 16000)),
        (16001, "above 16,000"),
    ],
)
def test_the_ends_of_sizes_belong_to_the_smaller(chars, name):
    assert size_of(make_case(diff="x" * chars)) == name
