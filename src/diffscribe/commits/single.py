"""Each commit of a change's plan as a change of its own: what one message is about."""

from collections.abc import Iterator, Sequence

from diffscribe.commits.diff import parse_diff, parts_of_diff
from diffscribe.commits.originals import new_paths, original_parts
from diffscribe.commits.path_rules import languages_of
from diffscribe.core.records import (
    FileChange,
    OriginalCommit,
    Plan,
    PlannedCommit,
    SplitChange,
)


def single_changes(change: SplitChange) -> list[SplitChange]:
    """Return a change for each commit of a plan, with the commit's units alone.

    A change that is one commit stays as it is. The others are called `ID-1`, `ID-2`
    after it, in the order of the plan, and it is their parent. The files of one have
    its lines only; the original commits are those that made any of them.
    """
    commits = change.label.plan.commits
    if len(commits) == 1 and len(commits[0].files) == len(change.files):
        return [change]
    parts = zip(commits, parts_of_diff(change.diff, commits), strict=True)
    return [_single(change, *each, number) for number, each in enumerate(parts, 1)]


def _single(
    change: SplitChange, commit: PlannedCommit, diff: str, number: int
) -> SplitChange:
    whole = commit.model_copy(update={"hunks": {}})
    label = change.label.model_copy(update={"plan": Plan(commits=(whole,))})
    return change.model_copy(
        update={
            "id": f"{change.id}-{number}",
            "parent_id": change.id,
            "languages": languages_of(commit.files),
            "files": _files(change.files, commit, diff),
            "diff": diff,
            "commits": tuple(_originals(change, commit)),
            "label": label,
            "junk": (),
            "decoys": (),
        }
    )


def _files(
    files: Sequence[FileChange], commit: PlannedCommit, diff: str
) -> tuple[FileChange, ...]:
    """Return the files of a commit; of a split one the lines of its hunks count."""
    counts = {
        patch.path: {
            "additions": sum(line[0] == "+" for line in patch.lines),
            "deletions": sum(line[0] == "-" for line in patch.lines),
        }
        for patch in parse_diff(diff)
        if patch.path in commit.hunks
    }
    return tuple(
        file.model_copy(update=counts.get(file.path, {}))
        for file in files
        if file.path in commit.files
    )


def _originals(change: SplitChange, commit: PlannedCommit) -> Iterator[OriginalCommit]:
    parts = original_parts(change.commits, new_paths(change.files), change.diff).parts
    for original, part in zip(change.commits, parts, strict=True):
        both = [
            (part[path], commit.hunks.get(path))
            for path in part.keys() & {*commit.files}
        ]
        # No numbers stand for the whole file.
        if any(not (its and own) or {*its} & {*own} for its, own in both):
            yield original
