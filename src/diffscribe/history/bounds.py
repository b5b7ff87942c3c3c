"""Tell from the sizes of files what a diff of them must come to."""

from collections.abc import Iterable

from diffscribe.history.objects import sizes_of
from diffscribe.history.source import OpenSource
from diffscribe.history.text import decode
from diffscribe.history.trees import Entry

BINARY_BYTES = 8000
"""git takes a file with a NUL byte among so many for binary."""


class Sizes(dict[str, int]):
    """The sizes of a source's blobs in bytes; 0 if there is none.

    What has a size can be read. Those of `entries` are asked for at once.
    """

    def __init__(self, source: OpenSource, entries: Iterable[Entry] = ()) -> None:
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
    source: OpenSource, entries: Iterable[Entry], sizes: Sizes, max_chars: int
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
