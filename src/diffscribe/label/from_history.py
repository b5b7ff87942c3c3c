"""Make a plan of the original commits of a change, cleaned by rules."""

from enum import StrEnum

from diffscribe.commits.cleanup import clean_body, clean_subject, strip_marks
from diffscribe.commits.grammar import Header, parse_header, split_message
from diffscribe.commits.path_rules import guess_header
from diffscribe.core.params import LabelParams
from diffscribe.core.records import Change, OriginalCommit, Plan, PlannedCommit


class LabelReason(StrEnum):
    """Why a change gets no label; also its key in reports/label.json."""

    NONCONVENTIONAL = "nonconventional"
    EMPTY_SUBJECT = "empty_subject"


def history_plan(change: Change, params: LabelParams) -> Plan | LabelReason:
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
        commit = _planned(original, files, params)
        if isinstance(commit, LabelReason):
            return commit
        planned.append(commit)
    return Plan(commits=tuple(planned))


def _files_in_change(original: OriginalCommit, change: Change) -> tuple[str, ...]:
    now = {file.old_path: file.path for file in change.files if file.old_path}
    now |= {file.path: file.path for file in change.files}
    return tuple(sorted({now[path] for path in original.files if path in now}))


def _planned(
    original: OriginalCommit, files: tuple[str, ...], params: LabelParams
) -> PlannedCommit | LabelReason:
    message = split_message(original.message)
    header = _header(message.header, files, params)
    if header is None:
        return LabelReason.NONCONVENTIONAL
    subject = clean_subject(header.subject)
    if not subject:
        return LabelReason.EMPTY_SUBJECT
    notes = [f"BREAKING CHANGE: {note}" for note in message.breaking_notes]
    return PlannedCommit(
        files=files,
        type=header.type,
        scope=header.scope,
        breaking=header.breaking or bool(notes),
        subject=subject,
        body=clean_body("\n\n".join([message.body, *notes])),
    )


def _header(text: str, files: tuple[str, ...], params: LabelParams) -> Header | None:
    marked_off = strip_marks(text)
    header = parse_header(marked_off)
    if header is None and params.nonconventional == "path_rules":
        return guess_header(marked_off, files)
    return header
