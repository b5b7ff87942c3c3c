import pytest

from diffscribe.core.records import FileChange, FileStatus, Plan, PlannedCommit
from diffscribe.review.flags import FlagKind, flags, original_plan

TWO = (("feat(io): add it", "a.py", "b.py"), ("docs: tell of it", "c.md"))


def texts(row):
    return [(flag.kind, flag.text) for flag in flags(row)]


def test_a_label_like_the_history_has_no_flags(row, plan):
    good = row(
        *TWO, plan=plan(("feat", "add it", "a.py", "b.py"), ("docs", "tell", "c.md"))
    )
    assert flags(good) == []


def test_other_groups_and_types_than_the_history_are_flagged(row, plan):
    one = row(*TWO, plan=plan(("feat", "add it", "a.py", "b.py", "c.md")))
    assert texts(one) == [
        (FlagKind.GROUPING, "ARI 0.00"),
        (FlagKind.TYPE, "50 % of the history's types"),
    ]


def test_a_history_that_is_not_conventional_says_nothing_of_types(row, plan):
    free = row(
        ("Add it", "a.py"),
        ("docs: tell", "c.md"),
        plan=plan(("fix", "add it", "a.py"), ("docs", "tell", "c.md")),
    )
    assert flags(free) == []


def test_names_of_a_subject_that_the_change_does_not_show_are_named(row, plan):
    made_up = row(
        plan=plan(("fix", "stop leak in close_all as of 2.14 in a.py", "a.py"))
    )
    assert texts(made_up) == [(FlagKind.ABSENT, "close_all, 2.14")]
    quoted = row(plan=plan(("fix", 'say "in the wild" in a.py', "a.py")))
    assert flags(quoted) == []


def test_many_names_are_counted(row, plan):
    names = " ".join(f"name_{number}" for number in range(8))
    ((_, text),) = texts(row(plan=plan(("fix", names, "a.py"))))
    assert text == "name_0, name_1, name_2, name_3, name_4 and 3 more"


def bodied(row, body, subject="stop the leak", path="a.py", **fields):
    """A row whose plan is one commit with this body."""
    commit = PlannedCommit(files=(path,), type="fix", subject=subject, body=body)
    return row(("fix: it", path), plan=Plan(commits=(commit,)), **fields)


@pytest.mark.parametrize(
    ("body", "added", "text"),
    [
        ("Call close_all.", ("new",), "names what the change does not show: close_all"),
        ("Say so in b.md.", ('see("b.md")',), "names files that did not change: b.md"),
        (
            "It leaked.\n\n- remove read_all\n",
            ("read_all(x)",),
            "says removed, but added: read_all",
        ),
    ],
)
def test_a_body_that_tells_of_what_is_not_there_is_flagged(row, body, added, text):
    assert texts(bodied(row, body, added=added)) == [
        (FlagKind.PHANTOM, f"the body {text}")
    ]


@pytest.mark.parametrize(
    ("body", "added"),
    [
        ("Call close_all in a.py.", ("close_all()",)),
        ("Add read_all, since a reader leaks.", ("read_all(x)",)),
        ("The last line was read twice.", ("new",)),
        ("", ("new",)),
    ],
)
def test_a_body_that_tells_of_what_is_there_is_not(row, body, added):
    assert flags(bodied(row, body, added=added)) == []


@pytest.mark.parametrize(
    ("subject", "body", "status", "text"),
    [
        ("update the reader", "", "A", "all files are new: fix: update the reader"),
        ("refactor the reader", "", "A", "all files are new: fix: refactor the reader"),
        ("bring it", "Improve a.py.", "A", "the file is new: Improve a.py."),
        ("bring it", "It reads.\n- Fix a.py to", "A", "the file is new: Fix a.py to"),
        ("bring it", "It improves a.py.", "A", None),
        ("add the reader", "", "A", None),
        ("updates come in order", "", "A", None),
        ("update the reader", "Improve a.py.", "M", None),
    ],
)
def test_a_new_file_that_is_described_as_a_change_is_flagged(
    row, subject, body, status, text
):
    found = texts(bodied(row, body, subject, status=status))
    assert found == ([(FlagKind.NEW, text)] if text else [])


def test_a_commit_of_new_and_old_files_may_be_a_change(row, plan):
    both = row(
        ("fix: it", "a.py", "b.py"), plan=plan(("fix", "fix it", "a.py", "b.py"))
    )
    files = (
        both.files[0].model_copy(update={"status": FileStatus.ADDED}),
        both.files[1],
    )
    assert flags(both.model_copy(update={"files": files})) == []


def test_a_plan_that_is_not_valid_is_flagged(row, plan):
    lost = row(("fix: it", "a.py", "b.py"), plan=plan(("fix", "it", "a.py")))
    assert texts(lost)[0] == (FlagKind.PLAN, "not valid: missing path")


def test_a_file_of_the_history_that_is_ignored_is_flagged_and_not_grouped(row, plan):
    ignoring = row(
        ("feat: add it", "a.py", "b.py", "out.log"),
        plan=plan(("feat", "add it", "a.py", "b.py"), gitignore=("*.log", "*.tmp")),
        status="A",
    )
    assert texts(ignoring) == [
        (FlagKind.JUNK, "ignored, but the history has it: out.log"),
        (FlagKind.JUNK, "pattern without a file: *.tmp"),
    ]


@pytest.mark.parametrize("status", [FileStatus.ADDED, FileStatus.MODIFIED])
def test_an_added_file_that_looks_like_junk_is_flagged(row, plan, status):
    path = "src/__pycache__/a.cpython-311.pyc"
    expected = [(FlagKind.JUNK, f"committed, but looks like junk: {path}")]
    found = texts(row(("fix: add it", path), status=status))
    assert found == (expected if status == FileStatus.ADDED else [])


def test_a_plan_that_ignores_all_has_nothing_to_group(row, plan):
    ignoring = plan(gitignore=("*.log",))
    all_junk = row(("feat: add it", "out.log"), plan=ignoring, status="A")
    assert {kind for kind, _ in texts(all_junk)} == {FlagKind.JUNK}


def test_a_plan_without_commits_has_no_group_right(row, plan):
    assert (FlagKind.GROUPING, "ARI 0.00") in texts(row(*TWO, plan=plan()))


def test_a_file_of_two_commits_is_in_the_last_and_a_renamed_one_has_its_new_name(row):
    moved = row(("feat: add", "old.py", "a.py"), ("fix: mend", "a.py", "gone.py"))
    files = tuple(each for each in moved.files if each.path == "a.py")
    renamed = FileChange(
        path="new.py",
        old_path="old.py",
        status="R",
        additions=0,
        deletions=0,
        is_binary=False,
    )
    moved = moved.model_copy(update={"files": (*files, renamed)})
    groups = [(c.type, c.files) for c in original_plan(moved).commits]
    assert groups == [("feat", ("new.py",)), ("fix", ("a.py",))]
