"""Squash commits of many repositories to the changes they made together."""

import os
from collections import deque
from collections.abc import Iterator
from contextlib import closing

from diffscribe.core.engine import in_order
from diffscribe.core.errors import SourceError
from diffscribe.core.params import HarvestParams
from diffscribe.doors.places import Bad
from diffscribe.doors.repository import Source, find_sources
from diffscribe.harvest.ranges import Range, write_rows
from diffscribe.harvest.reading import Reading, Watch, ranges_of
from diffscribe.harvest.tally import Candidate, Caps, Drawn, Tally, beyond_caps, spooled

BUFFER_BYTES = 2**20


def harvest(params: HarvestParams, tally: Tally, watch: Watch) -> Iterator[bytes]:
    """Yield the changes of all sources as lines of JSON: by name, then oldest first.

    `watch` gets the
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
    beyond = beyond_caps(candidates, caps)
    for number, row in enumerate(stored):
        reason = beyond.get(number)
        if reason is None:
            yield row
        else:
            tally.drop(row, reason)


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
        work
        for source in sources
        for work in ranges_of(source, readings, params, watch)
    )
    try:
        # Closed before the sources are: no worker writes where nothing is any more.
        with closing(in_order(write_rows, ranges, params.workers or _cores())) as done:
            for work, outcome in done:
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
                        tally.absorb(reading.source.name, reading.tally)
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
        with work.rows.open("rb", BUFFER_BYTES) as lines:
            for line, sha, window in zip(lines, outcome.ids, windows, strict=True):
                authors = frozenset(each.commit.author for each in window.commits)
                candidate = Candidate(sha, work.terms.repo, authors)
                yield Drawn(line, candidate, len(window.commits), window.is_composite)
        work.rows.unlink()
    reading.done = []


def _cores() -> int:
    return os.cpu_count() or 1
