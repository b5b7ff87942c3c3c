import json

import pytest

from diffscribe.baseline.model import load_baseline
from diffscribe.core.files import read_jsonl, write_jsonl
from diffscribe.core.records import PlannedChange, SplitChange


@pytest.fixture
def place(workplace, curated):
    """A workplace with twenty rows of one fix in two files for each split."""
    place = workplace("baseline")
    for split in ("train", "validation", "test"):
        rows = [curated(head=f"{split}{n}", paths=("a.py", "b.py")) for n in range(20)]
        write_jsonl(
            place.folder / f"in/splits/{split}.jsonl",
            [SplitChange(**dict(row), parent_id=None, junk=()) for row in rows],
        )
    return place


def test_what_is_written_can_be_loaded_and_is_measured_on_validation(place):
    done = place.run()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "baseline: on validation type 1.0 of 20 commits, ARI 1.0 and exact partition "
        "1.0 of 20 changes\n"
    )
    metrics = json.loads((place.folder / "out/baseline.json").read_text())
    assert metrics == {
        "changes": 20,
        "ari": 1.0,
        "exact_partition": 1.0,
        "commits": 20,
        "type_accuracy": 1.0,
        "threshold": 0.5,
    }
    plan = load_baseline(place.folder / "out/baseline").plan(["x.py", "y.py"], "")
    assert [(each.type, each.files) for each in plan.commits] == [
        ("fix", ("x.py", "y.py"))
    ]
    planned = read_jsonl(place.folder / "out/baseline/plans.jsonl", PlannedChange)
    assert [each.plan.commits[0].files for each in planned] == [("a.py", "b.py")] * 40


def test_without_validation_rows_nothing_is_measured(place):
    place.put("in/splits/validation.jsonl")
    done = place.run()
    assert done.returncode == 0, done.stderr
    metrics = json.loads((place.folder / "out/baseline.json").read_text())
    assert "type None of 0 commits" in done.stdout
    assert (metrics["changes"], metrics["ari"], metrics["commits"]) == (0, None, 0)
