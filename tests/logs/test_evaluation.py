import json
import random

import pytest

from diffscribe.core.compare import Measure
from diffscribe.core.intervals import Observation, estimate
from diffscribe.core.records import Score
from diffscribe.logs.evaluation import (
    Judged,
    LogAnswer,
    evaluate_log,
    log_headline,
    log_markdown,
    log_table,
    write_log_report,
)
from diffscribe.review.log_page import ShownCase, write_log_page

JUDGED = Judged(
    measures={
        "right": Measure("answer", "the answer is right"),
        "invented": Measure("answer", "values from nowhere", "lower"),
        "points": Measure("answer", "points of a hundred", high=100.0),
    },
    headline=("right", "invented"),
    titles={"right": "right\nanswers %", "invented": "invented\nvalues %"},
)
HOSTILE = "</pre><script>alert(1)</script><img src=x onerror=alert(1)>\x1b[31m|é"


def scored(system, right, invented=0.5, cluster=None):
    return [
        Score(
            sample_id=f"{n:03}",
            repo="a.log",
            cluster=cluster or f"{n // 2:03}",
            system=system,
            values={"right": value, "invented": invented, "points": 50.0},
            findings={},
        )
        for n, value in enumerate(right)
    ]


@pytest.fixture
def scores():
    rng = random.Random(7)
    student = [float(rng.random() < 0.9) for _ in range(80)]
    other = [float(rng.random() < 0.3) for _ in range(80)]
    return [*scored("student", student), *scored("nearest", other, 0.5)]


def test_means_are_over_clusters_and_differences_are_paired(scores):
    evaluation = evaluate_log(scores, JUDGED)
    student = evaluation.systems[0]
    observed = [Observation(s.cluster, s.values["right"], s.repo) for s in scores[:80]]
    assert student.scores["right"] == estimate(observed, (0.0, 1.0))
    assert (student.n, student.scores["right"].clusters) == (80, 40)
    found = evaluation.comparisons["nearest"]
    assert found["right"].verdict == "better"
    assert found["invented"].verdict == "not shown"
    assert found["right"].difference.value == pytest.approx(
        student.scores["right"].value - evaluation.systems[1].scores["right"].value
    )


def test_one_cluster_shows_nothing():
    rows = [
        *scored("student", [1.0] * 40, cluster="one"),
        *scored("base", [0.0] * 40, cluster="one"),
    ]
    found = evaluate_log(rows, JUDGED).comparisons["base"]["right"]
    assert found.verdict == "not shown"


def test_the_stage_has_the_first_systems_numbers(scores):
    evaluation = evaluate_log(scores, JUDGED)
    mean = evaluation.systems[0].scores["right"].value
    assert log_headline(evaluation, JUDGED) == {
        "right": round(mean, 3),
        "invented": 0.5,
    }
    nothing = [
        each.model_copy(update={"values": dict.fromkeys(JUDGED.measures)})
        for each in scores
    ]
    assert log_headline(evaluate_log(nothing, JUDGED), JUDGED) == dict.fromkeys(
        ("right", "invented")
    )


@pytest.mark.parametrize("columns", [20, 80, 160])
def test_tables_fit_and_show_percent_of_the_highest(scores, columns):
    evaluation = evaluate_log(scores, JUDGED)
    table = log_table(evaluation, JUDGED, columns)
    assert max(map(len, table.splitlines())) <= max(columns, 80)
    text = log_markdown("Calls", evaluation, JUDGED)
    assert "- student against nearest: better: right; not shown: invented." in text
    [points] = [line for line in text.splitlines() if "`points`" in line]
    assert points.split("|")[3].strip() == "50"


def test_the_report_holds_what_it_counts_and_its_page_runs_nothing(scores, tmp_path):
    answers = [
        LogAnswer(
            sample_id=score.sample_id, system=score.system, text=HOSTILE, error=HOSTILE
        )
        for score in scores
    ]
    evaluation = evaluate_log(scores, JUDGED)
    write_log_report(tmp_path, "Calls", evaluation, JUDGED, answers, scores)
    written = json.loads((tmp_path / "metrics.json").read_text())
    assert written == evaluation.model_dump(mode="json")
    assert len((tmp_path / "scores.jsonl").read_text().splitlines()) == len(scores)
    cases = [ShownCase(f"{n:03}", HOSTILE, HOSTILE, HOSTILE) for n in range(80)]
    page = tmp_path / "index.html"
    write_log_page(page, "Calls", cases, evaluation, JUDGED, answers, scores)
    text = page.read_text()
    assert "<script" not in text.lower()
    assert "<img" not in text.lower()
    assert text.count("<details") == 80
