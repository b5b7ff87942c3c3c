import pytest
from tests.support.generated import generated
from tests.support.planned import HOUSE, commit, make_case, plan, prediction

from diffscribe.core.records import Score
from diffscribe.eval.messages import Aligned
from diffscribe.eval.metrics import (
    KINDS,
    confusion,
    evaluate,
    headline,
    is_overflow,
    slice_names,
    slices,
)
from diffscribe.eval.scores import HEADLINE, SCORES, score_all

SYSTEMS = ("student-q8_0", "student-q4_k_m", "base", "control-one-commit")
CASES = [make_case(id=f"s{n}") for n in range(10)]
TARGETS = {
    "s1": plan(commit("a b", "fix"), commit("c", "docs")),
    "s2": plan(commit("d", "fix")),
    "s3": plan(commit("e", "feat"), commit("f", "feat"), commit("g"), commit("h i")),
}
BY_ID = {name: make_case(target, id=name) for name, target in TARGETS.items()}


def score(system, n, valid=1.0, junk=None):
    return Score(
        sample_id=f"s{n}",
        repo="r",
        cluster=f"c{n // 2}",
        system=system,
        values=dict.fromkeys(SCORES)
        | {"valid": valid, "type": 0.5, "ari": n / 10, "junk": junk},
        findings={},
    )


def answered(system, n, latency_s=2.0, tokens=10):
    return prediction(
        None,
        case_id=f"s{n}",
        system=system,
        latency_s=latency_s,
        completion_tokens=tokens,
    )


def evaluation(scores=None, predictions=None):
    return evaluate(
        CASES,
        scores or [score(system, n) for system in SYSTEMS for n in range(10)],
        predictions or [answered(system, n) for system in SYSTEMS for n in range(10)],
        {"student-q8_0": 2_500_000, "base": 4_000_000},
    )


def measured(plans, **fields):
    answers = [prediction(plans[name], case_id=name, **fields) for name in BY_ID]
    scores = score_all(BY_ID.values(), answers, HOUSE)
    return evaluate(BY_ID.values(), scores, answers, {}).systems[0]


def test_systems_keep_their_order_and_are_counted():
    results = evaluation().systems
    assert tuple(each.system for each in results) == SYSTEMS
    assert [each.n for each in results] == [10, 10, 10, 10]
    assert list(results[0].scores) == list(SCORES)
    assert results[0].scores["ari"].value == pytest.approx(0.45)


def test_speed_is_answer_tokens_over_all_the_time_waited():
    slow = [answered("base", n, latency_s=1 + n % 2, tokens=30) for n in range(9)]
    slow.append(answered("base", 9, 0.0, 0))
    [result] = evaluation([score("base", n) for n in range(10)], slow).systems
    assert result.tokens_per_s == pytest.approx(270 / 13)
    assert (result.latency_p50_s, result.latency_p95_s) == (1.0, 2.0)
    assert result.size_mb == 4.0


def test_a_system_without_tokens_has_no_speed():
    free = [answered("control-one-commit", n, 0.0, 0) for n in range(10)]
    scores = [score("control-one-commit", n) for n in range(10)]
    [result] = evaluation(scores, free).systems
    assert result.tokens_per_s is result.size_mb is result.latency_p50_s is None


def test_junk_counts_the_samples_that_have_some():
    scores = [score("base", n, junk=1.0 if n < 3 else None) for n in range(10)]
    scores[0] = score("base", 0, junk=0.0)
    junk = evaluation(scores).systems[0].scores["junk"]
    assert (junk.n, junk.value) == (3, pytest.approx(2 / 3))


def test_the_main_student_is_compared_with_base_and_controls_alone():
    found = evaluation().differences
    assert [(each.system, each.other) for each in found] == [
        ("student-q8_0", "base"),
        ("student-q8_0", "control-one-commit"),
    ]
    assert list(found[0].comparisons) == list(HEADLINE)


def test_the_headline_is_eight_numbers_even_where_there_is_nothing_to_measure():
    assert headline(evaluation()) == {
        **dict.fromkeys(HEADLINE),
        "valid": 1.0,
        "type": 0.5,
        "ari": pytest.approx(0.45),
    }
    assert len(HEADLINE) == 8


def test_the_targets_themselves_are_perfect():
    perfect = measured(TARGETS)
    assert perfect.confusion == {
        "docs": {"docs": 1},
        "feat": {"feat": 4},
        "fix": {"fix": 2},
    }
    assert perfect.by_commits["4 or more"]["ari"] == 1.0
    assert list(perfect.by_commits) == ["1", "2", "4 or more"]
    assert [row["n"] for row in perfect.by_commits.values()] == [1, 1, 1]


def test_failed_answers_count_in_every_slice():
    failed = measured(dict.fromkeys(TARGETS))
    assert failed.confusion["feat"] == {"none": 4}
    assert failed.by_diff_chars["up to 1,000"]["valid"] == 0.0
    assert failed.by_commits["2"]["moves"] == 1.0


def test_a_missing_partner_or_type_is_counted_as_none():
    pairs = [
        Aligned(commit("a"), commit("a", "fix")),
        Aligned(commit("a"), commit("a", "")),
        Aligned(commit("b"), None),
    ]
    assert confusion(pairs) == {"feat": {"fix": 1, "none": 2}}


def test_a_prompt_that_did_not_fit_is_counted_apart():
    overflow = "HTTP 400: request (812 tokens) exceeds the available context size"
    assert is_overflow(prediction(None, error=overflow))
    assert not is_overflow(prediction(None, error="HTTP 500: out of memory"))
    assert not is_overflow(prediction(None))
    assert measured(dict.fromkeys(TARGETS), error=overflow).prompt_overflows == 1.0


def test_each_case_is_in_one_slice_of_each_kind():
    cases = generated(60).cases
    parts = slices(cases)
    assert list(dict.fromkeys(part.kind for part in parts)) == [*KINDS]
    for kind in ("repository", "commits", "diff size"):
        ids = [id_ for part in parts if part.kind == kind for id_ in part.ids]
        assert sorted(ids) == sorted(case.id for case in cases)


def test_a_case_is_in_one_slice_of_each_language_and_type():
    target = plan(commit("a.py", "fix"), commit("b.py", "fix"), commit("c.py", "docs"))
    names = slice_names(make_case(target, languages=("Go", "Python")))
    assert names["language"] == ("Go", "Python")
    assert names["type"] == ("docs", "fix")
    names = slice_names(make_case(plan(), junk=("x.log",)))
    assert (names["language"], names["commits"]) == (("other",), ("0",))
    assert (names["junk"], names["type"]) == (("with junk", "of known kinds"), ())


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
    assert slice_names(make_case(diff="x" * chars))["diff size"] == (name,)


def test_slices_are_in_the_order_of_numbers_not_of_letters():
    cases = [
        make_case(
            plan(*(commit(f"{at}.py") for at in range(count))),
            id=f"s{count}",
            diff="x" * size,
        )
        for count, size in ((5, 900), (1, 20_000), (2, 5_000))
    ]
    names = [part.name for part in slices(cases) if part.kind in KINDS[2:4]]
    assert names == [
        *("1", "2", "4 or more"),
        *("up to 1,000", "up to 16,000", "above 16,000"),
    ]
