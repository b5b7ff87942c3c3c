"""Read one source commit by commit, and cut it into ranges of work."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from itertools import count

from diffscribe.errors import SourceError
from diffscribe.history.composites import Span
from diffscribe.history.first_pass import first_pass
from diffscribe.history.ranges import Failure, Outcome, Range
from diffscribe.history.source import OpenSource, Source, open_source
from diffscribe.history.tally import Tally
from diffscribe.history.targets import Terms
from diffscribe.history.walk import Commit, Walk
from diffscribe.history.windows import Kept, Run, Window, WindowReason
from diffscribe.params import HarvestParams

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
        self.done: list[tuple[Range, Outcome]] = []
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
    run, span = Run(params), Span(params)
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
