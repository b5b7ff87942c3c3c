import json

import pytest
from tests.support.planned import HOUSE, commit, make_case, plan, prediction

from diffscribe.core.intervals import Estimate
from diffscribe.eval.metrics import Difference, Evaluation, SystemResult, aggregate
from diffscribe.eval.report import markdown, scope_line, summary, table, write_plots
from diffscribe.eval.scores import SCORES, score_all

NONE = Estimate(value=None, low=None, high=None, n=0)
CASES = {
    "s1": make_case(plan(commit("a b", "fix"), commit("c", "docs")), id="s1"),
    "s2": make_case(plan(commit("d", "fix")), id="s2"),
}
ANSWERS = [
    prediction(plan(commit("a b c", "feat")), case_id="s1"),
    prediction(None, case_id="s2"),
]


def aggregates():
    scores = score_all(CASES.values(), ANSWERS, HOUSE)
    return aggregate(CASES, ANSWERS, scores)


def result(system, score, tokens_per_s=None, size_mb=None):
    return SystemResult(
        system=system,
        n=12000,
        scores=dict.fromkeys(SCORES, score),
        tokens_per_s=tokens_per_s,
        latency_p50_s=0.1,
        latency_p95_s=0.2,
        size_mb=size_mb,
        aggregates=aggregates(),
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
                scores=dict.fromkeys(
                    SCORES, Estimate(value=-0.012, low=-0.05, high=0.03, n=9)
                ),
                comparisons={},
            ),
        ),
    )


def test_a_wide_terminal_has_one_table_of_all_that_is_in_the_headline(evaluation):
    lines = table(evaluation, 160).splitlines()
    assert max(map(len, lines)) <= 160
    student = lines[3]
    assert student.startswith("student-q4_k_m")
    assert student.count("100 [97,100]") == 8
    assert student.split()[-3:] == ["[97,100]", "43.2", "18557"]
    assert lines[4].split()[-3:] == ["[97,100]", "-", "-"]
    assert len(lines) == 5


@pytest.mark.parametrize("columns", [20, 80, 100, 140])
def test_a_narrower_terminal_has_the_rest_below(evaluation, columns):
    text = table(evaluation, columns)
    assert max(map(len, text.splitlines())) <= max(columns, 80)
    assert text.count("student-q4_k_m") > 1
    assert text.count("100 [97,100]") == 16
    assert text.count("18557") == 1


def test_what_was_not_measured_is_a_dash(evaluation):
    quiet = result("base", NONE)
    text = table(evaluation.model_copy(update={"systems": (quiet,)}), 160)
    assert text.splitlines()[-1].split() == ["base", "12000", *("-" * 10)]


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_markdown_adds_the_differences_with_their_sign(evaluation):
    lines = markdown(evaluation).splitlines()
    assert "student-q4_k_m minus each other, paired by sample, in points:" in lines
    end = lines.index(scope_line(evaluation.systems[0]))
    assert cells(lines[end - 2]) == ["control-per-directory", *["-1 [-5,3]"] * 8]


def test_markdown_explains_every_measure_for_every_system(evaluation):
    lines = markdown(evaluation).splitlines()
    for name, measure in SCORES.items():
        [row] = [line for line in lines if f"| `{name}` " in line]
        value = {1.0: "100"}.get(measure.high, "1.00")
        assert cells(row) == [
            *(measure.family, f"`{name}`", measure.better),
            *(value, value, measure.meaning),
        ]


def test_markdown_has_slices_and_the_confusion_of_types(evaluation):
    lines = markdown(evaluation).splitlines()
    rows = [cells(line) for line in lines if line.startswith("|")]
    assert ["commits", "n"] in [row[:2] for row in rows]
    assert ["2", "1", "1.00", "0.00"] in [row[:4] for row in rows]
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
