"""A draft: the plan that a person is shown, may edit, and has made into commits."""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from pydantic import Field

from diffscribe.commits.grammar import TYPES
from diffscribe.commits.plan import PlanProblem, plan_problem
from diffscribe.commits.units import FileUnits
from diffscribe.core.records import Plan, PlannedCommit, Record

GENERATED = "baseline"


class Draft(Record):
    """A plan for a working tree, of which a part may stay as it is."""

    plan: Plan
    """A file of which hunks are left out is split: the commit that has the others
    names them, even if it is the only one."""
    left_out: Mapping[str, tuple[int, ...]] = Field(default_factory=dict)
    """Paths that stay in the working tree, with the numbers of the hunks that do; none
    if it is the whole file."""

    def __hash__(self) -> int:
        """Return a hash without what is left out: a mapping has none."""
        return hash(self.plan)


class Proposal(NamedTuple):
    """A plan, and where it comes from."""

    draft: Draft
    made_by: str
    """The model that worded it, or GENERATED."""
    generated: tuple[int, ...]
    """The numbers, from 1, of the commits whose subject only lists their files."""
    notes: tuple[str, ...]
    """What a person should know, a line each."""


def draft_problem(
    draft: Draft, files: Iterable[FileUnits], types: Collection[str] = TYPES
) -> PlanProblem | None:
    """Name the first reason why a draft does not fit a change, or None.

    It fits if its plan would be valid with one commit more, of what is left out.
    """
    if not draft.left_out:
        return plan_problem(draft.plan, files, types)
    rest = PlannedCommit(
        files=tuple(draft.left_out),
        hunks={path: numbers for path, numbers in draft.left_out.items() if numbers},
        type=next(iter(types)),
        subject="what is left out",
    )
    plan = draft.plan.model_copy(update={"commits": (*draft.plan.commits, rest)})
    return plan_problem(plan, files, types)
