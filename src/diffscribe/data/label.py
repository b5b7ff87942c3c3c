"""Label a change with the plan that its own history amounts to."""

from collections import Counter
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any

from diffscribe.commits.cleanup import clean_body, clean_subject, strip_marks
from diffscribe.commits.conventional import Header, parse_header, split_message
from diffscribe.commits.path_rules import guess_header
from diffscribe.params import LabelParams
from diffscribe.records import (
    Change,
    Label,
    LabeledChange,
    OriginalCommit,
    Plan,
    PlannedCommit,
)
from diffscribe.statistics import Statistics


class Reason(StrEnum):
    """Why a change gets no label; also its key in metrics/label.json."""

    NONCONVENTIONAL = "nonconventional"
    EMPTY_SUBJECT = "empty_subject"


class Tally:
    """What became of the changes; filled while they are labeled."""

    def __init__(self) -> None:
        self.processed: Counter[str] = Counter()
        self.approved: Counter[str] = Counter()
        self.rejected: Counter[Reason] = Counter()

    @property
    def statistics(self) -> Statistics:
        """All changes and those labeled, by repository."""
        return Statistics({"processed": self.processed, "approved": self.approved})

    def metrics(self) -> dict[str, Any]:
        """Return all counts, zeros included."""
        return {
            "changes": self.processed.total(),
            "labeled": self.approved.total(),
            "rejected": {reason.value: self.rejected[reason] for reason in Reason},
        }


def label_changes(
    changes: Iterable[Change], params: LabelParams, tally: Tally
) -> Iterator[LabeledChange]:
    """Yield the changes that get a label, in order; count all."""
    for change in changes:
        tally.processed[change.repo] += 1
        plan = history_plan(change, params)
        if isinstance(plan, Reason):
            tally.rejected[plan] += 1
            continue
        tally.approved[change.repo] += 1
        label = Label(
            plan=plan,
            source=params.source,
            teacher=None,
            prompt_sha256=None,
            usage=None,
            ratings={},
        )
        yield LabeledChange.model_validate({**dict(change), "label": label})


def history_plan(change: Change, params: LabelParams) -> Plan | Reason:
    """Return the original commits as a plan, or why that cannot be.

    A commit keeps those of its files that are in the change, a renamed one by
    its new path; a commit whose files are all gone again is left out. A file
    that two commits touched is in both, which makes the plan invalid.
    """
    planned = []
    for original in change.commits:
        files = _files_in_change(original, change)
        if not files:
            continue
        commit = _planned(original, files, params)
        if isinstance(commit, Reason):
            return commit
        planned.append(commit)
    return Plan(commits=tuple(planned))


def _files_in_change(original: OriginalCommit, change: Change) -> tuple[str, ...]:
    now = {file.old_path: file.path for file in change.files if file.old_path}
    now |= {file.path: file.path for file in change.files}
    return tuple(sorted({now[path] for path in original.files if path in now}))


def _planned(
    original: OriginalCommit, files: tuple[str, ...], params: LabelParams
) -> PlannedCommit | Reason:
    message = split_message(original.message)
    header = _header(message.header, files, params)
    if header is None:
        return Reason.NONCONVENTIONAL
    subject = clean_subject(header.subject)
    if not subject:
        return Reason.EMPTY_SUBJECT
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
