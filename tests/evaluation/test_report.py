import pytest

from diffscribe.evaluation.bootstrap import Estimate
from diffscribe.evaluation.metrics import Difference, Evaluation, SystemResult
from diffscribe.evaluation.report import markdown, summary, table
from diffscribe.evaluation.scoring.all import SCORES

NONE = Estimate(value=None, low=None, high=None, n=0)


def result(system, score, tokens_per_s=None, size_mb=None):
    return SystemResult(
        system=system,
        n=12000,
        scores=dict.fromkeys(SCORES, score),
        tokens_per_s=tokens_per_s,
        latency_p50_s=0.1,
        latency_p95_s=0.2,
        size_mb=size_mb,
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
            ),
        ),
    )


def test_the_widest_table_fits_100_columns(evaluation):
    lines = table(evaluation).splitlines()
    assert max(map(len, lines)) <= 100
    student = lines[3]
    assert student.startswith("student-q4_k_m")
    assert student.count("100 [97,100]") == 4
    assert student.split()[-3:] == ["[97,100]", "43.2", "18557"]
    assert lines[4].split()[-3:] == ["[97,100]", "-", "-"]


def test_what_was_not_measured_is_a_dash(evaluation):
    quiet = result("base", NONE)
    text = table(evaluation.model_copy(update={"systems": (quiet,)}))
    assert text.splitlines()[-1].split() == ["base", "12000", *("-" * 6)]


def test_markdown_adds_the_differences_with_their_sign(evaluation):
    text = markdown(evaluation)
    assert "student-q4_k_m minus each other" in text
    *_, row, _, note = text.splitlines()
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells == ["control-per-directory", *["-1 [-5,3]"] * 4]
    assert note == "An interval that holds 0 shows no difference."


def test_summary_is_one_line(evaluation):
    assert summary(evaluation) == (
        "student-q4_k_m on 12000 samples: valid 100, type 100, ari 100, junk 100 (%)"
    )
