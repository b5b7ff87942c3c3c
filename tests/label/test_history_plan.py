import pytest
from tests.support.style import style
from tests.support.teaching import label_params

from diffscribe.commits.lesson import LessonReason
from diffscribe.core.records import Plan, PlannedCommit
from diffscribe.label.from_history import history_plan

GUESS = label_params(nonconventional="guess")
REJECT = label_params(nonconventional="reject")
HOUSE = style(headers="as_written")


def test_each_original_commit_becomes_a_planned_commit_oldest_first(change):
    window = change(
        (
            "feat(api)!: Add foo (#12)\n\nIt stops a slow pump.\n\nCloses #3",
            ["b.py", "a.py"],
        ),
        ("docs: Describe foo.", ["README.md"]),
    )
    assert history_plan(window, REJECT, HOUSE) == Plan(
        commits=(
            PlannedCommit(
                files=("a.py", "b.py"),
                type="feat",
                scope="api",
                breaking=True,
                subject="add foo",
                body="It stops a slow pump.",
            ),
            PlannedCommit(files=("README.md",), type="docs", subject="describe foo"),
        )
    )


def test_a_breaking_footer_breaks_and_stays_in_the_body(change):
    message = "fix: drop foo\n\nWhy.\n\nBREAKING CHANGE: foo is gone\nRefs: #3"
    (commit,) = history_plan(change((message, ["a.py"])), REJECT, HOUSE).commits
    assert commit.breaking
    assert commit.body == "BREAKING CHANGE: foo is gone"


def test_a_renamed_file_is_listed_by_its_new_path(change):
    window = change(
        ("fix: a", ["x.py"]),
        ("refactor: b", ["old.py", "new.py"]),
        renames=[("old.py", "new.py")],
    )
    assert [commit.files for commit in history_plan(window, REJECT, HOUSE).commits] == [
        ("x.py",),
        ("new.py",),
    ]


def test_a_file_changed_before_its_rename_is_in_both_commits(change):
    window = change(
        ("fix: a", ["old.py"]),
        ("refactor: b", ["old.py", "new.py"]),
        renames=[("old.py", "new.py")],
    )
    assert [commit.files for commit in history_plan(window, REJECT, HOUSE).commits] == [
        ("new.py",),
        ("new.py",),
    ]


def test_what_is_gone_again_at_head_is_not_listed(change):
    window = change(
        ("feat: add tmp and a", ["tmp.py", "a.py"]),
        ("chore: remove tmp", ["tmp.py"]),
        gone=["tmp.py"],
    )
    (commit,) = history_plan(window, REJECT, HOUSE).commits
    assert (commit.subject, commit.files) == ("add tmp and a", ("a.py",))


@pytest.mark.parametrize(
    ("message", "rules", "expected"),
    [
        ("Fix the leak", REJECT, LessonReason.NONCONVENTIONAL),
        ("Fix a crash in it", GUESS, ("fix", "fix a crash in it")),
        ("✨ feat: leak", REJECT, ("feat", "leak")),
        ('Revert "feat: leak"', GUESS, LessonReason.REVERT),
        ("fix: #12", REJECT, LessonReason.EMPTY_SUBJECT),
        ("", GUESS, LessonReason.EMPTY_SUBJECT),
        ("", REJECT, LessonReason.EMPTY_SUBJECT),
    ],
)
def test_a_message_gives_a_header_or_a_reason(message, rules, expected, change):
    plan = history_plan(change((message, ["a.py"])), rules, HOUSE)
    if isinstance(plan, Plan):
        (commit,) = plan.commits
        assert (commit.type, commit.subject) == expected
    else:
        assert plan == expected


def test_one_bad_commit_is_a_reason_for_the_whole_change(change):
    window = change(("fix: a leak", ["a.py"]), ("wip", ["b.py"]))
    assert history_plan(window, REJECT, HOUSE) == LessonReason.NONCONVENTIONAL


def test_a_body_that_names_what_the_change_does_not_show_is_left_out(change):
    shown = "It closes what `a.py` opens, before the pump stops."
    hidden = "It closes what `valve.open` opens, before the pump stops."
    for body, expected in ((shown, shown), (hidden, "")):
        window = change((f"fix: close the door\n\n{body}", ["a.py"]))
        (commit,) = history_plan(window, REJECT, HOUSE).commits
        assert commit.body == expected
