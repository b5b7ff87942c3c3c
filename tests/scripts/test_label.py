import json

import pytest

from diffscribe.jsonl import read_jsonl, write_jsonl
from diffscribe.records import Change, LabeledChange, PlannedCommit


@pytest.fixture
def folder(tmp_path, labeled):
    messages = ["fix(io): Stop the leak (#12)", "Fix it all", "fix: #12"]
    rows = [labeled(message=message) for message in messages]
    changes = [Change(**row.model_dump(exclude={"label"})) for row in rows]
    write_jsonl(tmp_path / "harvested.jsonl", changes)
    return tmp_path


def label(stage, folder):
    names = ("harvested.jsonl", "labeled.jsonl", "label.json")
    return stage("label", *(folder / name for name in names))


def test_every_change_is_labeled_or_counted(folder, stage):
    assert label(stage, folder).returncode == 0
    first, second = read_jsonl(folder / "labeled.jsonl", LabeledChange)
    assert first.label.plan.commits == (
        PlannedCommit(files=("a.py",), type="fix", scope="io", subject="stop the leak"),
    )
    assert second.label.plan.commits[0].subject == "fix it all"
    counts = {"processed": 3, "approved": 2}
    assert json.loads((folder / "label.json").read_text()) == {
        "changes": 3,
        "labeled": 2,
        "rejected": {"empty_subject": 1, "nonconventional": 0},
        "statistics": {**counts, "by_source": {first.repo: counts}},
    }


def test_a_broken_line_is_named_and_nothing_is_written(folder, stage):
    with (folder / "harvested.jsonl").open("a") as lines:
        lines.write('{"id": 1}\n')
    answer = label(stage, folder)
    assert answer.returncode == 65
    assert "harvested.jsonl:4: not a Change" in answer.stderr
    assert [path.name for path in folder.iterdir()] == ["harvested.jsonl"]


def test_no_changes_are_no_error(folder, stage):
    (folder / "harvested.jsonl").write_text("")
    assert label(stage, folder).returncode == 0
    assert (folder / "labeled.jsonl").read_text() == ""
