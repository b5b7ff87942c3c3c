"""When a draft fits a change."""

import pytest

from diffscribe.commits.plan import PlanProblem
from diffscribe.commits.units import FileUnits
from diffscribe.core.records import Plan, PlannedCommit
from diffscribe.propose.draft import Draft, draft_problem

FILES = [
    FileUnits("a.py", 3, may_be_junk=False),
    FileUnits("b.py", 1, may_be_junk=False),
    FileUnits("c.log"),
]


def draft(left_out, *commits, gitignore=()):
    """Return a draft of commits that are written as {path: numbers of its hunks}."""
    planned = [
        PlannedCommit(
            files=tuple(files),
            hunks={path: numbers for path, numbers in files.items() if numbers},
            type="fix",
            subject="mend it",
        )
        for files in commits
    ]
    plan = Plan(commits=tuple(planned), gitignore=gitignore)
    return Draft(plan=plan, left_out=left_out)


@pytest.mark.parametrize(
    ("made", "problem"),
    [
        (draft({}, {"a.py": (), "b.py": (), "c.log": ()}), None),
        (draft({"c.log": ()}, {"a.py": (), "b.py": ()}), None),
        (draft({"c.log": (), "a.py": (2,)}, {"b.py": (), "a.py": (1, 3)}), None),
        (draft({"a.py": (), "b.py": ()}, gitignore=("*.log",)), None),
        (draft({"a.py": ()}, {"b.py": ()}), PlanProblem.MISSING_PATH),
        (draft({"b.py": (), "c.log": ()}, {"a.py": (1, 3)}), "whole_file_as_hunks"),
        (
            draft({"a.py": (2,), "b.py": (), "c.log": ()}, {"a.py": (1,)}),
            PlanProblem.MISSING_HUNK,
        ),
        (
            draft({"a.py": (), "c.log": ()}, {"a.py": (), "b.py": ()}),
            PlanProblem.DUPLICATE_PATH,
        ),
        (
            draft({"c.log": ()}, {"a.py": (), "b.py": ()}, gitignore=("*.log",)),
            PlanProblem.IGNORES_COMMITTED_PATH,
        ),
    ],
)
def test_a_draft_fits_if_each_unit_is_in_one_commit_or_ignored_or_left_out(
    made, problem
):
    assert draft_problem(made, FILES) == problem
    assert Draft.model_validate_json(made.model_dump_json()) == made
