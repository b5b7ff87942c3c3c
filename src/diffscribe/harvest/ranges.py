"""Diff a range of windows and write their changes to a file, in any process."""

import contextlib
import hashlib
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from diffscribe.commits.languages import languages_of
from diffscribe.core.errors import SourceError
from diffscribe.core.params import HarvestParams
from diffscribe.core.records import FileKind
from diffscribe.doors.git import decode
from diffscribe.doors.repository import OpenSource
from diffscribe.harvest.patches import ChangedFile, Patch, diff_trees
from diffscribe.harvest.targets import Sizes, Terms, target
from diffscribe.harvest.windows import Kept, Window, WindowReason


def row_of(
    terms: Terms, window: Window, tree: str, patch: Patch | None
) -> dict[str, Any] | WindowReason:
    """Return the fields of the Change that a patch makes, or why there is none.

    They are written as they are: a model of each row would take longer than
    its diff. A test compares them with what Change reads and writes.
    """
    if patch is None:
        return WindowReason.DIFF_TOO_LONG
    if window.is_composite and not _is_sum(window, patch.files):
        return WindowReason.NOT_APPLICABLE
    files, diff = patch.files, patch.diff
    if reason := _unfit(files, diff, terms.params):
        return reason
    first, last = window.commits[0].commit, window.commits[-1].commit
    head = tree if window.is_composite else last.sha
    identity = "\0".join((terms.repo, first.parent, head))
    return {
        "id": hashlib.sha256(identity.encode()).hexdigest(),
        "repo": terms.repo,
        "base": first.parent,
        "head": head,
        "committed_at": last.committed_at and last.committed_at.isoformat(),
        "languages": languages_of(file.path for file in files),
        "files": [file._asdict() for file in files],
        "diff": diff,
        "is_utf8": patch.is_utf8,
        "commits": [_original(each) for each in window.commits],
        "gitignore": window.commits[0].gitignore,
        "license": window.commits[-1].license,
        "private": terms.settings.private,
    }


def _unfit(
    files: list[ChangedFile], diff: str, params: HarvestParams
) -> WindowReason | None:
    if not files:
        return WindowReason.EMPTY_DIFF
    if len(files) > params.max_files:
        return WindowReason.TOO_MANY_FILES
    if len(diff) > params.max_diff_chars:
        return WindowReason.DIFF_TOO_LONG
    if all(file.is_binary or file.kind == FileKind.LFS for file in files):
        return WindowReason.BINARY_ONLY
    return None


def _is_sum(window: Window, files: list[ChangedFile]) -> bool:
    """Tell whether each file of a composite belongs to one of its commits."""
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


def _original(kept: Kept) -> dict[str, Any]:
    commit = kept.commit
    paths = sorted(decode(entry.path) for entry in commit.entries or ())
    return {"sha": commit.sha, "message": commit.message, "files": paths}


ROW = orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
UTF8_BYTES = 4
"""Of one character, at most."""
LISTING_BYTES = 2**20
"""Room for git's list of files beside a diff."""


class Range(NamedTuple):
    """Windows of one source, to be diffed by one git."""

    source: OpenSource
    """Without its repository, which does not travel."""
    terms: Terms
    windows: list[Window]
    rows: Path
    """Where the rows go; they may be more than memory holds."""
    is_last: bool
    """Whether the source can be closed."""


class Failure(NamedTuple):
    """In place of the last range of a source that cannot be read."""

    error: SourceError
    is_last: bool = True


class RangeResult(NamedTuple):
    """What became of the windows of a range."""

    reasons: list[WindowReason | None]
    """Of each window; None if it is a change."""
    ids: list[str]
    """Of the changes."""


def write_rows(work: Range | Failure) -> RangeResult | SourceError:
    """Write a row for each window that is a change, and say of all what they are.

    An error is returned, so that it keeps its place among the results.
    """
    if isinstance(work, Failure):
        return work.error
    source = _opened(work.source)
    try:
        with contextlib.ExitStack() as stack:
            own = source.repository
            if any(window.needs_tree for window in work.windows):
                own = stack.enter_context(_own_objects(source))
            return _write(work, source, own)
    except SourceError as error:
        return error


@lru_cache(maxsize=1)
def _opened(source: OpenSource) -> OpenSource:
    import pygit2

    return source._replace(repository=pygit2.Repository(source.folder))


@contextlib.contextmanager
def _own_objects(source: OpenSource) -> Iterator[Any]:
    """Give a repository for trees of our own, that sees all of the source's."""
    import pygit2

    with tempfile.TemporaryDirectory(dir=source.folder) as name:
        repository = pygit2.init_repository(name, bare=True)
        objects = f"{source.folder}/objects\n"
        with contextlib.suppress(FileNotFoundError):
            objects += (source.folder / "objects/info/alternates").read_text()
        (Path(name) / "objects/info/alternates").write_text(objects)
        yield pygit2.Repository(repository.path)


def _write(work: Range, source: OpenSource, own: Any) -> RangeResult:
    sizes = Sizes(source, chain.from_iterable(each.entries for each in work.windows))
    targets = [target(work.terms, each, source, own, sizes) for each in work.windows]
    pairs = [
        (window.commits[0].commit.parent_tree, tree)
        for window, tree in zip(work.windows, targets, strict=True)
        if not isinstance(tree, WindowReason)
    ]
    patches = diff_trees(Path(own.path), source.path, pairs, _max_bytes(work.terms))
    outcome = RangeResult([], [])
    with work.rows.open("wb") as rows:
        for window, tree in zip(work.windows, targets, strict=True):
            row = (
                tree
                if isinstance(tree, WindowReason)
                else row_of(work.terms, window, tree, next(patches))
            )
            if isinstance(row, dict):
                rows.write(orjson.dumps(row, option=ROW))
                outcome.ids.append(row["id"])
            outcome.reasons.append(None if isinstance(row, dict) else row)
    return outcome


def _max_bytes(terms: Terms) -> int:
    """Return beyond what a patch is surely too long, so that none is parsed."""
    return UTF8_BYTES * terms.params.max_diff_chars + LISTING_BYTES
