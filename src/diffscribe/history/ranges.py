"""Diff a range of windows and write their changes to a file, in any process."""

import contextlib
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from diffscribe.errors import SourceError
from diffscribe.history.bounds import Sizes
from diffscribe.history.patches import diff_trees
from diffscribe.history.rows import row_of
from diffscribe.history.source import OpenSource
from diffscribe.history.targets import Reason, Terms, target
from diffscribe.history.windows import Window

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


class Outcome(NamedTuple):
    """What became of the windows of a range."""

    reasons: list[Reason | None]
    """Of each window; None if it is a change."""
    ids: list[str]
    """Of the changes."""


def write_rows(work: Range | Failure) -> Outcome | SourceError:
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


def _write(work: Range, source: OpenSource, own: Any) -> Outcome:
    sizes = Sizes(source, chain.from_iterable(each.entries for each in work.windows))
    targets = [target(work.terms, each, source, own, sizes) for each in work.windows]
    pairs = [
        (window.commits[0].commit.parent_tree, tree)
        for window, tree in zip(work.windows, targets, strict=True)
        if not isinstance(tree, Reason)
    ]
    patches = diff_trees(Path(own.path), source.path, pairs, _max_bytes(work.terms))
    outcome = Outcome([], [])
    with work.rows.open("wb") as rows:
        for window, tree in zip(work.windows, targets, strict=True):
            row = (
                tree
                if isinstance(tree, Reason)
                else row_of(work.terms, window, tree, next(patches), sizes)
            )
            if isinstance(row, dict):
                rows.write(orjson.dumps(row, option=ROW))
                outcome.ids.append(row["id"])
            outcome.reasons.append(None if isinstance(row, dict) else row)
    return outcome


def _max_bytes(terms: Terms) -> int:
    """Return beyond what a patch is surely too long, so that none is parsed."""
    return UTF8_BYTES * terms.params.max_diff_chars + LISTING_BYTES
