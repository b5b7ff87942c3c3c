from pathlib import Path

import pytest

from diffscribe.core.params import load_params
from diffscribe.core.records import LabeledChange, OriginalCommit, Plan, PlannedCommit
from diffscribe.curate.curate import agreements, first_reason

PARAMS = load_params(Path(__file__).parents[2] / "params.yaml")
DEFAULT = PARAMS.curate.model_copy(update={"min_diff_chars": 0})


def reason_of(row, params=DEFAULT, style=PARAMS.style):
    return first_reason(row, params, style)


def limits(**values):
    return DEFAULT.model_copy(update=values)


def relabel(change, **values):
    return change.model_copy(update={"label": change.label.model_copy(update=values)})


def plan(*commits):
    return Plan(
        commits=tuple(
            PlannedCommit(files=files, type=type_, subject=subject)
            for type_, subject, files in commits
        )
    )


def originals(*commits):
    return tuple(
        OriginalCommit(sha=str(number), message=message, files=files)
        for number, (message, files) in enumerate(commits)
    )


def test_defaults_let_a_plain_change_pass(labeled):
    assert reason_of(labeled()) is None


@pytest.mark.parametrize(
    ("license_", "allowed", "expected"),
    [
        ("MIT", (), None),
        (None, (), None),
        ("MIT", ("Apache-2.0", "MIT"), None),
        ("GPL-3.0", ("Apache-2.0", "MIT"), "license_not_allowed"),
        (None, ("MIT",), "license_not_allowed"),
    ],
)
def test_licenses_are_an_allow_list(license_, allowed, expected, labeled):
    row = labeled(license=license_)
    assert reason_of(row, limits(licenses=allowed)) == expected


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (("yarn.lock",), None),
        (("web/package-lock.json", "go.sum"), None),
        (("vendor/lib/a.go", "go.sum"), None),
        (("vendor/lib/a.go", "api_pb2.py"), "generated_only"),
        (("yarn.lock", "package.json"), None),
        (("lock.py",), None),
        (("vendor.py",), None),
    ],
)
def test_a_change_of_generated_files_is_dropped_unless_one_is_a_lock_file(
    paths, expected, labeled
):
    row = labeled(paths=paths)
    assert reason_of(row) == expected


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("fix(io): stop the leak", None),
        ("[core] fix: stop the leak", None),
        ("Stop the leak", "not_conventional"),
        ("wip: stop the leak", "not_conventional"),
    ],
)
def test_conventional_only_asks_the_original_headers(message, expected, labeled):
    row = labeled()
    commits = originals(("fix: a leak", ("a.py",)), (message, ("b.py",)))
    row = row.model_copy(update={"commits": commits})
    assert reason_of(row, limits(conventional_only=True)) == expected
    assert reason_of(row) is None


def test_one_bad_message_of_a_plan_drops_it(labeled):
    row = labeled(
        plan=plan(("fix", "stop the leak", ("a.py",)), ("fix", "fix typos", ("b.py",)))
    )
    assert reason_of(row) == "trivial_message"


@pytest.mark.parametrize(
    ("ratings", "expected"),
    [
        ({}, None),
        ({"clear": 0.1}, None),
        ({"grounded": 0.7}, None),
        ({"grounded": 0.69}, "low_rating"),
    ],
)
def test_a_rating_below_its_threshold_drops_and_a_missing_one_passes(
    ratings, expected, labeled
):
    row = relabel(labeled(), ratings=ratings)
    assert reason_of(row, limits(min_ratings={"grounded": 0.7})) == expected


def taught(labeled, *messages):
    row = labeled(
        plan=plan(
            ("fix", "stop the leak", ("a.py",)), ("docs", "tell of leaks", ("b.py",))
        )
    )
    row = relabel(row, source="teacher", teacher="some-model")
    return row.model_copy(update={"commits": originals(*messages)})


@pytest.mark.parametrize(
    ("messages", "shares"),
    [
        ([("fix: both", ("a.py", "b.py"))], [0.5, 0.0]),
        ([("fix: one", ("a.py",)), ("docs: two", ("b.py",))], [1.0, 1.0]),
        ([("Fix both", ("a.py", "b.py"))], [0.0]),
        ([("Fix a", ("a.py",)), ("Fix b", ("b.py",))], [1.0]),
    ],
)
def test_a_teacher_agrees_on_types_and_on_what_goes_together(messages, shares, labeled):
    row = taught(labeled, *messages)
    assert list(agreements(row)) == shares
    assert reason_of(row) is None
    assert reason_of(row, limits(min_teacher_agreement=min(shares))) is None
    above = limits(min_teacher_agreement=min(1.0, min(shares) + 0.01))
    assert (reason_of(row, above) == "teacher_disagrees") is (min(shares) < 1)


def test_only_a_teachers_label_can_disagree_and_on_groups_only_of_two_files(labeled):
    assert list(agreements(labeled())) == []
    assert list(agreements(relabel(labeled(paths=("a.py",)), source="teacher"))) == [1]


def test_grouping_agrees_on_pairs_that_both_keep_together_or_apart(labeled):
    files = ("a.py", "b.py", "c.py")
    apart = plan(("fix", "stop it", ("a.py", "b.py")), ("docs", "tell", ("c.py",)))
    row = relabel(labeled(plan=apart, paths=files), source="teacher")
    agreed = {
        (("a.py", "b.py", "c.py"),): 1 / 3,
        (("a.py", "b.py"), ("c.py",)): 1.0,
        (("a.py",), ("b.py", "c.py")): 1 / 3,
        (("a.py",), ("b.py",), ("c.py",)): 2 / 3,
    }
    for history, share in agreed.items():
        commits = originals(*[("Change", paths) for paths in history])
        (found,) = agreements(row.model_copy(update={"commits": commits}))
        assert found == pytest.approx(share), history


def test_grouping_follows_a_file_that_was_renamed(change):
    moved = change(
        ("Fix", ["a.py", "b.py"]), renames=[("a.py", "z.py")], repo="acme/app"
    )
    whole = plan(("fix", "stop the leak", ("b.py", "z.py")))
    label = {"plan": whole, "source": "teacher", "teacher": "wise"}
    label |= {"prompt_sha256": None, "usage": None, "ratings": {}}
    assert list(agreements(LabeledChange(**dict(moved), label=label))) == [1.0]


@pytest.mark.parametrize(
    ("subject", "share"),
    [
        ("let a.py call read_all", 0.5),
        ("let it call read_all", 0.0),
        ("let it call `ne`", 0.0),
        ("let a.py say `new`", 1.0),
        ("let pumps be as they were", 1.0),
    ],
)
def test_names_that_the_change_lacks_drop_it_below_the_share(subject, share, labeled):
    row = labeled(plan=plan(("fix", subject, ("a.py", "b.py"))))
    for least in (share, min(1.0, share + 0.01)):
        style = PARAMS.style.model_copy(update={"min_grounded_share": least})
        expected = "ungrounded" if share < least else None
        assert reason_of(row, style=style) == expected


def test_each_subject_is_grounded_in_the_files_of_its_own_commit(labeled):
    def reason(first, second):
        subjects = (("fix", first, ("a.py",)), ("docs", second, ("b.py",)))
        return reason_of(labeled(plan=plan(*subjects)))

    assert reason("let a.py pass", "let b.py pass") is None
    # All names of the row are shown, but not by the commit that has them.
    assert reason("let b.py pass", "let a.py pass") == "ungrounded"
    # The average of the row is high enough.
    assert reason("let a.py pass", "let read_all pass") == "ungrounded"
