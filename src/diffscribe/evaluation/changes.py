"""A case as the change that it was made of."""

from collections.abc import Iterable

from diffscribe.diffs.parse import FilePatch, parse_diff
from diffscribe.evaluation.cases import Case
from diffscribe.records import Change, FileChange, FileStatus

_PATCH = "diff --git "


def change_of(case: Case) -> Change:
    """Return as much of a change as a case tells; a text without a patch is no diff."""
    return Change(
        id=case.id,
        repo=case.repo,
        base="",
        head="",
        committed_at="",
        languages=case.languages,
        files=file_changes(case.diff, case.files),
        diff=case.diff if case.diff.startswith(_PATCH) else "",
        commits=case.originals,
        gitignore=case.gitignore,
        license=None,
    )


def file_changes(diff: str, paths: Iterable[str]) -> tuple[FileChange, ...]:
    """Return what a diff does to each of the paths, sorted.

    A path that the diff does not show is modified in nothing.
    """
    patches: dict[str, list[FilePatch]] = {path: [] for path in sorted(paths)}
    for patch in parse_diff(diff) if diff.startswith(_PATCH) else ():
        patches.setdefault(patch.path, []).append(patch)
    return tuple(_file_change(path, found) for path, found in sorted(patches.items()))


def _file_change(path: str, patches: list[FilePatch]) -> FileChange:
    lines = [line for patch in patches for hunk in patch.hunks for line in hunk.lines]
    return FileChange(
        path=path,
        old_path=next((each.old_path for each in patches if each.old_path), None),
        status=_status(patches),
        additions=sum(line.startswith("+") for line in lines),
        deletions=sum(line.startswith("-") for line in lines),
        is_binary=any(patch.is_binary for patch in patches),
    )


def _status(patches: list[FilePatch]) -> FileStatus:
    header = [line for patch in patches for line in patch.header]
    if len(patches) > 1:
        return FileStatus.TYPE_CHANGED
    if any(line.startswith("new file mode ") for line in header):
        return FileStatus.ADDED
    if any(line.startswith("deleted file mode ") for line in header):
        return FileStatus.DELETED
    is_rename = any(line.startswith("rename from ") for line in header)
    return FileStatus.RENAMED if is_rename else FileStatus.MODIFIED
