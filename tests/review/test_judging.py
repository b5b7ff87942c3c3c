import json

import pytest

from diffscribe.core.errors import InputError, RecordError
from diffscribe.core.files import write_jsonl
from diffscribe.label.gate import acceptance, passes, read_verdicts, row_digest
from diffscribe.review.gate import accept, show, show_both


@pytest.fixture
def rows(row):
    return [row(head=str(number)) for number in range(12)]


@pytest.fixture
def folder(tmp_path, rows):
    write_jsonl(tmp_path / "labeled.jsonl", rows)
    return tmp_path


def export(folder, rows, *verdicts):
    said = [
        {"row": row_digest(row), "verdict": verdict, "note": ""}
        for row, verdict in zip(rows, verdicts, strict=True)
    ]
    text = json.dumps({"format": "diffscribe verdicts 1", "verdicts": said})
    path = folder / "verdicts.json"
    path.write_text(text)
    return path


def retyped(row):
    commits = tuple(
        each.model_copy(update={"type": "chore"}) for each in row.label.plan.commits
    )
    plan = row.label.plan.model_copy(update={"commits": commits})
    return row.model_copy(
        update={"label": row.label.model_copy(update={"plan": plan, "teacher": "t"})}
    )


def test_a_sample_is_shown_judged_and_recorded(folder, rows):
    report, labeled = folder / "gate", folder / "labeled.jsonl"
    assert show(labeled, report, 10).startswith("0 of 10 rows accepted: 0 % (95 % ")
    shown = [json.loads(line) for line in (report / "index.jsonl").open()]
    assert len(shown) == 10
    sample = [row for row in rows if row_digest(row) in {each["row"] for each in shown}]
    file = export(folder, sample, *["accept"] * 9, "reject")
    said = (
        "9 of 10 rows accepted: 90 % (95 % interval 55 to 100); "
        "1 rejected, 0 skipped, 0 not judged"
    )
    assert accept(file, report) == [
        f"10 verdicts recorded in {report / 'verdicts.jsonl'}",
        said,
    ]
    verdicts = read_verdicts(report / "verdicts.jsonl")
    assert passes(acceptance(map(row_digest, sample), verdicts), 0.9)
    assert show(labeled, report, 10) == said


def test_the_same_data_give_the_same_page(folder):
    pages = []
    for name in ("one", "two"):
        show(folder / "labeled.jsonl", folder / name, 50)
        pages.append((folder / name / "index.html").read_bytes())
    assert pages[0] == pages[1]


def test_verdicts_on_labels_that_were_made_anew_are_refused(folder, rows):
    report = folder / "gate"
    file = export(folder, rows, *["accept"] * 12)
    write_jsonl(folder / "labeled.jsonl", [retyped(row) for row in rows])
    show(folder / "labeled.jsonl", report, 50)
    with pytest.raises(RecordError, match="none of its 12 verdicts"):
        accept(file, report)
    assert not (report / "verdicts.jsonl").exists()


def test_some_verdicts_may_be_of_labels_that_changed(folder, rows):
    report = folder / "gate"
    file = export(folder, rows, *["accept"] * 12)
    write_jsonl(folder / "labeled.jsonl", [retyped(rows[0]), *rows[1:]])
    show(folder / "labeled.jsonl", report, 50)
    recorded, left_out, accepted = accept(file, report)
    assert recorded.startswith("11 verdicts recorded")
    assert left_out == "1 not recorded: no page shows what they judge"
    assert accepted.startswith("11 of 12 rows accepted")


def test_verdicts_without_a_page_are_an_explained_failure(folder, rows):
    with pytest.raises(InputError, match="run 'make gate' first"):
        accept(export(folder, rows[:1], "accept"), folder / "none")


def test_no_rows_are_an_explained_failure(tmp_path):
    (tmp_path / "labeled.jsonl").write_text("")
    with pytest.raises(RecordError, match="has no labeled changes"):
        show(tmp_path / "labeled.jsonl", tmp_path / "gate", 50)


def test_two_files_are_compared_on_the_changes_of_both(folder, rows):
    report = folder / "gate"
    write_jsonl(folder / "b.jsonl", [retyped(row) for row in rows[2:]])
    files = (folder / "labeled.jsonl", folder / "b.jsonl")
    text = show_both(*files, report, 8)
    (types,) = [line for line in text.splitlines() if line.startswith("types")]
    assert types.split()[-4:] == ["10", "0", "10", "0.002"]
    assert "Changes in both: 10." in text
    assert "No change has a verdict on both plans yet." in text
    shown = [json.loads(line)["row"] for line in (report / "compare.jsonl").open()]
    assert len(shown) == 16
    ours = [row for row in rows if row_digest(row) in shown]
    both = [*ours, *(retyped(row) for row in ours)]
    file = export(folder, both, *["accept"] * 8, *["reject"] * 6, *["accept"] * 2)
    assert accept(file, report)[0].startswith("16 verdicts recorded")
    assert (
        "Both plans judged: 8. Accepted: both 2, only a 6, only b 0, none 0; "
        "p = 0.031 (exact McNemar test)." in show_both(*files, report, 8)
    )


def test_a_change_with_another_diff_is_another_change(folder, rows):
    other = [rows[0], rows[1].model_copy(update={"diff": ""})]
    write_jsonl(folder / "b.jsonl", other)
    text = show_both(folder / "labeled.jsonl", folder / "b.jsonl", folder / "gate", 8)
    assert "Changes in both: 1." in text


def test_files_without_a_common_change_are_not_compared(folder, row):
    write_jsonl(folder / "b.jsonl", [row(repo="acme/other")])
    with pytest.raises(RecordError, match="no change in common"):
        show_both(folder / "labeled.jsonl", folder / "b.jsonl", folder / "gate", 8)
