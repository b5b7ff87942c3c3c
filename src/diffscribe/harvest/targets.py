"""Find the tree to compare base with, or what forbids to diff it at all."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from diffscribe.core.params import HarvestParams, SourceParams
from diffscribe.doors.git import MAX_BLOB_BYTES, decode
from diffscribe.doors.repository import OpenSource, sizes_of
from diffscribe.doors.trees import TreeEntry, write_tree
from diffscribe.harvest.windows import Window, WindowReason

BINARY_BYTES = 8000
"""git takes a file with a NUL byte among so many for binary."""


class Sizes(dict[str, int]):
    """The sizes of a source's blobs in bytes; 0 if there is none.

    What has a size can be read. Those of `entries` are asked for at once.
    """

    def __init__(self, source: OpenSource, entries: Iterable[TreeEntry] = ()) -> None:
        blobs = {
            blob
            for entry in entries
            if entry.has_blobs
            for blob in (entry.old_blob, entry.blob)
            if blob.strip("0")
        }
        super().__init__(sizes_of(source, blobs) if blobs else {})
        self._source = source

    def __missing__(self, blob: str) -> int:
        """Ask for the size of a blob."""
        found = sizes_of(self._source, [blob]) if blob.strip("0") else {blob: 0}
        if blob not in found:
            raise self._source.lacks(blob)
        self[blob] = found[blob]
        return self[blob]


def exceeds(
    source: OpenSource, entries: Iterable[TreeEntry], sizes: Sizes, max_chars: int
) -> bool:
    """Tell whether the diff of these entries must have more characters.

    A file that grows by n characters has n added ones at least. Files are read
    only where their sizes alone would say so. If some are added and others
    deleted, those may be renames and count as nothing.
    """
    entries = [entry for entry in entries if entry.has_blobs]
    may_rename = any(e.is_added for e in entries) and any(e.is_deleted for e in entries)
    if may_rename:
        entries = [e for e in entries if not (e.is_added or e.is_deleted)]
    growth = {e: abs(sizes[e.blob] - sizes[e.old_blob]) for e in entries}
    if sum(growth.values()) <= max_chars:
        return False
    certain = 0
    for entry in sorted(entries, key=growth.__getitem__, reverse=True):
        before, after = (_chars(source, blob) for blob in (entry.old_blob, entry.blob))
        if before is not None and after is not None:
            certain += abs(after - before)
        if certain > max_chars:
            return True
    return False


def _chars(source: OpenSource, blob: str) -> int | None:
    """Return how many characters a file has; None if it is binary."""
    if not blob.strip("0"):
        return 0
    content = source.read(blob).data
    return None if b"\0" in content[:BINARY_BYTES] else len(decode(content))


class Terms(NamedTuple):
    """What holds for all windows of a source."""

    repo: str
    settings: SourceParams
    params: HarvestParams
    history_commits: int


def target(
    terms: Terms, window: Window, source: OpenSource, own: Any, sizes: Sizes
) -> str | WindowReason:
    """Return the tree that a window makes of base, or why it is no change.

    A tree that no commit has is written to `own`, a repository that sees the
    source. A rename is two entries here, and only git can say which two: what
    depends on that is left open.
    """
    entries = window.entries
    return (
        _unfit_number(entries, terms.params)
        or _too_large(entries, sizes)
        or _too_long(entries, source, sizes, terms.params)
        or _tree(window, own)
    )


def _unfit_number(
    entries: tuple[TreeEntry, ...], params: HarvestParams
) -> WindowReason | None:
    if not entries:
        return WindowReason.EMPTY_DIFF
    if len(entries) - min(_added_and_deleted(entries)) > params.max_files:
        return WindowReason.TOO_MANY_FILES
    return None


def _too_large(entries: tuple[TreeEntry, ...], sizes: Sizes) -> WindowReason | None:
    if any(sizes[blob] > MAX_BLOB_BYTES for blob in _read_blobs(entries)):
        return WindowReason.LARGE_FILE
    return None


def _read_blobs(entries: Iterable[TreeEntry]) -> Iterator[str]:
    """Yield what git reads: not the content of a file that only moves."""
    left = {entry.old_blob for entry in entries if entry.is_deleted}
    come = {entry.blob for entry in entries if entry.is_added}
    moved = left & come
    for entry in entries:
        if entry.has_blobs:
            yield from {entry.old_blob, entry.blob} - moved


def _too_long(
    entries: tuple[TreeEntry, ...],
    source: OpenSource,
    sizes: Sizes,
    params: HarvestParams,
) -> WindowReason | None:
    if exceeds(source, entries, sizes, params.max_diff_chars):
        return WindowReason.DIFF_TOO_LONG
    return None


def _tree(window: Window, own: Any) -> str | WindowReason:
    import pygit2

    if not window.needs_tree:
        return window.commits[-1].commit.tree
    base = own[window.commits[0].commit.parent_tree]
    try:
        return str(write_tree(own, base, window.entries))
    except (pygit2.GitError, UnicodeError):
        return WindowReason.NOT_APPLICABLE


def _added_and_deleted(entries: Iterable[TreeEntry]) -> tuple[int, int]:
    added = sum(entry.is_added for entry in entries)
    return added, sum(entry.is_deleted for entry in entries)
