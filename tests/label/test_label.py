from pathlib import Path

import pytest
from tests.support.style import STYLE
from tests.support.teaching import label_params

from diffscribe.commits.lesson import LessonReason
from diffscribe.commits.plan import PlanProblem
from diffscribe.core.tracking import TrackedRun
from diffscribe.doors.reply import TokenUsage
from diffscribe.label.label import (
    LabelTally,
    TooManyFailuresError,
    label_changes,
    outcomes,
)
from diffscribe.label.labeler import FAILURES, WITHHELD, LabelFailure, Outcome, Spent
from diffscribe.secrets.redact import Problem

FOLDER = Path(__file__).parents[2] / "prompts/teacher"
REJECT = label_params(source="history", nonconventional="reject")
SPENT = Spent("wise", TokenUsage(10, 4, 3, 1), False)


def recorded(changes):
    return outcomes(changes, None, FOLDER, REJECT, STYLE, TrackedRun(), print)


def failed(change, reason=PlanProblem.MISSING_PATH, head="b1"):
    row = change(("fix: a leak", ["a.py"]), head=head)
    failure = LabelFailure(
        id=row.id,
        repo=row.repo,
        head=row.head,
        reason=reason,
        words="w",
        model="wise",
        answer="{}",
    )
    return Outcome(row, failure, () if reason in WITHHELD else (SPENT,))


def labeled(change, head="b1"):
    (outcome,) = recorded([change(("fix: a leak", ["a.py"]), head=head)])
    return outcome._replace(spent=(SPENT, SPENT._replace(is_reask=True)))


def run(found, allowed=1.0):
    tally, failures = LabelTally({}), []
    rows = list(label_changes(found, allowed, tally, failures))
    return rows, failures, tally


def test_changes_that_history_rejects_are_counted_under_their_reason(change):
    changes = [
        change(("fix: a leak", ["a.py"]), ("wip", ["b.py"]), head="1"),
        change(("fix: a leak", ["a.py"]), head="2"),
    ]
    rows, failures, tally = run(recorded(changes))
    assert [row.head for row in rows] == ["2"]
    assert tally.rejected == {LessonReason.NONCONVENTIONAL: 1}
    counts = {"processed": 2, "approved": 1}
    repo = changes[0].repo
    assert tally.statistics.metrics() == {**counts, "by_source": {repo: counts}}
    assert rows[0].label.source == "history"
    assert rows[0].diff == changes[1].diff
    assert failures == []


def test_every_answer_is_counted_and_failures_are_handed_on(change):
    withheld = failed(change, Problem.PRIVATE_KEY, head="3")
    found = [labeled(change), failed(change, head="2"), withheld]
    rows, failures, tally = run(found)
    assert [row.head for row in rows] == ["b1"]
    assert [failure.head for failure in failures] == ["2", "3"]
    metrics = tally.metrics()
    assert metrics["failed"] == {
        **dict.fromkeys(map(str, FAILURES), 0),
        "private_key": 1,
        "missing_path": 1,
    }
    assert metrics["asked"] == {"changes": 2, "answers": 3, "reasks": 1}
    assert metrics["tokens"] == {
        "prompt_tokens": 30,
        "cached_tokens": 12,
        "completion_tokens": 9,
        "reasoning_tokens": 3,
    }


@pytest.mark.parametrize(("allowed", "passes"), [(0.5, True), (0.49, False)])
def test_the_share_of_failures_among_asked_changes_decides(allowed, passes, change):
    withheld = failed(change, Problem.PRIVATE_KEY)
    found = [withheld, labeled(change), failed(change), withheld]
    if passes:
        assert len(run(found, allowed)[0]) == 1
    else:
        with pytest.raises(TooManyFailuresError) as caught:
            run(found, allowed)
        assert "1 of 2 changes got no label (1 missing_path)" in str(caught.value)


def test_failures_that_are_a_trend_stop_the_stage_early(change):
    good, bad = labeled(change), failed(change)
    drawn = iter([good] * 60 + [bad] * 100)
    with pytest.raises(TooManyFailuresError, match="40 of 100 changes"):
        run(drawn, 0.39)
    assert len(list(drawn)) == 60
