"""Diff pairs of trees with git and parse what it prints."""

import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from diffscribe.core.errors import SourceError
from diffscribe.core.records import FileKind, FileStatus
from diffscribe.doors.git import (
    OutputLimitError,
    ask_git,
    decode,
    is_utf8,
    new_separator,
    split_answers,
)
from diffscribe.doors.trees import ABSENT, SUBMODULE, SYMLINK

DIFF_TREE = (
    *("diff-tree", "--stdin", "-r", "-M", "-l1000", "--full-index"),
    *("--raw", "-z", "-p", "--no-color", "--no-ext-diff", "--no-textconv"),
)
"""Renames are found as by `git diff -M`, with the limit of git 2.39."""

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


class Patch(NamedTuple):
    """The difference of two trees."""

    files: list[ChangedFile]
    """Sorted by path, as git prints them."""
    diff: str
    is_utf8: bool
    """Whether the diff and all paths are UTF-8."""


def diff_trees(
    folder: Path,
    source: Path,
    pairs: Iterable[tuple[str, str]],
    max_bytes: int,
) -> Iterator[Patch | None]:
    """Yield the patch of each pair of trees; one git prints them all.

    A patch of more than `max_bytes` is None. Pairs whose patches exceed git's output
    limit together are asked for in halves.

    Raises:
        SourceError: if an object is missing or broken.
    """
    pairs = list(pairs)
    with tempfile.TemporaryFile(dir=folder) as output:
        separator = new_separator() + b"\n"
        # git echoes a line that names no object; no file can contain the separator.
        # The newest come first: packs store older objects as deltas of newer ones.
        lines = (line for pair in pairs[::-1] for line in (separator, _question(pair)))
        try:
            ask_git(folder, source, DIFF_TREE, lines, output)
        except OutputLimitError:
            pass  # Asked for in halves below.
        else:
            answers = split_answers(output, separator, max_bytes)
            for pair, answer in zip(pairs, answers, strict=True):
                question = _question(pair)
                if not answer.startswith(question):
                    raise _unexpected()
                is_long = len(answer) > max_bytes
                yield None if is_long else parse_patch(answer[len(question) :])
            return
    if len(pairs) == 1:
        yield None
        return
    half = len(pairs) // 2
    yield from diff_trees(folder, source, pairs[:half], max_bytes)
    yield from diff_trees(folder, source, pairs[half:], max_bytes)


def _question(pair: tuple[str, str]) -> bytes:
    return f"{pair[0]} {pair[1]}\n".encode()


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
                raise _unexpected()
            start = section.find(HUNK)
            if start < 0:
                is_binary = is_binary or BINARY in section
                continue
            additions += section.count(b"\n+", start)
            deletions += section.count(b"\n-", start)
            is_lfs = may_be_lfs and POINTER.search(section, start) is not None
        kind = KINDS.get(old_mode if mode == ABSENT_MODE else mode, FileKind.FILE)
        files.append(
            ChangedFile(
                decode(path),
                None if old_path is None else decode(old_path),
                status,
                additions,
                deletions,
                is_binary,
                FileKind.LFS if is_lfs else kind,
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
