import pytest
from tests.support.planned import make_case

from diffscribe.core.records import Prediction, Score
from diffscribe.eval.metrics import HEADLINE, evaluate, headline
from diffscribe.eval.scores import SCORES

SYSTEMS = ("student-q8_0", "student-q4_k_m", "base", "control-one-commit")


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


def prediction(system, n, latency_s=2.0, tokens=10):
    return Prediction(
        sample_id=f"s{n}",
        system=system,
        text="",
        plan=None,
        error="none",
        latency_s=latency_s,
        prompt_tokens=5,
        completion_tokens=tokens,
    )


CASES = [make_case(id=f"s{n}") for n in range(10)]


def evaluation(scores=None, predictions=None):
    return evaluate(
        CASES,
        scores or [score(system, n) for system in SYSTEMS for n in range(10)],
        predictions or [prediction(system, n) for system in SYSTEMS for n in range(10)],
        {"student-q8_0": 2_500_000, "base": 4_000_000},
        resamples=200,
        seed=7,
    )


def test_systems_keep_their_order_and_are_counted():
    results = evaluation().systems
    assert tuple(each.system for each in results) == SYSTEMS
    assert [each.n for each in results] == [10, 10, 10, 10]
    assert results[0].scores["ari"].value == pytest.approx(0.45)


def test_speed_is_answer_tokens_over_all_the_time_waited():
    slow = [prediction("base", n, latency_s=1 + n % 2, tokens=30) for n in range(10)]
    [result] = evaluation([score("base", n) for n in range(10)], slow).systems
    assert result.tokens_per_s == 20.0
    assert (result.latency_p50_s, result.latency_p95_s) == (1.5, 2.0)
    assert result.size_mb == 4.0


def test_a_system_without_tokens_has_no_speed():
    free = [prediction("control-one-commit", n, 0.0, 0) for n in range(10)]
    scores = [score("control-one-commit", n) for n in range(10)]
    [result] = evaluation(scores, free).systems
    assert (result.tokens_per_s, result.size_mb) == (None, None)


def test_junk_counts_the_samples_that_have_some():
    scores = [score("base", n, junk=1.0 if n < 3 else None) for n in range(10)]
    scores[0] = score("base", 0, junk=0.0)
    junk = evaluation(scores).systems[0].scores["junk"]
    assert (junk.n, junk.value) == (3, pytest.approx(2 / 3))


def test_the_main_student_is_compared_with_base_and_controls_alone():
    others = [(each.system, each.other) for each in evaluation().differences]
    assert others == [
        ("student-q8_0", "base"),
        ("student-q8_0", "control-one-commit"),
    ]


def test_differences_are_paired_by_sample():
    better = [score("student-q8_0", n, valid=1.0) for n in range(10)]
    worse = [score("base", n, valid=float(n != 4)) for n in reversed(range(10))]
    [difference] = evaluation(better + worse).differences
    assert difference.scores["valid"].value == pytest.approx(0.1)
    # The Rand indices differ a lot between samples and not at all in pairs.
    assert difference.scores["ari"].value == 0.0
    assert difference.scores["ari"].high == pytest.approx(1 - 0.025 ** (1 / 5))
    assert difference.scores["junk"].n == 0


def test_headline_keys_are_fixed_even_where_there_is_nothing_to_measure():
    document = headline(evaluation())
    assert (document["n"], document["n_junk"]) == (10, 0)
    assert document["student"] == "student-q8_0"
    assert list(document) == ["n", "n_junk", "student", "difference", *SYSTEMS]
    keys = [f"{name}{end}" for name in HEADLINE for end in ("", "_low", "_high")]
    for system in SYSTEMS:
        assert list(document[system]) == [*keys, "tokens_per_s", "size_mb"]
    assert list(document["difference"]) == ["base", "control-one-commit"]
    assert all(list(row) == keys for row in document["difference"].values())
    ends = ("junk", "junk_low", "junk_high")
    assert [document["base"][key] for key in ends] == [None] * 3


def test_the_headline_stays_small_and_the_rest_is_in_the_results():
    assert (
        *("valid", "type", "ari", "exact_partition"),
        *("junk", "grounded", "cc_valid", "chrf"),
    ) == HEADLINE
    assert list(evaluation().systems[0].scores) == list(SCORES)


def test_headline_has_the_ends_of_each_interval():
    scores = [score("student-q8_0", n, junk=float(n > 7)) for n in range(10)]
    scores += [score("base", n, valid=float(n != 4), junk=0.0) for n in range(10)]
    done = evaluation(scores)
    document = headline(done)
    assert document["n_junk"] == 10
    for result in done.systems:
        row, valid = document[result.system], result.scores["valid"]
        ends = (row["valid"], row["valid_low"], row["valid_high"])
        assert ends == (valid.value, valid.low, valid.high)
    assert document["base"]["valid_low"] < 0.9 < document["base"]["valid_high"]
    lead = document["difference"]["base"]
    assert lead["valid"] == pytest.approx(0.1)
    assert lead["valid_low"] < 0.0 < lead["valid_high"]
