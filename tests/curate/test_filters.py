from pathlib import Path

import pytest

from diffscribe.commits.style import WordingProblem
from diffscribe.core.params import load_params
from diffscribe.core.records import LabeledChange, OriginalCommit, Plan, PlannedCommit
from diffscribe.curate.filters import (
    FilterProblem,
    filter_problem,
    grouping_agreement,
    type_agreement,
)

DEFAULT = load_params(Path(__file__).parents[2] / "params.yaml").curate


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
    assert filter_problem(labeled(), DEFAULT) is None


@pytest.mark.parametrize(
    ("license_", "allowed", "expected"),
    [
        ("MIT", (), None),
        (None, (), None),
        ("MIT", ("Apache-2.0", "MIT"), None),
        ("GPL-3.0", ("Apache-2.0", "MIT"), FilterProblem.LICENSE_NOT_ALLOWED),
        (None, ("MIT",), FilterProblem.LICENSE_NOT_ALLOWED),
    ],
)
def test_licenses_are_an_allow_list(license_, allowed, expected, labeled):
    row = labeled(license=license_)
    assert filter_problem(row, limits(licenses=allowed)) == expected


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (("yarn.lock",), FilterProblem.GENERATED_ONLY),
        (("web/package-lock.json", "go.sum"), FilterProblem.GENERATED_ONLY),
        (("vendor/lib/a.go", "api_pb2.py"), FilterProblem.GENERATED_ONLY),
        (("yarn.lock", "package.json"), None),
        (("lock.py",), None),
        (("vendor.py",), None),
    ],
)
def test_a_change_of_generated_files_alone_is_dropped(paths, expected, labeled):
    row = labeled(paths=paths)
    assert filter_problem(row, DEFAULT) == expected
    assert filter_problem(row, limits(keep_generated_only=True)) is None


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("fix(io): stop the leak", None),
        ("[core] fix: stop the leak", None),
        ("Stop the leak", FilterProblem.NOT_CONVENTIONAL),
        ("wip: stop the leak", FilterProblem.NOT_CONVENTIONAL),
    ],
)
def test_conventional_only_asks_the_original_headers(message, expected, labeled):
    row = labeled()
    commits = originals(("fix: a leak", ("a.py",)), (message, ("b.py",)))
    row = row.model_copy(update={"commits": commits})
    assert filter_problem(row, limits(conventional_only=True)) == expected
    assert filter_problem(row, DEFAULT) is None


def test_one_bad_message_of_a_plan_drops_it(labeled):
    row = labeled(plan=plan(("fix", "stop it", ("a.py",)), ("fix", "wip", ("b.py",))))
    assert filter_problem(row, DEFAULT) == WordingProblem.TRIVIAL_MESSAGE


@pytest.mark.parametrize(
    ("ratings", "expected"),
    [
        ({}, None),
        ({"clear": 0.1}, None),
        ({"grounded": 0.7}, None),
        ({"grounded": 0.69}, FilterProblem.LOW_RATING),
    ],
)
def test_a_rating_below_its_threshold_drops_and_a_missing_one_passes(
    ratings, expected, labeled
):
    row = relabel(labeled(), ratings=ratings)
    assert filter_problem(row, limits(min_ratings={"grounded": 0.7})) == expected


def taught(labeled, *messages):
    row = labeled(
        plan=plan(("fix", "stop it", ("a.py",)), ("docs", "tell it", ("b.py",)))
    )
    row = relabel(row, source="teacher", teacher="some-model")
    return row.model_copy(update={"commits": originals(*messages)})


def test_agreement_is_the_share_of_files_with_one_type(labeled):
    half = taught(labeled, ("fix: both", ("a.py", "b.py")))
    assert type_agreement(half) == 0.5
    whole = taught(labeled, ("fix: one", ("a.py",)), ("docs: two", ("b.py",)))
    assert type_agreement(whole) == 1.0
    assert filter_problem(half, limits(min_type_agreement=0.5)) is None
    assert (
        filter_problem(half, limits(min_type_agreement=0.51))
        == FilterProblem.TEACHER_DISAGREES
    )


def test_no_agreement_without_two_labels_to_compare(labeled):
    assert type_agreement(labeled()) is None
    assert type_agreement(taught(labeled, ("Fix both", ("a.py", "b.py")))) is None


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
        found = grouping_agreement(row.model_copy(update={"commits": commits}))
        assert found == pytest.approx(share), history


def test_grouping_follows_a_file_that_was_renamed(change):
    moved = change(
        ("fix: x", ["a.py", "b.py"]), renames=[("a.py", "z.py")], repo="acme/app"
    )
    whole = plan(("fix", "stop it", ("b.py", "z.py")))
    label = {"plan": whole, "source": "teacher", "teacher": "wise"}
    label |= {"prompt_sha256": None, "usage": None, "ratings": {}}
    row = LabeledChange(**dict(moved), label=label)
    assert grouping_agreement(row) == 1.0


def test_a_teacher_that_groups_otherwise_is_dropped_below_the_threshold(labeled):
    together = taught(labeled, ("Fix both", ("a.py", "b.py")))
    assert grouping_agreement(together) == 0.0
    assert filter_problem(together, DEFAULT) is None
    assert (
        filter_problem(together, limits(min_grouping_agreement=0.1))
        == FilterProblem.TEACHER_DISAGREES
    )
    apart = taught(labeled, ("Fix a", ("a.py",)), ("Fix b", ("b.py",)))
    assert filter_problem(apart, limits(min_grouping_agreement=1.0)) is None


def test_no_grouping_to_compare_of_one_file_or_of_the_historys_own_plan(labeled):
    assert grouping_agreement(labeled(paths=("a.py", "b.py"))) is None
    one = relabel(labeled(paths=("a.py",)), source="teacher")
    assert grouping_agreement(one) is None


def test_names_that_the_change_lacks_drop_it_beyond_the_share(labeled):
    files = ("a.py", "b.py")
    half = labeled(plan=plan(("fix", "let a.py call read_all", files)))
    assert filter_problem(half, DEFAULT) is None
    assert (
        filter_problem(half, limits(max_ungrounded_share=0.4))
        == FilterProblem.UNGROUNDED
    )
    none = labeled(plan=plan(("fix", "let it call read_all", files)))
    assert filter_problem(none, DEFAULT) == FilterProblem.UNGROUNDED
    assert filter_problem(none, limits(max_ungrounded_share=1.0)) is None
