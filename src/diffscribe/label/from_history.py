"""Make a plan of the original commits of a change, cleaned by rules."""

from enum import StrEnum

from diffscribe.commits.grounding import evidence_of, grounded_share
from diffscribe.commits.lesson import LessonReason, clean_commit
from diffscribe.commits.originals import new_paths, original_parts, plan_of_parts
from diffscribe.core.params import LabelParams, StyleParams
from diffscribe.core.records import Change, Plan, PlannedCommit


class DivisionReason(StrEnum):
    """Why a change cannot be divided among its commits."""

    MIXED_HUNK = "mixed_hunk"
    """A hunk, or a file that is never split, holds what two commits made, or none."""


LabelReason = LessonReason | DivisionReason
"""Why a history gives a change no label; also its key in reports/label.json."""


def history_plan(
    change: Change, params: LabelParams, style: StyleParams
) -> Plan | LabelReason:
    """Return the original commits as a plan, or the reason why there is none.

    A commit keeps its files that are in the change, renamed ones by their new path. A
    file that several commits touched is split by its hunks; where one holds lines of
    two of them, or none can be told, the change has no plan. A commit of which nothing
    is left is not in the plan. A body that names what the change does not show is left
    out, unless it says what breaks.
    """
    divided = original_parts(change.commits, new_paths(change.files), change.diff)
    if divided.mixed:
        return DivisionReason.MIXED_HUNK
    cleaned: dict[str, PlannedCommit] = {}
    for original, part in zip(change.commits, divided.parts, strict=True):
        if not part:
            continue
        commit = clean_commit(
            original.message, original.files, style, params.nonconventional
        )
        if isinstance(commit, LessonReason):
            return commit
        if commit.body and not commit.breaking:
            share = grounded_share(commit.body, evidence_of(change))
            if share < style.min_grounded_share:
                commit = commit.model_copy(update={"body": ""})
        cleaned[original.sha] = commit
    plan = plan_of_parts(
        change.commits, divided.parts, lambda original: cleaned[original.sha]
    )
    return plan.model_copy(update={"gitignore": change.ignored})
