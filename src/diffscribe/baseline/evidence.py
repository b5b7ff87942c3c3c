"""Read what the lines and the path of each changed file tell, as sets to compare."""

import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from diffscribe.commits.diff import FilePatch, parse_diff
from diffscribe.commits.path_rules import type_of_paths
from diffscribe.core.errors import RecordError

IDENTIFIER = re.compile(r"[^\W\d]\w{2,}")
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_a-zA-Z]+|\d+")
MARK_OF_TESTS = re.compile(
    r"^[Tt]ests?(?=[A-Z])|^(tests?|specs?)[_.-]|[_.-](tests?|specs?)$|(Tests?|Specs?)$"
)
MAX_LINES = 2000
"""Lines read of one file; more would cost time and tell little."""


class FileEvidence(NamedTuple):
    """One changed file; sets hold identifiers unless another thing is named."""

    path: str
    folders: tuple[str, ...]
    stem: str
    """The name without extension and without what marks a test, in lower case."""
    extension: str
    kind: str
    """The type that path rules give to the path, or `code`."""
    status: str
    """Added, modified, deleted or renamed: A, M, D or R."""
    words: frozenset[str]
    """The words of the path, in lower case."""
    added: frozenset[str]
    removed: frozenset[str]
    context: frozenset[str]
    """Identifiers in unchanged lines and hunk headers."""
    added_lines: frozenset[str]
    removed_lines: frozenset[str]
    additions: int
    deletions: int


def read_evidence(paths: Collection[str], diff: str) -> list[FileEvidence]:
    """Return the evidence of each path, sorted by path.

    A path that the diff does not show has only what its name tells. A text that is
    not a diff of git shows none.
    """
    try:
        patches = parse_diff(diff)
    except RecordError:
        patches = ()
    by_path: dict[str, list[FilePatch]] = {path: [] for path in paths}
    for patch in patches:
        if patch.path in by_path:
            by_path[patch.path].append(patch)
    return [_evidence(path, by_path[path]) for path in sorted(by_path)]


def words_of(text: str) -> frozenset[str]:
    """Return the words of a camelCase or snake_case name, in lower case."""
    return frozenset(word.lower() for word in WORD.findall(text))


def _evidence(path: str, patches: list[FilePatch]) -> FileEvidence:
    lines: dict[str, list[str]] = {"+": [], "-": [], " ": []}
    for sign, line in _lines(patches):
        lines[sign].append(line)
    pure = PurePosixPath(path)
    return FileEvidence(
        path=path,
        folders=pure.parent.parts,
        stem=_stem(pure),
        extension=pure.suffix.lower(),
        kind=type_of_paths([path]) or "code",
        status=_status(patches),
        words=words_of(path),
        added=_identifiers(lines["+"]),
        removed=_identifiers(lines["-"]),
        context=_identifiers(lines[" "]),
        added_lines=_stripped(lines["+"]),
        removed_lines=_stripped(lines["-"]),
        additions=len(lines["+"]),
        deletions=len(lines["-"]),
    )


def _lines(patches: list[FilePatch]) -> Iterator[tuple[str, str]]:
    left = MAX_LINES
    for patch in patches:
        for hunk in patch.hunks:
            yield " ", hunk.header.split("@@", 2)[2]
            for line in hunk.lines[:left]:
                if line[0] != "\\":
                    yield line[0], line[1:]
            left = max(0, left - len(hunk.lines))


def _stem(path: PurePosixPath) -> str:
    name = path.name.lstrip(".").split(".")[0] or path.name
    inner = path.name.lstrip(".").rsplit(".", 1)[0]
    return (MARK_OF_TESTS.sub("", inner) or name).lower()


def _status(patches: list[FilePatch]) -> str:
    header = [line for patch in patches for line in patch.header]
    for status, start in (("R", "rename to "), ("A", "new file"), ("D", "deleted")):
        if any(line.startswith(start) for line in header):
            return status
    return "M"


def _identifiers(lines: list[str]) -> frozenset[str]:
    return frozenset(IDENTIFIER.findall("\n".join(lines)))


def _stripped(lines: list[str]) -> frozenset[str]:
    """Return the lines of more than three characters, without indentation."""
    return frozenset(text for line in lines if len(text := line.strip()) > 3)


VERBS = {"A": "add", "D": "remove", "R": "move"}
"""The verb for files that all have this status; other files are updated."""
MAX_CHARS = 60
MAX_NAMES = 2


def subject_of(files: Sequence[FileEvidence]) -> str:
    """Return a verb and the names of one or two files, or their number and folder.

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
