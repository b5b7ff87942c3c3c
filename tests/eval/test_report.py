import json
import random

import pytest
from tests.support.planned import HOUSE, commit, make_case, plan, prediction

from diffscribe.core.compare import Comparison
from diffscribe.core.intervals import Estimate
from diffscribe.core.records import Score
from diffscribe.eval.metrics import Difference, Evaluation, evaluate
from diffscribe.eval.report import (
    markdown,
    summary,
    terminal_table,
    verdicts_text,
    write_plots,
)
from diffscribe.eval.scores import HEADLINE, SCORES, score_all

NONE = Estimate(value=None, low=None, high=None, n=0)
BEHIND = Comparison(
    first=0.99,
    second=1.0,
    difference=Estimate(value=-0.012, low=-0.05, high=0.03, n=9),
    wins=1,
    losses=2,
    ties=6,
    p=0.5,
    p_holm=1.0,
    verdict="not shown",
)
CASES = {
    "s1": make_case(plan(commit("a b", "fix"), commit("c", "docs")), id="s1"),
    "s2": make_case(plan(commit("d", "fix")), id="s2"),
}
ANSWERS = [
    prediction(plan(commit("a b c", "feat")), case_id="s1"),
    prediction(None, case_id="s2"),
]


def result(system, score, tokens_per_s=None, size_mb=None):
    scores = score_all(CASES.values(), ANSWERS, HOUSE)
    measured = evaluate(CASES.values(), scores, ANSWERS, {}).systems[0]
    return measured.model_copy(
        update={
            "system": system,
            "n": 12000,
            "scores": dict.fromkeys(SCORES, score),
            "tokens_per_s": tokens_per_s,
            "size_mb": size_mb,
        }
    )


@pytest.fixture
def evaluation():
    wide = Estimate(value=0.9951, low=0.97, high=1.0, n=12000)
    return Evaluation(
        systems=(
            result("student-q4_k_m", wide, 43.21, 18_556.7),
            result("control-per-directory", wide),
        ),
        differences=(
            Difference(
                system="student-q4_k_m",
                other="control-per-directory",
                comparisons=dict.fromkeys(HEADLINE, BEHIND),
            ),
        ),
    )


def test_a_wide_terminal_has_one_table_of_all_that_is_in_the_headline(evaluation):
    lines = terminal_table(evaluation, 160).splitlines()
    assert max(map(len, lines)) <= 160
    student = lines[3]
    assert student.startswith("student-q4_k_m")
    assert student.count("100 [97,100]") == 8
    assert student.split()[-3:] == ["[97,100]", "43.2", "18557"]
    assert lines[4].split()[-3:] == ["[97,100]", "-", "-"]
    assert len(lines) == 5


@pytest.mark.parametrize("columns", [20, 80, 100, 140])
def test_a_narrower_terminal_has_the_rest_below(evaluation, columns):
    text = terminal_table(evaluation, columns)
    assert max(map(len, text.splitlines())) <= max(columns, 80)
    assert text.count("student-q4_k_m") > 1
    assert text.count("100 [97,100]") == 16
    assert text.count("18557") == 1


def test_what_was_not_measured_is_a_dash(evaluation):
    quiet = result("base", NONE)
    text = terminal_table(evaluation.model_copy(update={"systems": (quiet,)}), 160)
    assert text.splitlines()[-1].split() == ["base", "12000", *("-" * 10)]


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_markdown_adds_the_differences_with_their_sign(evaluation):
    lines = markdown(evaluation).splitlines()
    end = lines.index("## Every measure")
    assert cells(lines[end - 2]) == ["control-per-directory", *["-1 [-5,3]"] * 8]


def test_markdown_explains_every_measure_for_every_system(evaluation):
    lines = markdown(evaluation).splitlines()
    for name, measure in SCORES.items():
        [row] = [line for line in lines if f"| `{name}` " in line]
        value = "100" if measure.high == 1.0 else "1"
        assert cells(row) == [
            *(f"`{name}`", measure.better),
            *(value, value, measure.meaning),
        ]


def test_markdown_has_slices_and_the_confusion_of_types(evaluation):
    lines = markdown(evaluation).splitlines()
    rows = [cells(line) for line in lines if line.startswith("|")]
    assert ["commits", "n"] in [row[:2] for row in rows]
    assert ["2", "1", "100", "0"] in [row[:4] for row in rows]
    assert ["up to 1,000", "2"] in [row[:2] for row in rows]
    assert rows[-2:] == [["docs", "0", "1"], ["fix", "1", "1"]]


def test_plots_have_a_row_for_each_point(evaluation, tmp_path):
    write_plots(tmp_path, evaluation)
    read = {path.stem: json.loads(path.read_text()) for path in tmp_path.iterdir()}
    assert read["confusion"] == [
        {"actual": "docs", "predicted": "none"},
        {"actual": "fix", "predicted": "feat"},
        {"actual": "fix", "predicted": "none"},
    ]
    assert read["grouping_by_commits"] == [
        {
            "commits": n,
            "system": system,
            "bar": f"{n}: {system}",
            "ari": 0.0,
            "exact_partition": 0.0,
        }
        for n in ("1", "2")
        for system in ("student-q4_k_m", "control-per-directory")
    ]
    [student, _] = read["reliability_by_diff_size"]
    assert student == {
        "diff_chars": "up to 1,000",
        "system": "student-q4_k_m",
        "bar": "up to 1,000: student-q4_k_m",
        "valid": 0.5,
        "grounded": 0.5,
    }


def test_summary_is_one_line(evaluation):
    assert summary(evaluation) == (
        "student-q4_k_m on 12000 samples: valid 100, type 100, ari 100, junk 100 (%)"
    )


def evaluated(repos):
    """A student that is always valid, a base that is so in half of the cases."""
    rng = random.Random(7)
    right = plan(commit("a", "fix"))
    cases = [make_case(right, id=str(number)) for number in range(96)]
    scores, predictions = [], []
    for system, valid in (("student", 1.0), ("base", 0.5)):
        for number in range(96):
            value = float(rng.random() < valid)
            scores.append(
                Score(
                    sample_id=str(number),
                    repo=f"r{number % repos}",
                    cluster=str(number),
                    system=system,
                    values=dict.fromkeys(SCORES, 0.0) | {"valid": value},
                    findings={},
                )
            )
            predictions.append(prediction(right, system=system, case_id=str(number)))
    return verdicts_text(evaluate(cases, scores, predictions, {}))


def test_what_is_better_is_named_and_the_rest_is_not_shown():
    rest = ", ".join(name for name in HEADLINE if name != "valid")
    line = f"- student against base: better: valid; not shown: {rest}."
    assert line in evaluated(repos=2).splitlines()
    assert f"over all {len(HEADLINE)} comparisons" in evaluated(repos=2)


def test_few_repositories_are_not_taken_for_all():
    five, six = evaluated(repos=5), evaluated(repos=6)
    assert "of these repositories only" in five
    assert "so the 96 changes are the clusters" in five
    assert "about other repositories like these 6:" in six


def test_a_system_that_could_not_be_asked_is_named():
    right = plan(commit("a", "fix"))
    case = make_case(right, id="s")
    error = "HTTP 400: request (2289 tokens) exceeds the available context size"
    answers = [
        prediction(right, system="student", case_id="s"),
        prediction(None, system="base", case_id="s", error=error),
    ]
    scores = score_all([case], answers, HOUSE)
    words = verdicts_text(evaluate([case], scores, answers, {}))
    assert "Of base 100 % of the prompts were longer than its context" in words
    assert "Of student" not in words


def test_the_scope_of_messages_is_that_of_what_was_measured():
    right = plan(commit("a", "fix"))
    cases = [
        make_case(right, id=f"s{n}", task="message", repo=f"r{n % 7}")
        for n in range(21)
    ]
    answers = [
        prediction(right, system=system, case_id=case.id)
        for system in ("student", "base")
        for case in cases
    ]
    words = verdicts_text(
        evaluate(cases, score_all(cases, answers, HOUSE), answers, {})
    )
    assert "about other repositories like these 7" in words
