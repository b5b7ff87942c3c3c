"""Diff a batch of windows and write the rows of those that are changes.

A batch is one job of the process pool. Its rows go to a file, since they may be more
than memory holds; what caps and counts need of them goes back to the parent.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from diffscribe.commits.languages import languages_of
from diffscribe.core.errors import SourceError
from diffscribe.core.params import HarvestParams, SourceParams
from diffscribe.core.records import FileKind
from diffscribe.core.tracking import Refusals
from diffscribe.doors.git import MAX_BLOB_BYTES, decode
from diffscribe.doors.repository import OpenSource, read_sizes
from diffscribe.doors.trees import TreeEntry, writable_repository, write_tree
from diffscribe.harvest.filters import DropReason
from diffscribe.harvest.history import ChangedFile, Patch, diff_trees
from diffscribe.harvest.windows import KeptCommit, Window, WindowReason

JSON_LINE = orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
BINARY_BYTES = 8000
"""git takes a file for binary that has a NUL byte among its first 8000."""
MAX_UTF8_BYTES = 4
"""Maximum UTF-8 bytes per character."""
LISTING_BYTES = 2**20
"""Room for git's list of files beside a diff."""


class Batch(NamedTuple):
    """Windows of one source, which one git diffs."""

    repo: str
    source: OpenSource
    settings: SourceParams
    params: HarvestParams
    rows_file: Path
    windows: list[Window]
    commits: Counter[DropReason | None]
    """Commits that were read for this batch, by reason; None counts the kept ones."""
    dropped: Counter[WindowReason]
    """Windows that were drawn for this batch and cannot be changes."""
    refused: Refusals
    """The dropped commits, with examples."""


class Failure(NamedTuple):
    """Stands in the order of batches for a source that could not be read further."""

    repo: str
    error: SourceError


class Row(NamedTuple):
    """A change and what caps and counts need of it."""

    line: bytes
    """The change as a line of JSON; empty while the line waits in a file."""
    id: str
    repo: str
    authors: frozenset[str]
    """Of all its commits; each of them counts."""
    commits: int
    is_composite: bool


class BatchResult(NamedTuple):
    """What became of the windows of a batch."""

    rows: list[Row]
    """Without their lines, which are in the rows file in this order."""
    dropped: Counter[WindowReason]


def write_rows(batch: Batch | Failure) -> BatchResult | SourceError:
    """Write the rows of a batch to its file.

    An error is returned, not raised, so that it keeps its place among the results.
    """
    if isinstance(batch, Failure):
        return batch.error
    try:
        if any(window.needs_tree for window in batch.windows):
            with writable_repository(batch.source) as repository:
                return _write(batch, repository)
        return _write(batch, batch.source.repository)
    except SourceError as error:
        return error


def _write(batch: Batch, repository: Any) -> BatchResult:
    windows, source, params = batch.windows, batch.source, batch.params
    sizes = BlobSizes(source, chain.from_iterable(each.entries for each in windows))
    trees = [
        early_reason(window.entries, source, sizes, params) or _tree(window, repository)
        for window in windows
    ]
    pairs = [
        (window.commits[0].commit.parent_tree, tree)
        for window, tree in zip(windows, trees, strict=True)
        if not isinstance(tree, WindowReason)
    ]
    # A longer patch surely exceeds max_diff_chars, and need not be parsed.
    max_bytes = MAX_UTF8_BYTES * params.max_diff_chars + LISTING_BYTES
    patches = diff_trees(Path(repository.path), source.path, pairs, max_bytes)
    result = BatchResult([], Counter())
    with batch.rows_file.open("wb") as lines:
        for window, tree in zip(windows, trees, strict=True):
            row = (
                tree
                if isinstance(tree, WindowReason)
                else change_row(batch, window, tree, next(patches))
            )
            if isinstance(row, WindowReason):
                result.dropped[row] += 1
                continue
            lines.write(orjson.dumps(row, option=JSON_LINE))
            authors = frozenset(each.commit.author for each in window.commits)
            result.rows.append(
                Row(
                    line=b"",
                    id=row["id"],
                    repo=batch.repo,
                    authors=authors,
                    commits=len(window.commits),
                    is_composite=window.is_composite,
                )
            )
    return result


def _tree(window: Window, repository: Any) -> str | WindowReason:
    """Return the tree that a window makes of its base; write it if no commit has it."""
    if not window.needs_tree:
        return window.commits[-1].commit.tree
    base = window.commits[0].commit.parent_tree
    return write_tree(repository, base, window.entries) or WindowReason.NOT_APPLICABLE


class BlobSizes(dict[str, int]):
    """Sizes in bytes by sha; 0 for the sha of zeros, which stands for no file.

    Those of `entries` are read at once, others when they are first asked for. An
    unknown sha raises SourceError.
    """

    def __init__(self, source: OpenSource, entries: Iterable[TreeEntry] = ()) -> None:
        blobs = {
            blob
            for entry in entries
            if entry.has_blobs
            for blob in (entry.old_blob, entry.blob)
            if blob.strip("0")
        }
        super().__init__(read_sizes(source, blobs) if blobs else {})
        self._source = source

    def __missing__(self, blob: str) -> int:
        """Read the size of one blob."""
        found = read_sizes(self._source, [blob]) if blob.strip("0") else {blob: 0}
        if blob not in found:
            raise self._source.missing(blob)
        self[blob] = found[blob]
        return self[blob]


def early_reason(
    entries: tuple[TreeEntry, ...],
    source: OpenSource,
    sizes: BlobSizes,
    params: HarvestParams,
) -> WindowReason | None:
    """Return why a window with these entries is no change, or None if it may be one.

    A rename is two entries here, and only git can tell which two; limits that depend
    on it are applied after the diff.
    """
    if not entries:
        return WindowReason.EMPTY_DIFF
    added = sum(entry.is_added for entry in entries)
    deleted = sum(entry.is_deleted for entry in entries)
    if len(entries) - min(added, deleted) > params.max_files:
        return WindowReason.TOO_MANY_FILES
    if any(sizes[blob] > MAX_BLOB_BYTES for blob in _diffed_blobs(entries)):
        return WindowReason.LARGE_FILE
    if exceeds(source, entries, sizes, params.max_diff_chars):
        return WindowReason.DIFF_TOO_LONG
    return None


def _diffed_blobs(entries: Iterable[TreeEntry]) -> Iterator[str]:
    """Yield the blobs that git reads for a diff; not those that only move."""
    deleted = {entry.old_blob for entry in entries if entry.is_deleted}
    moved = deleted & {entry.blob for entry in entries if entry.is_added}
    for entry in entries:
        if entry.has_blobs:
            yield from {entry.old_blob, entry.blob} - moved


def exceeds(
    source: OpenSource, entries: Iterable[TreeEntry], sizes: BlobSizes, max_chars: int
) -> bool:
    """Tell whether the diff of entries surely has more characters than a limit.

    The diff of a file that grows by n characters adds at least n. Files are read only
    where their sizes alone would exceed the limit. Added and deleted files count as
    nothing where both occur, since they may be renames.
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
    """Return the number of characters of a file; None if it is binary."""
    if not blob.strip("0"):
        return 0
    content = source.read(blob).data
    return None if b"\0" in content[:BINARY_BYTES] else len(decode(content))


def change_row(
    batch: Batch, window: Window, tree: str, patch: Patch | None
) -> dict[str, Any] | WindowReason:
    """Return the fields of the Change that a patch makes, or why it makes none.

    They are not validated: a model of each row would take longer than its diff. A test
    compares the rows with what Change reads and writes.
    """
    if patch is None:
        return WindowReason.DIFF_TOO_LONG
    if reason := _late_reason(window, patch, batch.params):
        return reason
    first, last = window.commits[0].commit, window.commits[-1].commit
    head = tree if window.is_composite else last.sha
    identity = "\0".join((batch.repo, first.parent, head))
    return {
        "id": hashlib.sha256(identity.encode()).hexdigest(),
        "repo": batch.repo,
        "base": first.parent,
        "head": head,
        "committed_at": last.committed_at and last.committed_at.isoformat(),
        "languages": languages_of(file.path for file in patch.files),
        "files": [file._asdict() for file in patch.files],
        "diff": patch.diff,
        "is_utf8": patch.is_utf8,
        "commits": [_original(each) for each in window.commits],
        "gitignore": window.commits[0].gitignore,
        "license": window.commits[-1].license,
        "private": batch.settings.private,
    }


def _original(kept: KeptCommit) -> dict[str, Any]:
    commit = kept.commit
    paths = sorted(decode(entry.path) for entry in commit.entries or ())
    return {"sha": commit.sha, "message": commit.message, "files": paths}


def _late_reason(
    window: Window, patch: Patch, params: HarvestParams
) -> WindowReason | None:
    if window.is_composite and not _is_sum(window, patch.files):
        return WindowReason.NOT_APPLICABLE
    if not patch.files:
        return WindowReason.EMPTY_DIFF
    if len(patch.files) > params.max_files:
        return WindowReason.TOO_MANY_FILES
    if len(patch.diff) > params.max_diff_chars:
        return WindowReason.DIFF_TOO_LONG
    if all(file.is_binary or file.kind == FileKind.LFS for file in patch.files):
        return WindowReason.BINARY_ONLY
    return None


def _is_sum(window: Window, files: list[ChangedFile]) -> bool:
    """Tell whether each file of a composite belongs to exactly one of its commits."""
    owners = {
        decode(entry.path): kept.commit.sha
        for kept in window.commits
        for entry in kept.commit.entries or ()
    }
    named = {
        path: file.path
        for file in files
        for path in (file.path, file.old_path)
        if path is not None
    }
    return owners.keys() == named.keys() and all(
        owners[path] == owners[new] for path, new in named.items()
    )
