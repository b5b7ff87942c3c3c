"""Read one source commit by commit, and cut it into ranges of work."""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from itertools import count
from typing import NamedTuple

from diffscribe.core.errors import SourceError
from diffscribe.core.params import HarvestParams
from diffscribe.doors.repository import OpenSource, Source, open_source
from diffscribe.doors.trees import (
    Ignores,
    TreeEntry,
    joined,
    next_ignores,
    read_ignores,
)
from diffscribe.harvest.filters import (
    CommitReason,
    is_unsafe,
    path_excluder,
    unwanted_author,
    unwanted_day,
    unwanted_message,
    without_excluded,
)
from diffscribe.harvest.license import LICENSE_FILE, license_reader
from diffscribe.harvest.ranges import Failure, Range, RangeResult
from diffscribe.harvest.tally import Tally
from diffscribe.harvest.targets import Terms
from diffscribe.harvest.walk import Commit, Walk
from diffscribe.harvest.windows import CommitSpan, Kept, Run, Window, WindowReason

REMEMBERED = 4096
"""Commits whose branches may still begin without reading a tree anew."""


class State(NamedTuple):
    """What a tree holds, shared by all commits that leave it alone."""

    ignores: Ignores
    patterns: tuple[str, ...]
    license: str | None


class Surroundings:
    """What surrounds the commits of one source, fed with each of them in order."""

    def __init__(self, source: OpenSource) -> None:
        self._source = source
        self._license = license_reader(source)
        self._states: OrderedDict[str, State] = OrderedDict()

    def of(self, commit: Commit) -> tuple[tuple[str, ...], str | None]:
        """Return the patterns of the parent's tree and the license of the own."""
        base = self._states.get(commit.parent)
        if base is None and commit.parent_tree:
            base = self._read(commit.parent_tree)
        if base is None or commit.entries is None:
            state = self._read(commit.tree)
        else:
            state = self._next(base, commit, commit.entries)
        self._states[commit.sha] = state
        if len(self._states) > REMEMBERED:
            self._states.popitem(last=False)
        return base.patterns if base else (), state.license

    def _read(self, tree: str) -> State:
        ignores = read_ignores(self._source, tree)
        return State(ignores, joined(ignores), self._license(tree))

    def _next(
        self, base: State, commit: Commit, entries: tuple[TreeEntry, ...]
    ) -> State:
        license_id = base.license
        paths = (entry.path for entry in entries)
        if any(b"/" not in path and LICENSE_FILE.match(path) for path in paths):
            license_id = self._license(commit.tree)
        ignores = next_ignores(self._source, base.ignores, entries)
        if ignores is base.ignores and license_id == base.license:
            return base
        return State(ignores, joined(ignores), license_id)


def first_pass(
    commits: Iterable[Commit], source: OpenSource, terms: Terms, tally: Tally
) -> Iterator[tuple[Commit, Kept | None]]:
    """Yield each commit without excluded files, and what surrounds it if kept."""
    surroundings = Surroundings(source)
    settings = terms.settings
    is_excluded = path_excluder(settings.paths_exclude)
    for commit in commits:
        gitignore, license_id = surroundings.of(commit)
        entries = without_excluded(commit.entries or (), is_excluded)
        is_partial = len(entries) < len(commit.entries or ())
        reason = _unwanted(commit, source, terms) or (
            None if entries else CommitReason.EXCLUDED_PATHS
        )
        tally.commits[reason] += 1
        if is_partial:
            commit = commit._replace(entries=entries)
        kept = Kept(commit, gitignore, settings.license or license_id, is_partial)
        yield commit, kept if reason is None else None


def _unwanted(commit: Commit, source: OpenSource, terms: Terms) -> CommitReason | None:
    if not commit.parents:
        is_boundary = commit.sha in source.shallow
        return CommitReason.SHALLOW_BOUNDARY if is_boundary else CommitReason.ROOT
    if commit.has_long_message:
        return CommitReason.MESSAGE_TOO_LONG
    if commit.message is None:
        return CommitReason.NOT_UTF8
    if commit.committed_at is None:
        return CommitReason.BAD_DATE
    if len(commit.parents) > 1:
        return CommitReason.MERGE
    return (
        unwanted_day(commit.committed_at.date(), terms.settings)
        or unwanted_author(commit.signature, terms.settings, terms.params.bot_authors)
        or (CommitReason.EMPTY if commit.tree == commit.parent_tree else None)
        or unwanted_message(commit.message, terms.params)
        or _unsafe(commit)
    )


def _unsafe(commit: Commit) -> CommitReason | None:
    """Return why no work tree can hold what the commit changed."""
    if commit.entries is None:
        return CommitReason.TOO_MANY_FILES
    paths = {entry.path for entry in commit.entries}
    if len(paths) < len(commit.entries) or any(map(is_unsafe, paths)):
        return CommitReason.UNSAFE_PATH
    return None


RANGE_WINDOWS = 1000
"""So many are diffed by one git: neighbours share what it has unpacked."""
LAST_WINDOWS = 250
LAST_RANGES = 4
"""The last ranges are smaller, so that no worker is busy alone for long."""

Watch = Callable[[Iterable[Commit], str, int], Iterable[Commit]]


class Reading:
    """A source that is being read, and what of it waits until all is."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.tally = Tally()
        self.stack = ExitStack()
        self.done: list[tuple[Range, RangeResult]] = []
        self.error: SourceError | None = None


def ranges_of(
    source: Source, readings: deque[Reading], params: HarvestParams, watch: Watch
) -> Iterator[Range | Failure]:
    """Yield the source's work; the last of it says so, and may be a failure.

    The reading that is appended holds the source open; who takes the last of
    the work closes it.
    """
    reading = Reading(source)
    readings.append(reading)
    try:
        opened = reading.stack.enter_context(open_source(source))
        walk = Walk(opened, params.max_commits_per_source, source.settings.branches)
        terms = Terms(source.name, source.settings, params, len(walk))
        commits = watch(walk, source.name, len(walk))
        history = first_pass(commits, opened, terms, reading.tally)
        windows = _diffable(_drawn(history, params), params, reading.tally)
        yield from _cut(windows, opened, terms, reading)
    except SourceError as error:
        yield Failure(error)


def _drawn(
    history: Iterable[tuple[Commit, Kept | None]], params: HarvestParams
) -> Iterator[Window | None]:
    """Yield what is drawn, in the order of the last commits."""
    run, span = Run(params), CommitSpan(params)
    for commit, kept in history:
        yield from run.add(commit, kept)
        if params.composites_per_commit:
            yield from span.add(commit, kept)
    yield from run.end()


def _diffable(
    windows: Iterable[Window | None], params: HarvestParams, tally: Tally
) -> Iterator[Window]:
    """Leave out what is no window, and what is too long to travel to a worker."""
    for window in windows:
        if window is None:
            tally.windows[WindowReason.NO_PARTNER] += 1
        elif len(window.entries) > 2 * params.max_files:  # however they are renamed
            tally.windows[WindowReason.TOO_MANY_FILES] += 1
        else:
            yield window


def _cut(
    windows: Iterable[Window], opened: OpenSource, terms: Terms, reading: Reading
) -> Iterator[Range]:
    """Yield ranges of windows; none after one that failed, but the last."""
    numbers = count()

    def work(windows: list[Window], is_last: bool) -> Range:
        return Range(
            source=opened._replace(repository=None),
            terms=terms,
            windows=windows,
            rows=opened.folder / f"rows-{next(numbers)}",
            is_last=is_last,
        )

    waiting: list[Window] = []
    for window in windows:
        if reading.error is not None:
            break
        left = terms.history_commits - reading.tally.commits.total()
        most = min(RANGE_WINDOWS, max(LAST_WINDOWS, left // LAST_RANGES))
        if len(waiting) >= most:
            yield work(waiting, is_last=False)
            waiting = []
        waiting.append(window)
    yield work(waiting, is_last=True)
