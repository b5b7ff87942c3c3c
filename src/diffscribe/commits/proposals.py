"""What became of a proposal: the trailer of its commit, and the change it was for.

A correction teaches: what a person committed, with their plan as its commits. A
proposal that was taken as it was is in the words of a model.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING

from diffscribe.commits.diff import FilePatch, Hunk, patches_by_path
from diffscribe.commits.grammar import format_message, split_message
from diffscribe.commits.path_rules import languages_of
from diffscribe.core.errors import RecordError
from diffscribe.core.records import (
    Change,
    Feedback,
    FileChange,
    OriginalCommit,
    Plan,
    Verdict,
)

if TYPE_CHECKING:
    from diffscribe.core.params import SourceParams

KEY = "Diffscribe"


def trailer_of(verdict: Verdict) -> str:
    """Return the line below a message."""
    return f"{KEY}: {verdict}"


def proposed_as(message: str) -> Verdict | None:
    """Return whether a proposal was taken or edited; None if a person wrote it.

    If a squash has several trailers, one that says `taken` counts.
    """
    if KEY not in message:
        return None
    footers = split_message(message).footers
    said = {each.value for each in footers if each.token == KEY}
    return next((v for v in (Verdict.TAKEN, Verdict.EDITED) if v in said), None)


# Corrections.


class FeedbackReason(StrEnum):
    """Why an entry of a log is no change; also its key in the counts of harvest."""

    OWN_PROPOSAL = "own_proposal"
    """It was taken as it was: a model is not taught its own words."""
    THROWN_AWAY = "thrown_away"
    UNDONE = "undone"
    UNFIT = "unfit"
    """Its plan does not fit its files, or it has no commit."""


def corrected_change(
    entry: Feedback, source: "SourceParams"
) -> Change | FeedbackReason:
    """Return the change that a person committed, with their plan as its commits."""
    reasons = {
        Verdict.TAKEN: FeedbackReason.OWN_PROPOSAL,
        Verdict.THROWN_AWAY: FeedbackReason.THROWN_AWAY,
        Verdict.UNDONE: FeedbackReason.UNDONE,
    }
    if entry.verdict in reasons:
        return reasons[entry.verdict]
    plan, change = entry.final, entry.change
    if plan is None or not 0 < len(plan.commits) <= len(entry.shas):
        return FeedbackReason.UNFIT
    try:
        committed = _committed(change, plan, entry.left_out)
    except RecordError:
        return FeedbackReason.UNFIT
    if committed is None:
        return FeedbackReason.UNFIT
    numbers, part = committed
    shared = Counter(path for commit in plan.commits for path in commit.files)
    trailer = trailer_of(Verdict.EDITED)
    commits = tuple(
        OriginalCommit(
            sha=sha,
            message=f"{format_message(commit)}\n\n{trailer}",
            files=tuple(sorted(commit.files)),
            hunks={
                path: tuple(sorted(numbers[path][each] for each in hunks))
                for path, hunks in sorted(commit.hunks.items())
                if shared[path] > 1
            },
        )
        for sha, commit in zip(
            entry.shas[-len(plan.commits) :], plan.commits, strict=True
        )
    )
    update = {
        # Other than that of a history's change, and of another entry on the same base.
        "id": hashlib.sha256(f"feedback\0{entry.id}".encode()).hexdigest(),
        "committed_at": entry.at,
        "commits": commits,
        "license": source.license,
        "private": change.private or source.private,
        "ignored": plan.gitignore,
    }
    return part.model_copy(update=update)


def _committed(
    change: Change, plan: Plan, left_out: Mapping[str, tuple[int, ...]]
) -> tuple[dict[str, dict[int, int]], Change] | None:
    """Return a change without what was left out, or None if the plan does not fit.

    The hunks of each file that are left have new numbers, by their old ones.

    Raises:
        RecordError: if the diff is not what git prints.
    """
    gone = {path for path, hunks in left_out.items() if not hunks}
    files = tuple(file for file in change.files if file.path not in gone)
    planned = {path for commit in plan.commits for path in commit.files}
    if not planned <= {file.path for file in files}:
        return None
    patches = patches_by_path(change.diff)
    numbers: dict[str, dict[int, int]] = {}
    texts = []
    for path, of_path in patches.items():
        if path in gone:
            continue
        count = len(of_path[0].hunks)
        kept = [n for n in range(1, count + 1) if n not in left_out.get(path, ())]
        numbers[path] = {old: new for new, old in enumerate(kept, start=1)}
        if left_out.get(path):
            of_path = [_without_hunks(of_path[0], kept)]
            files = tuple(
                _counted(file, of_path[0]) if file.path == path else file
                for file in files
            )
        texts += [patch.text for patch in of_path]
    if any(
        not {*hunks} <= numbers.get(path, {}).keys()
        for commit in plan.commits
        for path, hunks in commit.hunks.items()
    ):
        return None
    update = {
        "files": files,
        "diff": "".join(texts),
        "languages": languages_of(file.path for file in files),
    }
    return numbers, change.model_copy(update=update)


def _without_hunks(patch: FilePatch, kept: list[int]) -> FilePatch:
    """Return a patch with some of its hunks, which begin where git would say."""
    hunks, moved = [], 0
    for number, hunk in enumerate(patch.hunks, start=1):
        added = sum(line[0] == "+" for line in hunk.lines)
        removed = sum(line[0] == "-" for line in hunk.lines)
        if number in kept:
            hunks.append(_moved(hunk, moved))
        else:
            moved += removed - added
    return patch._replace(hunks=tuple(hunks))


def _moved(hunk: Hunk, lines: int) -> Hunk:
    before, plus, rest = hunk.header.partition(" +")
    start, comma, rest = rest.partition(",")
    if not comma or " " in start:
        start, _, rest = hunk.header.partition(" +")[2].partition(" ")
        comma = " "
    return hunk._replace(header=f"{before}{plus}{int(start) + lines}{comma}{rest}")


def _counted(file: FileChange, patch: FilePatch) -> FileChange:
    signs = Counter(line[0] for line in patch.lines)
    update = {"additions": signs["+"], "deletions": signs["-"]}
    return file.model_copy(update=update)
