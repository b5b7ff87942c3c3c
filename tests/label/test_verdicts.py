import json

import pytest

from diffscribe.core.errors import InputError, RecordError
from diffscribe.core.records import Usage
from diffscribe.label.gate import (
    Judged,
    VerdictChoice,
    read_export,
    read_verdicts,
    record,
    row_digest,
    shown,
)

FORMAT = "diffscribe verdicts 1"


def export(path, *verdicts, **fields):
    path.write_text(json.dumps({"format": FORMAT, "verdicts": verdicts, **fields}))
    return path


def judged(row, verdict, note=""):
    return {"row": row_digest(row), "verdict": verdict, "note": note}


def relabeled(row, **fields):
    return row.model_copy(update={"label": row.label.model_copy(update=fields)})


@pytest.mark.parametrize(
    "fields",
    [
        {"diff": ""},
        {"gitignore": ("*.log",)},
        {"id": "0" * 64},
        {"commits": ()},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_another_change_has_another_digest(row, fields):
    assert row_digest(row().model_copy(update=fields)) != row_digest(row())


def test_another_plan_has_another_digest_and_the_same_of_another_teacher_has_not(
    row, plan
):
    other = relabeled(row(), plan=plan(("fix", "stop a leak", "a.py")))
    assert row_digest(other) != row_digest(row())
    usage = Usage(prompt_tokens=9, completion_tokens=9)
    same = relabeled(row(), teacher="teacher-2", usage=usage, ratings={"a": 0.5})
    assert row_digest(same) == row_digest(row())


def test_verdicts_are_kept_with_what_they_judge(tmp_path, row):
    rows = [row(head="1"), row(head="2", repo="acme/other")]
    path = tmp_path / "gate" / "verdicts.jsonl"
    file = export(
        tmp_path / "export.json",
        judged(rows[1], "reject", "wrong type"),
        judged(rows[0], "accept"),
    )
    assert record(read_export(file), map(shown, rows), path) == (2, 0)
    kept = read_verdicts(path)
    assert list(kept) == sorted(map(row_digest, rows))
    verdict = kept[row_digest(rows[1])]
    assert (verdict.repo, verdict.id) == ("acme/other", rows[1].id)
    assert (verdict.source, verdict.teacher) == ("teacher", "teacher-1")
    assert (verdict.verdict, verdict.note) == (VerdictChoice.REJECT, "wrong type")


def test_a_later_verdict_replaces_the_earlier_and_leaves_the_others(tmp_path, row):
    rows = [row(head="1"), row(head="2")]
    path = tmp_path / "verdicts.jsonl"
    first = [Judged(**judged(each, "accept")) for each in rows]
    record(first, map(shown, rows), path)
    record([Judged(**judged(rows[0], "skip"))], map(shown, rows), path)
    said = [read_verdicts(path)[row_digest(each)].verdict for each in rows]
    assert said == ["skip", "accept"]


def test_verdicts_of_rows_that_are_not_known_are_left_out(tmp_path, row, plan):
    known, changed = row(head="1"), row(head="2")
    path = tmp_path / "verdicts.jsonl"
    both = [Judged(**judged(each, "accept")) for each in (known, changed)]
    now = relabeled(changed, plan=plan(("docs", "tell why", "a.py")))
    assert record(both, map(shown, [known, now]), path) == (1, 1)
    assert list(read_verdicts(path)) == [row_digest(known)]


def test_verdicts_that_judge_nothing_known_write_no_file(tmp_path, row):
    path = tmp_path / "verdicts.jsonl"
    assert record([Judged(**judged(row(), "accept"))], [], path) == (0, 1)
    assert not path.exists()
    assert read_verdicts(path) == {}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "Invalid JSON"),
        ("[]", "no verdicts of a gate page"),
        ('{"format": "other", "verdicts": []}', "format"),
        (json.dumps({"format": FORMAT, "verdicts": []}), "verdicts"),
        (
            json.dumps(
                {"format": FORMAT, "verdicts": [{"row": "0" * 64, "verdict": "yes"}]}
            ),
            "verdicts.0.verdict",
        ),
        (
            json.dumps(
                {"format": FORMAT, "verdicts": [{"row": "../x", "verdict": "accept"}]}
            ),
            "verdicts.0.row",
        ),
        (
            json.dumps(
                {
                    "format": FORMAT,
                    "verdicts": [{"row": "0" * 64, "verdict": "accept"}] * 2,
                }
            ),
            "verdict on 0000.* twice",
        ),
    ],
)
def test_a_file_that_is_no_export_is_refused_with_what_is_wrong(
    tmp_path, content, words
):
    (tmp_path / "export.json").write_text(content)
    with pytest.raises(RecordError, match=words):
        read_export(tmp_path / "export.json")


def test_a_missing_export_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"none\.json.*cannot be read"):
        read_export(tmp_path / "none.json")
