from diffscribe.core.files import write_jsonl
from diffscribe.core.records import RejectedChange


def test_why_tells_the_reason_of_a_rejected_change(tmp_path, labeled, stage):
    row = labeled().model_copy(update={"id": "0123456789ab"})
    write_jsonl(tmp_path / "harvested.jsonl", [row])
    write_jsonl(tmp_path / "labeled.jsonl", [row])
    rejected = RejectedChange(reason="long_body", change=row)
    write_jsonl(tmp_path / "rejected.jsonl", [rejected])
    answer = stage("why", "012345", tmp_path, tmp_path)
    assert answer.returncode == 0
    assert answer.stdout.splitlines()[-1] == "  curate   rejected: long_body"


def test_a_folder_without_rows_is_an_explained_failure(tmp_path, stage):
    answer = stage("why", "012345", tmp_path / "none", tmp_path)
    assert answer.returncode == 2
    assert "does not exist" in answer.stderr
