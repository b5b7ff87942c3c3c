import pytest
from tests.support.style import style
from tests.support.teaching import label_params

from diffscribe.commits.lesson import LessonReason
from diffscribe.commits.plan import plan_problem
from diffscribe.commits.units import units_of
from diffscribe.core.records import Plan, PlannedCommit
from diffscribe.label.from_history import DivisionReason, history_plan

GUESS = label_params(nonconventional="guess")
REJECT = label_params(nonconventional="reject")
HOUSE = style(headers="as_written")


def test_each_original_commit_becomes_a_planned_commit_oldest_first(change):
    window = change(
        (
            "feat(api)!: Add foo (#12)\n\nIt stops a slow pump in a cold cellar.\n"
            "\nCloses #3",
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
                body="It stops a slow pump in a cold cellar.",
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


HUNKS = "".join(
    f"@@ -{line},2 +{line},2 @@\n-old {line}\n+new {line}\n same\n"
    for line in (1, 21, 41)
)
SPLIT = f"diff --git a/a.py b/a.py\nindex 1..2 100644\n--- a/a.py\n+++ b/a.py\n{HUNKS}"


def window_of(change, *hunks, renames=(), diff=SPLIT):
    """Return a change of commits that all touch a.py; None is one without hunks."""
    window = change(
        *((f"fix: part {n}", ["a.py", f"{n}.py"]) for n, _ in enumerate(hunks)),
        diff=diff,
        renames=renames,
    )
    commits = [
        each.model_copy(update={"hunks": {"a.py": own} if own is not None else {}})
        for each, own in zip(window.commits, hunks, strict=True)
    ]
    return window.model_copy(update={"commits": tuple(commits)})


@pytest.mark.parametrize(
    ("hunks", "expected"),
    [
        (((1, 3), (2,)), [(True, (1, 3)), (True, (2,))]),
        (((2,), (), (1, 3)), [(True, (2,)), (False, None), (True, (1, 3))]),
        (((), (1, 2, 3)), [(False, None), (True, None)]),
    ],
)
def test_a_file_of_several_commits_is_split_by_its_hunks(hunks, expected, change):
    window = window_of(change, *hunks)
    plan = history_plan(window, REJECT, HOUSE)
    assert [("a.py" in c.files, c.hunks.get("a.py")) for c in plan.commits] == expected
    assert plan_problem(plan, units_of(window.files, window.diff)) is None


@pytest.mark.parametrize(
    "hunks",
    [
        pytest.param(((1, 2), (2, 3)), id="a hunk of two"),
        pytest.param(((1,), (3,)), id="a hunk of nobody"),
        pytest.param(((), ()), id="nothing of either"),
        pytest.param((None, None), id="not traced"),
    ],
)
def test_a_hunk_of_two_commits_or_of_none_is_a_reason(hunks, change):
    assert (
        history_plan(window_of(change, *hunks), REJECT, HOUSE)
        == DivisionReason.MIXED_HUNK
    )


def test_a_file_that_is_never_split_belongs_to_one_commit_or_is_a_reason(change):
    added = SPLIT.replace("index", "new file mode 100644\nindex", 1)
    one = history_plan(window_of(change, (1,), (), diff=added), REJECT, HOUSE)
    assert [(c.files, c.hunks) for c in one.commits] == [
        (("0.py", "a.py"), {}),
        (("1.py",), {}),
    ]
    both = history_plan(window_of(change, (1,), (1,), diff=added), REJECT, HOUSE)
    assert both == DivisionReason.MIXED_HUNK


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
        ("Fix a crash in pumps", GUESS, ("fix", "fix a crash in pumps")),
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
