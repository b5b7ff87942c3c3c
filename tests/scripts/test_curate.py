import json

import pytest
from secret_corpus import as_diff, planted
from tests.support.programs import run_script

from diffscribe.core.files import read_jsonl, write_jsonl
from diffscribe.core.records import CuratedChange, LabeledChange, RejectedChange


@pytest.fixture
def folder(tmp_path, labeled):
    rows = [labeled(head=f"{n}") for n in range(3)]
    again = rows[0].model_copy(update={"id": "again"})
    write_jsonl(tmp_path / "labeled.jsonl", [*rows, again])
    return tmp_path


def curate(folder):
    names = (
        "labeled.jsonl",
        "curated.jsonl",
        "rejected.jsonl",
        "curate.json",
        "metrics.json",
    )
    return run_script("curate", *(folder / name for name in names))


def test_every_row_is_kept_or_rejected_with_its_reason(folder):
    answer = curate(folder)
    assert answer.returncode == 0
    assert "3 of 4 changes kept" in answer.stdout
    rows = list(read_jsonl(folder / "labeled.jsonl", LabeledChange))
    kept = [CuratedChange(**dict(row), cluster=row.id) for row in rows[:3]]
    assert list(read_jsonl(folder / "curated.jsonl", CuratedChange)) == kept
    (rejected,) = read_jsonl(folder / "rejected.jsonl", RejectedChange)
    assert (rejected.reason, rejected.change) == ("duplicate_diff", rows[3])
    assert json.loads((folder / "curate.json").read_text())["kept"] == 3


def test_no_secret_is_in_any_output_or_message(folder, labeled):
    secrets = list(planted(150))
    rows = [
        labeled(head=f"{n}").model_copy(update={"diff": as_diff(each.text, "a.py")})
        for n, each in enumerate(secrets)
    ]
    write_jsonl(folder / "labeled.jsonl", rows)
    answer = curate(folder)
    outputs = ["curated.jsonl", "rejected.jsonl", "curate.json"]
    text = "".join((folder / name).read_text() for name in outputs)
    text += answer.stdout + answer.stderr
    assert "<secret:" in text
    assert [each.kind for each in secrets if each.secret in text] == []


def test_verbose_tells_what_was_read_dropped_and_written(folder):
    names = ("labeled", "curated", "rejected")
    paths = [folder / f"{name}.jsonl" for name in names]
    counts = (folder / "curate.json", folder / "metrics.json")
    told = run_script("curate", *paths, *counts, "--verbose").stderr
    (rejected,) = read_jsonl(folder / "rejected.jsonl", RejectedChange)
    assert "labeled.jsonl: 4 rows read" in told
    assert "curated.jsonl: 3 rows written" in told
    assert f"{rejected.change.id[:12]}: dropped, duplicate_diff" in told
