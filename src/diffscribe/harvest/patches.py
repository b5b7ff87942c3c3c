"""Diff pairs of trees with git and take its answers apart."""

import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, NamedTuple

from diffscribe.core.errors import SourceError
from diffscribe.core.records import FileKind, FileStatus
from diffscribe.doors.git import (
    OutputLimitError,
    ask_git,
    decode,
    is_utf8,
    new_border,
    parted,
)
from diffscribe.doors.trees import ABSENT, SUBMODULE, SYMLINK

DIFF_TREE = (
    *("diff-tree", "--stdin", "-r", "-M", "-l1000", "--full-index"),
    *("--raw", "-z", "-p", "--no-color", "--no-ext-diff", "--no-textconv"),
)
"""Renames are found as `git diff -M` does, with the limit of git 2.39."""

SECTION = b"\ndiff --git "
HUNK = b"\n@@ "
BINARY = b"\nBinary files "
LFS = b"version https://git-lfs.github.com/spec/v1\n"
POINTER = re.compile(rb"\n@@ -[01]\b[^@]+@@[^\n]*\n[ +-]" + re.escape(LFS))
"""The first line of a file that stands for one kept elsewhere."""

STATUSES = {ord(status): status for status in FileStatus}
KINDS = {
    SUBMODULE.encode(): FileKind.SUBMODULE,
    SYMLINK.encode(): FileKind.SYMLINK,
}
ABSENT_MODE = ABSENT.encode()


class ChangedFile(NamedTuple):
    """The fields of FileChange."""

    path: str
    old_path: str | None
    status: FileStatus
    additions: int = 0
    deletions: int = 0
    is_binary: bool = False
    kind: FileKind = FileKind.FILE


class Patch(NamedTuple):
    """What git printed about two trees."""

    files: list[ChangedFile]
    """In git's order: sorted by path."""
    diff: str
    is_utf8: bool
    """Whether diff and paths are."""


def diff_trees(
    folder: Path,
    source: Path,
    pairs: Iterable[tuple[str, str]],
    max_bytes: int,
) -> Iterator[Patch | None]:
    """Yield the patch between the two trees of each pair, by one git for all.

    A patch with more than max_bytes is None. Where all together are more than
    git may print at once, it is asked for one half and then for the other.

    Raises:
        SourceError: if an object is missing or broken.
    """
    pairs = list(pairs)
    with tempfile.TemporaryFile(dir=folder) as output:
        border = _ask(folder, source, pairs, output)
        if border is not None:
            yield from _patches(output, border, pairs, max_bytes)
            return
    if len(pairs) == 1:
        yield None
        return
    half = len(pairs) // 2
    yield from diff_trees(folder, source, pairs[:half], max_bytes)
    yield from diff_trees(folder, source, pairs[half:], max_bytes)


def _ask(
    folder: Path, source: Path, pairs: list[tuple[str, str]], output: IO[bytes]
) -> bytes | None:
    """Let git print its answers, the last first; return what is before each.

    None if together they are more than git may print at once.
    """
    border = new_border() + b"\n"
    # git repeats a line that names no object; no file can hold this one.
    lines = (line for pair in pairs[::-1] for line in (border, _question(pair)))
    try:
        ask_git(folder, source, DIFF_TREE, lines, output)
    except OutputLimitError:
        return None
    return border


def _patches(
    output: IO[bytes], border: bytes, pairs: list[tuple[str, str]], max_bytes: int
) -> Iterator[Patch | None]:
    for pair, answer in zip(pairs, parted(output, border, max_bytes), strict=True):
        question = _question(pair)
        if not answer.startswith(question):
            raise _unexpected()
        is_long = len(answer) > max_bytes
        yield None if is_long else parse_patch(answer[len(question) :])


def _question(pair: tuple[str, str]) -> bytes:
    return f"{pair[0]} {pair[1]}\n".encode()


def parse_patch(answer: bytes) -> Patch:
    """Return the patch of an answer of `--raw -z -p`.

    Raises:
        SourceError: if list and patch do not fit, which only a new git can bring.
    """
    listing, _, diff = answer.partition(b"\0\0")
    fields = iter(listing.split(b"\0"))
    sections = iter(diff.split(SECTION))
    may_point = LFS in diff
    files = []
    for numbers in fields:
        old_mode, mode, _, _, letter = numbers[1:].split(b" ")
        status = STATUSES[letter[0]]
        old_path, path = None, next(fields)
        if status is FileStatus.RENAMED:
            old_path, path = path, next(fields)
        additions = deletions = 0
        is_binary = is_pointer = False
        # A file that becomes another kind of thing is deleted, then added.
        for _ in range(2 if status is FileStatus.TYPE_CHANGED else 1):
            section = next(sections, None)
            if section is None:
                raise _unexpected()
            start = section.find(HUNK)
            if start < 0:
                is_binary = is_binary or BINARY in section
                continue
            additions += section.count(b"\n+", start)
            deletions += section.count(b"\n-", start)
            is_pointer = may_point and POINTER.search(section, start) is not None
        kind = KINDS.get(old_mode if mode == ABSENT_MODE else mode, FileKind.FILE)
        files.append(
            ChangedFile(
                decode(path),
                None if old_path is None else decode(old_path),
                status,
                additions,
                deletions,
                is_binary,
                FileKind.LFS if is_pointer else kind,
            )
        )
    if next(sections, None) is not None:
        raise _unexpected()
    try:
        return Patch(files, diff.decode(), is_utf8(listing))
    except UnicodeDecodeError:
        return Patch(files, decode(diff), is_utf8=False)


def _unexpected() -> SourceError:
    return SourceError(
        "git's list of files does not fit its patch; this version of git prints "
        "them otherwise, use another, from 2.39 on"
    )
