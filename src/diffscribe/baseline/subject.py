"""A subject by rule: what happened to which files."""

from collections.abc import Sequence
from pathlib import PurePosixPath

from diffscribe.baseline.evidence import FileEvidence

VERBS = {"A": "add", "D": "remove", "R": "move"}
"""By the status that all files share; any other mixture is an update."""
MAX_CHARS = 60
MAX_NAMES = 2


def subject_of(files: Sequence[FileEvidence]) -> str:
    """Return a verb and the names of one or two files, or how many and where.

    Names are as in the change, so that nothing is said that is not there.
    """
    statuses = {file.status for file in files}
    verb = VERBS.get(statuses.pop(), "update") if len(statuses) == 1 else "update"
    return f"{verb} {_named(files) or _counted(files)}"


def _named(files: Sequence[FileEvidence]) -> str | None:
    if len(files) > MAX_NAMES:
        return None
    names = " and ".join(PurePosixPath(file.path).name for file in files)
    return names if len(names) <= MAX_CHARS and names.isprintable() else None


def _counted(files: Sequence[FileEvidence]) -> str:
    count = f"{len(files)} files" if len(files) > 1 else "1 file"
    folder = _common_folder(files)
    if folder and len(folder) <= MAX_CHARS - len(count) and folder.isprintable():
        return f"{count} in {folder}"
    return count


def _common_folder(files: Sequence[FileEvidence]) -> str:
    common = []
    for names in zip(*(file.folders for file in files), strict=False):
        if len(set(names)) > 1:
            break
        common.append(names[0])
    return "/".join(common)
