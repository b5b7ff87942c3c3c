"""README shows the repository as it is."""

import json
import subprocess
from pathlib import Path

import docs
import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()

in_checkout = pytest.mark.skipif(
    not (ROOT / ".git").exists(), reason="not a git checkout: nothing to compare with"
)


def at_head(path):
    """The text of a committed file, or None if HEAD has no such file."""
    command = ["git", "show", f"HEAD:{path}"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return shown.stdout if shown.returncode == 0 else None


def test_dag_is_current():
    assert docs.block_of(README, "dag") == docs.dag(), "run 'make docs'"


@in_checkout
def test_tree_is_current():
    assert docs.block_of(README, "tree") == docs.tree(), "run 'make docs'"


@in_checkout
def test_committed_result_table_shows_the_committed_metrics():
    """A repro on another machine changes the working tree, so HEAD is compared."""
    metrics = json.loads(at_head("metrics/eval.json"))
    table = docs.result_table(metrics)
    assert docs.block_of(at_head("README.md"), "results") == table, "run 'make docs'"


@in_checkout
def test_every_line_of_the_tree_has_a_phrase():
    bare = [line for line in docs.tree().splitlines()[1:-1] if len(line.split()) == 1]
    assert [line.strip() for line in bare] == ["src/"]


def test_result_table_orders_students_by_size_and_controls_last():
    row = {"valid": 0.905, "type": 0.5, "ari": None, "junk": 0.0}
    metrics = {
        "n": 40,
        "base-f16": row | {"tokens_per_s": 99.95, "size_mb": 16.04},
        "one_commit": row | {"tokens_per_s": None, "size_mb": None},
        "student-q4_k_m": row | {"tokens_per_s": 250.4, "size_mb": 5.0},
        "student-q8_0": row | {"tokens_per_s": 240.0, "size_mb": 9.0},
    }
    lines = [line.split("|")[1:-1] for line in docs.result_table(metrics).splitlines()]
    cells = [[cell.strip() for cell in line] for line in lines]
    assert cells[0][2:] == list(docs.COLUMNS.values())
    assert cells[2] == ["student-q8_0", "40", "90", "50", "-", "0", "240", "9.0"]
    assert [row[0] for row in cells[3:]] == ["student-q4_k_m", "base-f16", "one_commit"]
    assert cells[4][6:] == ["100.0", "16.0"]
    assert cells[5][6:] == ["-", "-"]
