"""Make a plan of the original commits of a change, cleaned by rules."""

from diffscribe.commits.grounding import evidence_of, grounded_share
from diffscribe.commits.lesson import LessonReason, clean_commit
from diffscribe.core.params import LabelParams, StyleParams
from diffscribe.core.records import Change, OriginalCommit, Plan, PlannedCommit


def history_plan(
    change: Change, params: LabelParams, style: StyleParams
) -> Plan | LessonReason:
    """Return the original commits as a plan, or the reason why there is none.

    A commit keeps its files that are in the change, renamed ones by their new path. A
    commit without such files is left out. A file that two commits touched is in both,
    which makes the plan invalid.
    """
    planned = []
    for original in change.commits:
        files = _files_in_change(original, change)
        if not files:
            continue
        commit = clean_commit(
            original.message, original.files, style, params.nonconventional
        )
        if isinstance(commit, LessonReason):
            return commit
        commit = _grounded(commit, change, style)
        planned.append(commit.model_copy(update={"files": files}))
    return Plan(commits=tuple(planned))


def _files_in_change(original: OriginalCommit, change: Change) -> tuple[str, ...]:
    now = {file.old_path: file.path for file in change.files if file.old_path}
    now |= {file.path: file.path for file in change.files}
    return tuple(sorted({now[path] for path in original.files if path in now}))


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
