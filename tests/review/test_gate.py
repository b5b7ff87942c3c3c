import json

import pytest

from diffscribe.core.ballots import FORMAT, Ballot
from diffscribe.core.errors import InputError, RecordError
from diffscribe.core.files import write_jsonl
from diffscribe.label.gate import acceptance, ballot_of, passes, recorded_votes
from diffscribe.review.gate import accept_votes, write_sample_page


@pytest.fixture
def rows(row):
    return [row(head=str(number)) for number in range(12)]


@pytest.fixture
def folder(tmp_path, rows):
    write_jsonl(tmp_path / "labeled.jsonl", rows)
    return tmp_path


def export(folder, rows, *choices):
    votes = [
        {**ballot_of(row).model_dump(), "choice": choice}
        for row, choice in zip(rows, choices, strict=True)
    ]
    path = folder / "votes.json"
    path.write_text(json.dumps({"format": FORMAT, "voter": "person", "votes": votes}))
    return path


def retyped(row):
    commits = tuple(
        each.model_copy(update={"type": "chore"}) for each in row.label.plan.commits
    )
    plan = row.label.plan.model_copy(update={"commits": commits})
    label = row.label.model_copy(update={"plan": plan, "teacher": "t"})
    return row.model_copy(update={"label": label})


def test_a_sample_is_shown_voted_on_and_recorded(folder, rows):
    report, labeled = folder / "gate", folder / "labeled.jsonl"
    assert write_sample_page(labeled, report, 10).startswith(
        "0 of 10 rows accepted: 0 % (95 % "
    )
    known = [
        Ballot.model_validate_json(line) for line in (report / "index.jsonl").open()
    ]
    sample = [row for row in rows if ballot_of(row) in known]
    assert len(sample) == len(known) == 10
    said = (
        "9 of 10 rows accepted: 90 % (95 % interval 55 to 100); "
        "1 rejected, 0 skipped, 0 without a vote"
    )
    file = export(folder, sample, *["accept"] * 9, "reject")
    votes = report / "votes.jsonl"
    assert accept_votes(file, report) == [f"10 votes recorded in {votes}", said]
    assert passes(acceptance(known, recorded_votes(votes)), 0.9)
    assert write_sample_page(labeled, report, 10) == said


def test_the_same_data_give_the_same_page(folder):
    pages = []
    for name in ("one", "two"):
        write_sample_page(folder / "labeled.jsonl", folder / name, 50)
        pages.append((folder / name / "index.html").read_bytes())
    assert pages[0] == pages[1]


def test_votes_on_labels_that_were_made_anew_are_refused(folder, rows):
    report = folder / "gate"
    file = export(folder, rows, *["accept"] * 12)
    with pytest.raises(InputError, match="has no page; run 'make gate' first"):
        accept_votes(file, report)
    write_jsonl(folder / "labeled.jsonl", [retyped(row) for row in rows])
    write_sample_page(folder / "labeled.jsonl", report, 50)
    with pytest.raises(RecordError, match="none of its 12 votes"):
        accept_votes(file, report)
    assert not (report / "votes.jsonl").exists()
    write_jsonl(folder / "labeled.jsonl", [retyped(rows[0]), *rows[1:]])
    write_sample_page(folder / "labeled.jsonl", report, 50)
    recorded, left_out, said = accept_votes(file, report)
    assert recorded.startswith("11 votes recorded")
    assert left_out == "1 not recorded: the page does not show their labels"
    assert said.startswith("11 of 12 rows accepted")


def test_a_file_without_labels_is_an_explained_failure(folder):
    write_jsonl(folder / "labeled.jsonl", [])
    with pytest.raises(RecordError, match="has no labeled changes"):
        write_sample_page(folder / "labeled.jsonl", folder / "gate", 50)


def test_secrets_and_people_are_shown_by_placeholders(folder, row):
    secret = "ghp_" + "R7kQ2mX9vB4nT8wL1zY6cD3fG5hJ0pS2aE9u"
    write_jsonl(
        folder / "labeled.jsonl",
        [
            row(
                ("fix: it\n\nmail jane.roe@acme-corp.io", "a.py"),
                added=(f'key = "{secret}"',),
            )
        ],
    )
    write_sample_page(folder / "labeled.jsonl", folder / "gate", 50)
    page = (folder / "gate" / "index.html").read_text()
    assert secret not in page
    assert "jane.roe@acme-corp.io" not in page
    assert "u003csecret:" in page
    assert "u003cpersonal:" in page
