"""Make a plan of the original commits of a change, cleaned by rules."""

from enum import StrEnum

from diffscribe.commits.grounding import evidence_of, grounded_share
from diffscribe.commits.lesson import LessonReason, clean_commit
from diffscribe.commits.originals import new_paths, original_parts
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
    is left is not in the plan.
    """
    divided = original_parts(change.commits, new_paths(change.files), change.diff)
    if divided.mixed:
        return DivisionReason.MIXED_HUNK
    planned = []
    for original, part in zip(change.commits, divided.parts, strict=True):
        if not part:
            continue
        commit = clean_commit(
            original.message, original.files, style, params.nonconventional
        )
        if isinstance(commit, LessonReason):
            return commit
        commit = _grounded(commit, change, style)
        hunks = {path: numbers for path, numbers in part.items() if numbers}
        update = {"files": tuple(sorted(part)), "hunks": hunks}
        planned.append(commit.model_copy(update=update))
    return Plan(commits=tuple(planned))


def _grounded(
    commit: PlannedCommit, change: Change, style: StyleParams
) -> PlannedCommit:
    """Return a commit without its body if that names what the change does not show.

    The body stays if it says what breaks.
    """
    if not commit.body or commit.breaking:
        return commit
    share = grounded_share(commit.body, evidence_of(change))
    is_shown = share >= style.min_grounded_share
    return commit if is_shown else commit.model_copy(update={"body": ""})
