"""What git prints of two trees: a list of their files, and a diff of their hunks."""

import re
from typing import NamedTuple

from diffscribe.core.errors import SourceError
from diffscribe.core.records import FileKind, FileStatus
from diffscribe.doors.git import decode, is_utf8
from diffscribe.doors.trees import ABSENT, SUBMODULE, SYMLINK

DIFF = (
    *("-r", "-M", "-l1000", "--full-index"),
    *("--raw", "-z", "-p", "--no-color", "--no-ext-diff", "--no-textconv"),
    *("-U3", "--inter-hunk-context=0", "--diff-algorithm=myers"),
    *("--indent-heuristic", "--src-prefix=a/", "--dst-prefix=b/"),
)
"""Renames are found as by `git diff -M`, with the limit of git 2.39. The last two lines
are git's defaults: no configuration may change how many hunks a file has."""

SECTION = b"\ndiff --git "
HUNK = b"\n@@ "
BINARY = b"\nBinary files "
LFS = b"version https://git-lfs.github.com/spec/v1\n"
POINTER = re.compile(rb"\n@@ -[01]\b[^@]+@@[^\n]*\n[ +-]" + re.escape(LFS))
"""The first line of a Git LFS pointer, added, removed or unchanged."""

STATUSES = {ord(status): status for status in FileStatus}
KINDS = {
    SUBMODULE.encode(): FileKind.SUBMODULE,
    SYMLINK.encode(): FileKind.SYMLINK,
}
ABSENT_MODE = ABSENT.encode()


class ChangedFile(NamedTuple):
    """A FileChange without validation, which would take longer than the diff."""

    path: str
    old_path: str | None
    status: FileStatus
    additions: int = 0
    deletions: int = 0
    is_binary: bool = False
    kind: FileKind = FileKind.FILE
    old_mode: str | None = None
    mode: str | None = None

    def as_row(self) -> dict[str, object]:
        """Return the fields as a FileChange writes them, without modes if equal."""
        row = self._asdict()
        if self.mode is None:
            del row["old_mode"], row["mode"]
        return row


class Patch(NamedTuple):
    """The difference of two trees."""

    files: list[ChangedFile]
    """Sorted by path, as git prints them."""
    diff: str
    is_utf8: bool
    """Whether the diff and all paths are UTF-8."""


def parse_patch(answer: bytes) -> Patch:
    """Return the patch that `--raw -z -p` prints: a list of files, then their diffs.

    Raises:
        SourceError: if list and diffs do not fit, as with an unknown version of git.
    """
    listing, _, diff = answer.partition(b"\0\0")
    fields = iter(listing.split(b"\0"))
    sections = iter(diff.split(SECTION))
    may_be_lfs = LFS in diff
    files = []
    for numbers in fields:
        old_mode, mode, _, _, letter = numbers[1:].split(b" ")
        status = STATUSES[letter[0]]
        old_path, path = None, next(fields)
        if status is FileStatus.RENAMED:
            old_path, path = path, next(fields)
        additions = deletions = 0
        is_binary = is_lfs = False
        # A file that becomes a symlink, or the reverse, is deleted and added.
        for _ in range(2 if status is FileStatus.TYPE_CHANGED else 1):
            section = next(sections, None)
            if section is None:
                raise unexpected_output()
            start = section.find(HUNK)
            if start < 0:
                is_binary = is_binary or BINARY in section
                continue
            additions += section.count(b"\n+", start)
            deletions += section.count(b"\n-", start)
            is_lfs = may_be_lfs and POINTER.search(section, start) is not None
        kind = KINDS.get(old_mode if mode == ABSENT_MODE else mode, FileKind.FILE)
        is_other_mode = old_mode != mode and ABSENT_MODE not in (old_mode, mode)
        files.append(
            ChangedFile(
                decode(path),
                None if old_path is None else decode(old_path),
                status,
                additions,
                deletions,
                is_binary,
                FileKind.LFS if is_lfs else kind,
                old_mode.decode() if is_other_mode else None,
                mode.decode() if is_other_mode else None,
            )
        )
    if next(sections, None) is not None:
        raise unexpected_output()
    try:
        return Patch(files, diff.decode(), is_utf8(listing))
    except UnicodeDecodeError:
        return Patch(files, decode(diff), is_utf8=False)


def unexpected_output() -> SourceError:
    """Return the error of a git that prints otherwise."""
    return SourceError(
        "git's list of files does not fit its patch; this version of git prints "
        "them otherwise, use another, from 2.39 on"
    )
