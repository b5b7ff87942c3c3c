import json

from diffscribe.core.files import read_jsonl, write_jsonl
from diffscribe.core.records import Change
from diffscribe.label.gate import Shown


def as_change(row):
    return Change(**{name: getattr(row, name) for name in Change.model_fields})


def test_labels_are_shown_judged_and_compared(tmp_path, stage, labeled):
    file, report = tmp_path / "labeled.jsonl", tmp_path / "gate"
    write_jsonl(file, [labeled(head=str(number)) for number in range(4)])
    shown = stage("gate", file, report, "--rows", 3)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.splitlines()[1] == f"gate: open {report / 'index.html'}"
    rows = [json.loads(line)["row"] for line in (report / "index.jsonl").open()]
    said = [{"row": row, "verdict": "accept", "note": ""} for row in rows]
    export = {"format": "diffscribe verdicts 1", "verdicts": said}
    (tmp_path / "verdicts.json").write_text(json.dumps(export))
    recorded = stage("gate_accept", tmp_path / "verdicts.json", report)
    assert "gate: 3 of 3 rows accepted: 100 %" in recorded.stdout
    compared = stage("gate_compare", file, file, report)
    assert "Both plans judged: 3. Accepted: both 3" in compared.stdout
    assert (report / "compare.html").is_file()


def test_changes_are_drawn_before_they_have_labels(tmp_path, stage, labeled):
    rows = [labeled(head=str(number)) for number in range(9)]
    changes = [as_change(row) for row in rows]
    write_jsonl(tmp_path / "labeled.jsonl", rows)
    write_jsonl(tmp_path / "harvested.jsonl", changes)
    sample = tmp_path / "gate" / "harvested.jsonl"
    drawn = stage("gate_draw", tmp_path / "harvested.jsonl", sample, "--rows", 3)
    assert drawn.stdout == f"gate: 3 changes drawn to {sample}\n"
    ids = {change.id for change in read_jsonl(sample, Change)}
    stage("gate", tmp_path / "labeled.jsonl", tmp_path / "gate", "--rows", 3)
    shown = read_jsonl(tmp_path / "gate" / "index.jsonl", Shown)
    assert {row.id for row in shown} == ids


def test_params_say_how_many_are_drawn(tmp_path, stage, labeled):
    changes = [as_change(labeled(head=str(number))) for number in range(52)]
    write_jsonl(tmp_path / "harvested.jsonl", changes)
    stage("gate_draw", tmp_path / "harvested.jsonl", tmp_path / "sample.jsonl")
    assert len(list(read_jsonl(tmp_path / "sample.jsonl", Change))) == 50


def test_a_sample_is_labeled_as_params_say_and_shown(tmp_path, stage, labeled):
    """What `make gate` runs."""
    changes = [as_change(labeled(head=str(number))) for number in range(9)]
    write_jsonl(tmp_path / "harvested.jsonl", changes)
    names = ("sample.jsonl", "labeled.jsonl", "failures.jsonl", "label.json")
    files = [tmp_path / "gate" / name for name in names]
    stage("gate_draw", tmp_path / "harvested.jsonl", files[0], "--rows", 4)
    done = stage("label", "prompts/teacher", *files)
    assert done.returncode == 0, done.stderr
    shown = stage("gate", files[1], tmp_path / "gate")
    assert "0 of 4 rows accepted" in shown.stdout


def test_what_is_no_export_is_an_explained_failure(tmp_path, stage):
    absent = stage("gate_accept", tmp_path / "verdicts.json", tmp_path)
    assert absent.returncode == 2
    assert "export them from a gate page" in absent.stderr
    (tmp_path / "verdicts.json").write_text("{}")
    wrong = stage("gate_accept", tmp_path / "verdicts.json", tmp_path)
    assert wrong.returncode == 65
    assert wrong.stderr.startswith("gate_accept.py: ")
