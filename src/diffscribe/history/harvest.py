"""Squash commits of many repositories to the changes they made together."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from itertools import count

from diffscribe.errors import SourceError
from diffscribe.history.caps import Candidate, Caps, beyond_caps
from diffscribe.history.composites import Span
from diffscribe.history.first_pass import first_pass
from diffscribe.history.places import Bad
from diffscribe.history.pool import in_order
from diffscribe.history.presets import oversampling
from diffscribe.history.ranges import Failure, Outcome, Range, write_rows
from diffscribe.history.source import Source, find_sources, open_source
from diffscribe.history.spool import Drawn, spooled
from diffscribe.history.tally import Tally
from diffscribe.history.targets import Terms
from diffscribe.history.walk import Commit, Walk
from diffscribe.history.windows import Kept, Run, Window, WindowReason
from diffscribe.params import HarvestParams

RANGE_WINDOWS = 500
"""So many are diffed by one git: neighbours share what it has unpacked."""

Watch = Callable[[Iterable[Commit], str, int], Iterable[Commit]]


class Reading:
    """A source that is being read, and what of it waits until all is."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.tally = Tally()
        self.stack = ExitStack()
        self.done: list[tuple[Range, Outcome]] = []
        self.error: SourceError | None = None


def harvest(params: HarvestParams, tally: Tally, watch: Watch) -> Iterator[bytes]:
    """Yield the changes of all sources as lines of JSON: by name, then oldest first.

    The limits of a preset must be in the params already. `watch` gets the
    commits of each source, its name and their number, and gives the commits
    back one by one: a progress bar. What is yielded does not depend on the
    number of workers.

    Raises:
        SourceError: if a source is missing, broken or empty, unless the params
            say to skip it; then the tally has the error.
    """

    def bad(error: SourceError) -> None:
        if params.on_bad_source == "stop":
            raise error
        tally.bad.append(error)

    found = find_sources(params, bad)
    tally.duplicates = found.duplicates
    rows = _rows(found.kept, params, tally, watch, bad)
    for row in _within_caps(rows, found.kept, params, tally):
        tally.keep(row)
        yield row.line


def _within_caps(
    rows: Iterator[Drawn], sources: list[Source], params: HarvestParams, tally: Tally
) -> Iterator[Drawn]:
    """Yield the rows that stay within the caps, in their order."""
    repos = {
        source.name: source.settings.max_changes or params.max_per_repo
        for source in sources
    }
    if not any((params.max_changes, params.max_per_author, *repos.values())):
        yield from rows
        return
    candidates: list[Candidate] = []

    def listed() -> Iterator[Drawn]:
        for row in rows:
            candidates.append(row.candidate)
            yield row

    stored = spooled(listed())
    caps = Caps(params.max_changes, params.max_per_author, repos, params.seed)
    beyond = beyond_caps(candidates, caps, oversampling(params.preset))
    for number, row in enumerate(stored):
        reason = beyond.get(number)
        if reason is None:
            yield row
        else:
            tally.windows[reason] += 1


def _rows(
    sources: list[Source],
    params: HarvestParams,
    tally: Tally,
    watch: Watch,
    bad: Bad,
) -> Iterator[Drawn]:
    """Yield the rows of one source after another; a bad one has none."""
    readings: deque[Reading] = deque()
    ranges = (
        work for source in sources for work in _ranges(source, readings, params, watch)
    )
    try:
        for work, outcome in in_order(write_rows, ranges, params.workers or _cores()):
            reading = readings[0]
            if isinstance(outcome, SourceError):
                if reading.error is None:
                    bad(outcome)
                reading.error = outcome
            elif isinstance(work, Range):
                reading.done.append((work, outcome))
            if params.on_bad_source == "stop" or work.is_last:
                yield from _finished(reading)
            if work.is_last:
                readings.popleft().stack.close()
                if reading.error is None:
                    tally.absorb(reading.tally)
    finally:
        for reading in readings:
            reading.stack.close()


def _finished(reading: Reading) -> Iterator[Drawn]:
    """Yield the rows of the ranges that are done, unless the source is bad."""
    for work, outcome in reading.done if reading.error is None else ():
        reading.tally.windows.update(each for each in outcome.reasons if each)
        windows = (
            window
            for window, reason in zip(work.windows, outcome.reasons, strict=True)
            if reason is None
        )
        with work.rows.open("rb") as lines:
            for line, sha, window in zip(lines, outcome.ids, windows, strict=True):
                authors = frozenset(each.commit.author for each in window.commits)
                candidate = Candidate(sha, work.terms.repo, authors)
                yield Drawn(line, candidate, len(window.commits), window.is_composite)
        work.rows.unlink()
    reading.done = []


def _ranges(
    source: Source, readings: deque[Reading], params: HarvestParams, watch: Watch
) -> Iterator[Range | Failure]:
    """Yield the source's work; the last of it says so, and may be a failure."""
    reading = Reading(source)
    readings.append(reading)
    try:
        opened = reading.stack.enter_context(open_source(source))
        walk = Walk(opened, params.max_commits_per_source, source.settings.branches)
        commits = watch(walk, source.name, len(walk))
        terms = Terms(source.name, source.settings, params, len(walk))
        numbers = count()

        def work(windows: list[Window], is_last: bool) -> Range:
            return Range(
                source=opened._replace(repository=None),
                terms=terms,
                windows=windows,
                rows=opened.folder / f"rows-{next(numbers)}",
                is_last=is_last,
            )

        history = first_pass(commits, opened, terms, reading.tally)
        windows: list[Window] = []
        for window in _windows(history, params):
            if window is None:
                reading.tally.windows[WindowReason.NO_PARTNER] += 1
                continue
            if len(windows) == RANGE_WINDOWS:
                yield work(windows, is_last=False)
                windows = []
            windows.append(window)
            if reading.error is not None:
                break
        yield work(windows, is_last=True)
    except SourceError as error:
        yield Failure(error)


def _windows(
    history: Iterable[tuple[Commit, Kept | None]], params: HarvestParams
) -> Iterator[Window | None]:
    """Yield what is drawn, in the order of the last commits."""
    run, span = Run(params), Span(params)
    for commit, kept in history:
        yield from run.add(commit, kept)
        if params.composites_per_commit:
            yield from span.add(commit, kept)
    yield from run.end()


def _cores() -> int:
    return os.cpu_count() or 1
