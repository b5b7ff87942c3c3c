import json

import pytest

from diffscribe.core.ballots import FORMAT, Ballot, Vote
from diffscribe.core.errors import InputError, RecordError
from diffscribe.core.files import write_jsonl
from diffscribe.label.gate import acceptance, ballot_of, passes, recorded_votes
from diffscribe.review.flags import Measures
from diffscribe.review.gate import (
    accept_votes,
    compare_labels,
    paired_votes,
    write_comparison_page,
    write_sample_page,
)


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
    assert left_out == "1 not recorded: no page shows what they are on"
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


def test_two_label_files_are_compared_over_the_changes_of_both(folder, rows, row):
    other = folder / "other.jsonl"
    write_jsonl(other, [*map(retyped, rows[:8]), row(head="only here")])
    text = write_comparison_page(folder / "labeled.jsonl", other, folder / "gate", 5)
    types = next(line for line in text.splitlines() if line.startswith("types"))
    assert "100" in types
    assert "Changes in both: 8." in text
    assert "No change has a vote on both plans yet." in text
    shown = (folder / "gate" / "compare.jsonl").read_text().splitlines()
    assert len(shown) == 10
    both = [*rows[:8], *map(retyped, rows[:8])]
    file = export(folder, both, *["accept"] * 8, *["reject"] * 8)
    accept_votes(file, folder / "gate")
    text = write_comparison_page(folder / "labeled.jsonl", other, folder / "gate", 5)
    assert "Both plans have a vote: 5. Accepted: both 0, only a 5, only b 0" in text


def test_files_without_a_change_in_common_are_refused(folder, row):
    write_jsonl(folder / "other.jsonl", [row(head="only here")])
    with pytest.raises(RecordError, match="have no change in common"):
        write_comparison_page(
            folder / "labeled.jsonl", folder / "other.jsonl", folder / "gate", 5
        )


def votes(**said):
    return {
        name: Vote(ballot=name * 64, id="1", repo="r", systems=("t",), choice=choice)
        for name, choice in said.items()
    }


def test_only_changes_with_a_vote_on_both_plans_count():
    said = votes(a="accept", b="reject", c="skip", d="accept", e="reject")
    pairs = [("a", "b"), ("a", "d"), ("b", "e"), ("a", "c"), ("a", "f"), ("d", "b")]
    assert paired_votes(pairs, said) == (1, 2, 0, 1, 0.5)
    assert paired_votes([("a", "b")], {}) == (0, 0, 0, 0, 1.0)


def measured(valid=1.0, grouping=1.0, types=1.0, grounded=1.0, junk=1.0):
    return Measures(valid, grouping, types, grounded, junk)


def test_differences_are_paired_by_change():
    found = compare_labels(
        {
            str(n): (
                measured(grouping=0.9),
                measured(grouping=0.4 if n < 10 else 0.9, types=None),
            )
            for n in range(12)
        }
    )
    grouping = found["grouping"]
    assert (grouping.wins, grouping.losses, grouping.difference.n) == (10, 0, 12)
    assert grouping.difference.value == pytest.approx(5 / 12)
    assert 0 < grouping.difference.low < 5 / 12 < grouping.difference.high < 0.6
    assert (grouping.verdict, found["valid"].verdict) == ("better", "not shown")
    assert found["types"].difference.n == 0
