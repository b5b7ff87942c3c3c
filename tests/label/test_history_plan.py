import pytest
from tests.support.teaching import label_params

from diffscribe.core.records import Plan, PlannedCommit
from diffscribe.label.from_history import LabelReason, history_plan

RULES = label_params(nonconventional="path_rules")
REJECT = label_params(nonconventional="reject")


def test_each_original_commit_becomes_a_planned_commit_oldest_first(change):
    window = change(
        ("feat(api)!: Add foo (#12)\n\nIt is fast.\n\nCloses #3", ["b.py", "a.py"]),
        ("docs: Describe foo.", ["README.md"]),
    )
    assert history_plan(window, REJECT) == Plan(
        commits=(
            PlannedCommit(
                files=("a.py", "b.py"),
                type="feat",
                scope="api",
                breaking=True,
                subject="add foo",
                body="It is fast.",
            ),
            PlannedCommit(files=("README.md",), type="docs", subject="describe foo"),
        )
    )


def test_a_breaking_footer_breaks_and_stays_in_the_body(change):
    message = "fix: drop foo\n\nWhy.\n\nBREAKING CHANGE: foo is gone\nRefs: #3"
    (commit,) = history_plan(change((message, ["a.py"])), REJECT).commits
    assert commit.breaking
    assert commit.body == "Why.\n\nBREAKING CHANGE: foo is gone"


def test_a_renamed_file_is_listed_by_its_new_path(change):
    window = change(
        ("fix: a", ["x.py"]),
        ("refactor: b", ["old.py", "new.py"]),
        renames=[("old.py", "new.py")],
    )
    assert [commit.files for commit in history_plan(window, REJECT).commits] == [
        ("x.py",),
        ("new.py",),
    ]


def test_a_file_changed_before_its_rename_is_in_both_commits(change):
    window = change(
        ("fix: a", ["old.py"]),
        ("refactor: b", ["old.py", "new.py"]),
        renames=[("old.py", "new.py")],
    )
    assert [commit.files for commit in history_plan(window, REJECT).commits] == [
        ("new.py",),
        ("new.py",),
    ]


def test_what_is_gone_again_at_head_is_not_listed(change):
    window = change(
        ("feat: add tmp and a", ["tmp.py", "a.py"]),
        ("chore: remove tmp", ["tmp.py"]),
        gone=["tmp.py"],
    )
    (commit,) = history_plan(window, REJECT).commits
    assert (commit.subject, commit.files) == ("add tmp and a", ("a.py",))


@pytest.mark.parametrize(
    ("message", "rules", "expected"),
    [
        ("Fix the leak", REJECT, LabelReason.NONCONVENTIONAL),
        ("Fix the leak", RULES, ("fix", "fix the leak")),
        ("✨ feat: leak", REJECT, ("feat", "leak")),
        ('Revert "feat: leak"', RULES, ("revert", "leak")),
        ("fix: #12", REJECT, LabelReason.EMPTY_SUBJECT),
        ("", RULES, LabelReason.EMPTY_SUBJECT),
        ("", REJECT, LabelReason.NONCONVENTIONAL),
    ],
)
def test_a_message_gives_a_header_or_a_reason(message, rules, expected, change):
    plan = history_plan(change((message, ["a.py"])), rules)
    if isinstance(plan, Plan):
        (commit,) = plan.commits
        assert (commit.type, commit.subject) == expected
    else:
        assert plan == expected


def test_one_bad_commit_is_a_reason_for_the_whole_change(change):
    window = change(("fix: a leak", ["a.py"]), ("wip", ["b.py"]))
    assert history_plan(window, REJECT) == LabelReason.NONCONVENTIONAL
