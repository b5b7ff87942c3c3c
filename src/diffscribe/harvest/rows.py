"""Diff a batch of windows and write the rows of those that are changes.

A row says of a file that several of its commits touched which hunks are whose.
A batch is one job of the process pool. Its rows go to a file, since they may be more
than memory holds; what caps and counts need of them goes back to the parent.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from diffscribe.commits.diff import Hunk, parse_diff
from diffscribe.commits.path_rules import languages_of
from diffscribe.core.errors import SourceError
from diffscribe.core.params import HarvestParams, SourceParams
from diffscribe.core.records import FileKind, FileStatus
from diffscribe.core.tracking import Refusals
from diffscribe.doors.git import MAX_UNREADABLE, UnreadableError, decode
from diffscribe.doors.patches import ChangedFile, Patch
from diffscribe.doors.repository import OpenSource
from diffscribe.doors.trees import (
    ABSENT,
    Edit,
    TreeEntry,
    read_edits,
    writable_repository,
    write_tree,
)
from diffscribe.harvest.filters import DropReason
from diffscribe.harvest.history import diff_trees
from diffscribe.harvest.windows import (
    BlobSizes,
    Window,
    WindowReason,
    early_reason,
)

JSON_LINE = orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
MAX_UTF8_BYTES = 4
"""Maximum UTF-8 bytes per character."""
LISTING_BYTES = 2**20
"""Room for git's list of files beside a diff."""
MAX_TRACED_BYTES = 2**20
"""A file that is larger at any step belongs to all commits that touched it."""


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
    """The authors of all its commits; each of them counts."""
    commits: int
    is_composite: bool


class BatchResult(NamedTuple):
    """What became of the windows of a batch."""

    rows: list[Row]
    """The changes without their lines, which are in the rows file in this order."""
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
    # Of files between the commits of a window too: the hunks are traced through them.
    kept = chain.from_iterable(window.commits for window in windows)
    sizes = BlobSizes(source, (entry for each in kept for entry in each.entries))
    trees = [_tree_or_reason(window, batch, sizes, repository) for window in windows]
    pairs = [
        (window.commits[0].commit.parent_tree, tree)
        for window, tree in zip(windows, trees, strict=True)
        if not isinstance(tree, WindowReason)
    ]
    # A longer patch surely exceeds max_diff_chars, and need not be parsed.
    max_bytes = MAX_UTF8_BYTES * params.max_diff_chars + LISTING_BYTES
    patches = diff_trees(Path(repository.path), source.path, pairs, max_bytes)

    @lru_cache(maxsize=256)  # Windows that overlap share most steps.
    def edits(old: str, new: str) -> list[Edit] | None:
        is_large = max(sizes[old], sizes[new]) > MAX_TRACED_BYTES
        return None if is_large else read_edits(source, old, new)

    result, unreadable = BatchResult([], Counter()), 0
    with batch.rows_file.open("wb") as lines:
        for window, tree in zip(windows, trees, strict=True):
            row: dict[str, Any] | WindowReason
            if isinstance(tree, WindowReason):
                row = tree
            else:
                patch = next(patches)
                try:
                    row = change_row(batch, window, tree, patch, edits)
                except UnreadableError:
                    row = WindowReason.MISSING_OBJECT
                    unreadable += 1
                    if unreadable > MAX_UNREADABLE:
                        raise
            if isinstance(row, WindowReason):
                result.dropped[row] += 1
                continue
            lines.write(orjson.dumps(row, option=JSON_LINE))
            result.rows.append(
                Row(
                    line=b"",
                    id=row["id"],
                    repo=batch.repo,
                    authors=frozenset(each.commit.author for each in window.commits),
                    commits=len(window.commits),
                    is_composite=window.is_composite,
                )
            )
    return result


def _tree_or_reason(
    window: Window, batch: Batch, sizes: BlobSizes, repository: Any
) -> str | WindowReason:
    """Return the tree that a window makes, or why it is no change, without a diff."""
    try:
        # Of each commit too, since hunks are traced through all of them.
        if not all(sizes.have_all(each.entries) for each in window.commits):
            return WindowReason.MISSING_OBJECT
        return (
            early_reason(window.entries, batch.source, sizes, batch.params)
            or _tree(window, repository)
            or WindowReason.NOT_APPLICABLE
        )
    except UnreadableError:
        return WindowReason.MISSING_OBJECT


def _tree(window: Window, repository: Any) -> str | None:
    """Return the tree that a window makes of its base; write it if no commit has it."""
    if not window.needs_tree:
        return window.commits[-1].commit.tree
    base = window.commits[0].commit.parent_tree
    return write_tree(repository, base, window.entries)


def change_row(
    batch: Batch,
    window: Window,
    tree: str,
    patch: Patch | UnreadableError | None,
    edits: "ReadEdits",
) -> dict[str, Any] | WindowReason:
    """Return the fields of the Change that a patch makes, or why it makes none.

    They are not validated: a model of each row would take longer than its diff. A test
    compares the rows with what Change reads and writes.

    Raises:
        UnreadableError: if an object is missing or broken.
    """
    if isinstance(patch, UnreadableError):
        raise patch
    if patch is None:
        return WindowReason.DIFF_TOO_LONG
    if reason := _late_reason(window, patch, batch.params):
        return reason

    first, last = window.commits[0].commit, window.commits[-1].commit
    traced = trace_hunks([each.entries for each in window.commits], patch, edits)
    head = tree if window.is_composite else last.sha
    identity = "\0".join((batch.repo, first.parent, head))
    return {
        "id": hashlib.sha256(identity.encode()).hexdigest(),
        "repo": batch.repo,
        "base": first.parent,
        "head": head,
        "committed_at": last.committed_at and last.committed_at.isoformat(),
        "languages": languages_of(file.path for file in patch.files),
        "files": [file.as_row() for file in patch.files],
        "diff": patch.diff,
        "is_utf8": patch.is_utf8,
        "commits": [
            {
                "sha": kept.commit.sha,
                "message": kept.commit.message,
                "files": sorted(decode(entry.path) for entry in kept.entries),
                **({"hunks": hunks} if hunks else {}),
            }
            for kept, hunks in zip(window.commits, traced, strict=True)
        ],
        "recent_subjects": window.commits[0].recent_subjects,
        "gitignore": window.commits[0].gitignore,
        "license": window.commits[-1].license,
        "private": batch.settings.private,
    }


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
        for entry in kept.entries
    }
    named = {path: file.path for file in files for path in _names(file)}
    return owners.keys() == named.keys() and all(
        owners[path] == owners[new] for path, new in named.items()
    )


# Which commit made which hunk: a file is followed through the diffs of its commits.

ReadEdits = Callable[[str, str], Sequence[Edit] | None]
"""Takes two blobs, zeros for no file; None if one is too large to compare."""


class Version(NamedTuple):
    """A file between two commits."""

    mode: str
    """ABSENT if there is no file."""
    blob: str


class Step(NamedTuple):
    """What one commit did to a file."""

    commit: int
    """Its number in the window, from 0."""
    before: Version
    after: Version
    is_move: bool
    """Whether it put the file under another name."""


def trace_hunks(
    commits: Sequence[Iterable[TreeEntry]], patch: Patch, read_edits: ReadEdits
) -> list[dict[str, list[int]]]:
    """Return for each commit what it made of the files that others touched too.

    The numbers are those of the hunks, from 1, that hold a line which the commit made
    or deleted; of a file that is never split, 1 stands for the whole. A path has an
    entry for each commit that touched it, with no number if nothing of that is left.
    Paths that one commit alone touched have none.

    A line that the squashed diff shows though no step changed it, because git aligned
    the files otherwise, counts for nobody. Name and mode of a file change together with
    the first of its hunks that is committed: the commit that changed them counts for
    every hunk of the first commit. An added file counts for the commit that added it,
    a deleted one for the commit that deleted it alone. Binary files, links, submodules,
    and what is too large to compare count for all commits that touched them.

    Args:
        commits: the entries of each commit of a window, oldest first.
        patch: the squashed diff.
        read_edits: compares two blobs.
    """
    traced: list[dict[str, list[int]]] = [{} for _ in commits]
    files = {path: each for each in patch.files for path in _names(each)}
    touched: dict[str, dict[int, list[TreeEntry]]] = defaultdict(dict)
    for number, entries in enumerate(commits):
        for entry in entries:
            file = files.get(decode(entry.path))
            if file is not None:
                touched[file.path].setdefault(number, []).append(entry)
    shared = {path: each for path, each in touched.items() if len(each) > 1}
    diff = patch.diff if shared else ""
    hunks = {each.path: each.hunks for each in parse_diff(diff)}
    for path, entries_of in shared.items():
        steps = list(_steps(files[path], entries_of))
        units = unit_owners(files[path], steps, hunks.get(path, ()), read_edits)
        for commit in entries_of:
            traced[commit][path] = [
                number for number, owners in enumerate(units, 1) if commit in owners
            ]
    return traced


def _names(file: ChangedFile) -> list[str]:
    return [path for path in (file.path, file.old_path) if path is not None]


def _steps(file: ChangedFile, entries_of: dict[int, list[TreeEntry]]) -> Iterable[Step]:
    """Yield the steps of a file, which lies at its new path as soon as that exists."""
    versions: dict[str, Version] = {}
    nothing = Version(ABSENT, "")

    def current() -> Version:
        there = (versions.get(path, nothing) for path in _names(file))
        return next((each for each in there if each.mode != ABSENT), nothing)

    for entries in entries_of.values():
        for entry in entries:
            versions.setdefault(
                decode(entry.path), Version(entry.old_mode, entry.old_blob)
            )
    for commit, entries in entries_of.items():
        before = current()
        for entry in entries:
            versions[decode(entry.path)] = Version(entry.mode, entry.blob)
        is_move = file.old_path is not None and any(
            entry.is_added or entry.is_deleted for entry in entries
        )
        yield Step(commit, before, current(), is_move)


def unit_owners(
    file: ChangedFile,
    steps: Sequence[Step],
    hunks: Sequence[Hunk],
    read_edits: ReadEdits,
) -> list[set[int]]:
    """Return the commits of each hunk; of the whole file if it is never split."""
    if file.status is FileStatus.DELETED:
        return [{steps[-1].commit}]
    is_split = (
        file.status in (FileStatus.MODIFIED, FileStatus.RENAMED)
        and file.kind is FileKind.FILE
        and len(hunks) > 1
    )
    lines = None
    if not file.is_binary and file.kind is FileKind.FILE:
        lines = _trace_lines(steps, read_edits)
    if lines is None:
        everyone = {step.commit for step in steps}
        return [everyone] * (len(hunks) if is_split else 1)
    owners = [lines.owners(hunk) for hunk in hunks]
    if not is_split:
        owners = [set().union(*owners)]
    heads = _head_owners(file, steps)
    first = min((commit for each in owners for commit in each), default=None)
    return [each | heads if first is None or first in each else each for each in owners]


def _head_owners(file: ChangedFile, steps: Sequence[Step]) -> set[int]:
    """Return the commits that gave the file its name, its mode or its existence."""
    owners: set[int] = {step.commit for step in steps if step.is_move}
    is_added = file.status is FileStatus.ADDED
    mode = steps[0].before.mode
    for step in steps:
        if step.after.mode == ABSENT:
            continue
        if is_added and step.before.mode == ABSENT:
            owners = {step.commit}
        elif step.after.mode != mode and (is_added or file.mode is not None):
            owners.add(step.commit)
        mode = step.after.mode
    return owners


class _Lines(NamedTuple):
    """The origins of the lines of a file."""

    head: list[int]
    """The number at base of each line at head, or ~commit of the one that made it."""
    deleted: dict[int, int]
    """The commit that deleted a line of base, by the line's number."""

    def owners(self, hunk: Hunk) -> set[int]:
        """Return the commits that made or deleted lines of a hunk."""
        # git counts from 1, and names a side without lines by the line above it.
        old, new = hunk.starts
        old -= any(line[0] in " -" for line in hunk.lines)
        new -= any(line[0] in " +" for line in hunk.lines)
        owners = set()
        for line in hunk.lines:
            if line[0] == "-" and old in self.deleted:
                owners.add(self.deleted[old])
            elif line[0] == "+" and self.head[new] < 0:
                owners.add(~self.head[new])
            old += line[0] in " -"
            new += line[0] in " +"
        return owners


def _trace_lines(steps: Sequence[Step], read_edits: ReadEdits) -> _Lines | None:
    """Follow the lines of a file; None where it is no text that can be compared."""
    lines: list[int] | None = None
    deleted: dict[int, int] = {}
    for step in steps:
        if not (_is_text(step.before) and _is_text(step.after)):
            return None
        edits = read_edits(step.before.blob, step.after.blob)
        if edits is None:
            return None
        if lines is None:
            lines = list(range(sum(edit.kept + edit.removed for edit in edits)))
        lines = carry(lines, edits, step.commit, deleted)
    return _Lines(lines or [], deleted)


def _is_text(version: Version) -> bool:
    return version.mode == ABSENT or version.mode.startswith("100")


def carry(
    lines: Sequence[int], edits: Iterable[Edit], commit: int, deleted: dict[int, int]
) -> list[int]:
    """Return the origins of the lines after a step, and note what it deleted.

    Args:
        lines: for each line before its number at base, or ~commit.
        edits: from the first line to the last.
        commit: the number of the one that made the step.
        deleted: gets the numbers of the lines of base that the step deletes.
    """
    after: list[int] = []
    at = 0
    for edit in edits:
        after += lines[at : at + edit.kept]
        at += edit.kept
        gone = lines[at : at + edit.removed]
        deleted.update((origin, commit) for origin in gone if origin >= 0)
        after += [~commit] * edit.added
        at += edit.removed
    return after
