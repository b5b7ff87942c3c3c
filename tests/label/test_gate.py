import json
import random
from collections import Counter

import pytest

from diffscribe.core.ballots import FORMAT, Ballot, Choice, Vote, read_votes
from diffscribe.core.errors import GateError, InputError, RecordError
from diffscribe.core.files import write_jsonl
from diffscribe.core.records import LabeledChange, Usage
from diffscribe.label.gate import (
    Acceptance,
    acceptance,
    ballot_of,
    drawn,
    passes,
    record,
    recorded_votes,
    require,
    sampled,
)

MESSAGES = ("feat: add it", "fix: mend it", "no convention")


def vote(row, choice, **fields):
    return Vote(**dict(ballot_of(row)), choice=choice, **fields)


def relabeled(row, **fields):
    return row.model_copy(update={"label": row.label.model_copy(update=fields)})


@pytest.fixture
def ten(row):
    return [row(head=str(number)) for number in range(10)]


def voted(tmp_path, rows, choices):
    """Record one choice a row, none where it is None."""
    pairs = zip(rows, choices, strict=False)
    said = [vote(row, choice) for row, choice in pairs if choice]
    record(said, map(ballot_of, rows), tmp_path / "votes.jsonl")
    return recorded_votes(tmp_path / "votes.jsonl")


@pytest.mark.parametrize(
    "fields",
    [{"diff": ""}, {"gitignore": ("*.log",)}, {"id": "0" * 64}, {"commits": ()}],
    ids=lambda fields: next(iter(fields)),
)
def test_another_change_is_another_ballot(row, fields):
    changed = row().model_copy(update=fields)
    assert ballot_of(changed).ballot != ballot_of(row()).ballot


def test_another_plan_is_another_ballot_and_the_same_of_another_teacher_is_not(
    row, plan
):
    other = relabeled(row(), plan=plan(("fix", "stop a leak", "a.py")))
    assert ballot_of(other).ballot != ballot_of(row()).ballot
    usage = Usage(prompt_tokens=9, completion_tokens=9)
    same = relabeled(row(), teacher="teacher-2", usage=usage, ratings={"a": 0.5})
    assert ballot_of(same).ballot == ballot_of(row()).ballot
    assert ballot_of(same).systems == ("teacher-2",)


def test_votes_are_kept_sorted_and_a_later_one_replaces_the_earlier(tmp_path, row):
    rows = [row(head="1"), row(head="2", repo="acme/other")]
    path = tmp_path / "gate" / "votes.jsonl"
    first = [vote(rows[1], "reject", note="wrong type"), vote(rows[0], "accept")]
    assert record(first, map(ballot_of, rows), path) == 2
    kept = recorded_votes(path)
    assert list(kept) == sorted(ballot_of(each).ballot for each in rows)
    last = kept[ballot_of(rows[1]).ballot]
    assert (last.repo, last.id, last.systems) == (
        "acme/other",
        rows[1].id,
        ("teacher-1",),
    )
    assert (last.choice, last.note) == (Choice.REJECT, "wrong type")
    record([vote(rows[0], "skip")], map(ballot_of, rows), path)
    kept = recorded_votes(path)
    assert [kept[ballot_of(each).ballot].choice for each in rows] == ["skip", "reject"]


def test_votes_on_ballots_that_are_not_known_are_left_out(tmp_path, row, plan):
    known, changed = row(head="1"), row(head="2")
    path = tmp_path / "votes.jsonl"
    both = [vote(known, "accept"), vote(changed, "accept")]
    assert record(both, [], path) == 0
    assert not path.exists()
    assert recorded_votes(path) == {}
    now = relabeled(changed, plan=plan(("docs", "tell why", "a.py")))
    assert record(both, map(ballot_of, [known, now]), path) == 1
    assert list(recorded_votes(path)) == [ballot_of(known).ballot]


def test_what_a_vote_says_of_its_ballot_is_not_believed(tmp_path, row):
    forged = vote(row(), "accept").model_copy(update={"repo": "acme/forged"})
    path = tmp_path / "votes.jsonl"
    record([forged], [ballot_of(row())], path)
    assert [each.repo for each in recorded_votes(path).values()] == ["acme/app"]


ONE = {"ballot": "0" * 64, "id": "1", "repo": "r", "systems": ["s"], "choice": "accept"}
TWO = ONE | {"systems": ["a", "b"], "choice": "A"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "Invalid JSON"),
        ("[]", "no votes of a gate or evaluation page"),
        ({"format": "other"}, "format"),
        ({"votes": []}, "votes"),
        ({"votes": [ONE | {"choice": "yes"}]}, "votes.0.choice"),
        ({"votes": [ONE | {"choice": "A"}]}, "choices are accept, reject, skip"),
        ({"votes": [TWO | {"choice": "accept"}]}, "choices are A, tie, B"),
        ({"votes": [TWO | {"axes": {"taste": "A"}}]}, "votes.0.axes.taste"),
        ({"votes": [ONE | {"ballot": "../x"}]}, "votes.0.ballot"),
        ({"votes": [ONE] * 2}, "ballot 0000.* twice"),
    ],
)
def test_a_file_that_holds_no_votes_is_refused_with_what_is_wrong(
    tmp_path, content, words
):
    if isinstance(content, dict):
        whole = {"format": FORMAT, "voter": "person", "votes": [ONE]} | content
        content = json.dumps(whole)
    (tmp_path / "votes.json").write_text(content)
    with pytest.raises(RecordError, match=rf"(?s)votes.json: .*{words}"):
        read_votes(tmp_path / "votes.json")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"none\.json.*cannot be read"):
        read_votes(tmp_path / "none.json")


def test_acceptance_is_of_all_rows_and_comes_with_an_exact_interval(tmp_path, ten):
    said = voted(tmp_path, ten, ["accept"] * 7 + ["reject", "skip", None])
    result = acceptance(map(ballot_of, ten), said)
    assert result[:5] == (10, 7, 1, 1, 0.7)
    assert (round(result.low, 4), round(result.high, 4)) == (0.3475, 0.9333)


def test_votes_on_others_never_count(tmp_path, row, ten):
    said = voted(tmp_path, ten, ["accept"] * 10)
    others = [row(head=str(number), repo="other") for number in range(4)]
    assert acceptance(map(ballot_of, others), said)[:5] == (4, 0, 0, 0, 0.0)
    assert acceptance(map(ballot_of, ten[:2]), said).accepted == 2


@pytest.mark.parametrize(
    ("choices", "passed"),
    [
        (["accept"] * 8, False),
        (["accept"] * 9, True),
        (["accept"] * 10, True),
        (["accept"] + ["skip"] * 9, False),
    ],
)
def test_the_gate_opens_at_the_threshold_and_skipping_does_not_open_it(
    tmp_path, ten, choices, passed
):
    said = voted(tmp_path, ten, choices)
    assert passes(acceptance(map(ballot_of, ten), said), 0.9) is passed


def test_no_rows_pass_no_gate():
    assert acceptance([], {})[:5] == (0, 0, 0, 0, 0.0)
    assert not passes(acceptance([], {}), 0.0)


def test_acceptance_is_told_in_percent():
    assert str(Acceptance(50, 45, 3, 1, 0.9, 0.782, 0.967)) == (
        "45 of 50 rows accepted: 90 % (95 % interval 78 to 97); "
        "3 rejected, 1 skipped, 1 without a vote"
    )


def test_a_closed_gate_says_how_it_is_opened(tmp_path, row, plan, ten):
    voted(tmp_path, ten, ["accept"] * 9)
    require(ten, 0.9, tmp_path / "votes.jsonl")
    with pytest.raises(GateError, match=r"opens at 95 %: run 'make gate'"):
        require(ten, 0.95, tmp_path / "votes.jsonl")
    anew = [relabeled(each, plan=plan(("fix", "anew", "a.py"))) for each in ten]
    with pytest.raises(GateError, match="0 of 10 rows accepted"):
        require(anew, 0.9, tmp_path / "votes.jsonl")
    with pytest.raises(GateError, match="10 without a vote"):
        require(ten, 0.9, tmp_path / "none.jsonl")


@pytest.fixture
def rows(row):
    """300 of three repositories with 200, 80 and 20; of one to three commits."""
    sizes = {"large": 200, "middle": 80, "small": 20}
    return [
        row(
            *((MESSAGES[number % 3], "a.py") for _ in range(1 + number % 4 // 2)),
            repo=repo,
            head=str(number),
        )
        for repo, size in sizes.items()
        for number in range(size)
    ]


def test_each_stratum_is_drawn_in_proportion(rows):
    ids = drawn(rows, 30)
    chosen = [each for each in rows if each.id in ids]
    repos = Counter(each.repo for each in chosen)
    assert repos == {"large": 20, "middle": 8, "small": 2}
    commits = Counter(len(each.commits) for each in chosen if each.repo == "large")
    assert commits == {1: 10, 2: 10}
    types = Counter(each.commits[0].message for each in chosen if each.repo == "large")
    assert all(abs(types[message] - 20 / 3) < 2 for message in MESSAGES)


def test_neither_order_nor_labels_change_the_draw_and_a_new_change_replaces_few(
    rows, row, plan
):
    shuffled = random.Random(7).sample(rows, len(rows))
    assert drawn([relabeled(each, plan=plan()) for each in shuffled], 50) == drawn(
        rows, 50
    )
    more = [*rows, row(("feat: add it", "a.py"), repo="large", head="new")]
    assert len(drawn(more, 50) - drawn(rows, 50)) <= 3


def test_the_sample_of_a_file_is_in_its_order(tmp_path, rows):
    write_jsonl(tmp_path / "labeled.jsonl", rows)
    ids = drawn(rows, 10)
    expected = [each for each in rows if each.id in ids]
    assert sampled(tmp_path / "labeled.jsonl", 10, LabeledChange) == expected


def test_ballots_are_of_one_plan_or_two():
    with pytest.raises(ValueError, match="systems"):
        Ballot(ballot="0" * 64, id="1", repo="r", systems=())
