import json

from diffscribe.jsonl import write_jsonl


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


def test_what_is_no_export_is_an_explained_failure(tmp_path, stage):
    absent = stage("gate_accept", tmp_path / "verdicts.json", tmp_path)
    assert absent.returncode == 2
    assert "export them from the page" in absent.stderr
    (tmp_path / "verdicts.json").write_text("{}")
    wrong = stage("gate_accept", tmp_path / "verdicts.json", tmp_path)
    assert wrong.returncode == 65
    assert wrong.stderr.startswith("gate_accept.py: ")
