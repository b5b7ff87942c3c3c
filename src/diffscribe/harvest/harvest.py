"""Squash commits of many repositories to the changes they made together.

The path of a row: `find_sources` -> `read_batches` lists the commits of a source, drops
some (filters), draws windows of the others (windows) and cuts them into batches -> the
process pool diffs each batch and writes its rows (rows) -> `harvest` yields those rows
that the caps of repository, author and all leave (`apply_caps`).
"""

import hashlib
import logging
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from enum import StrEnum
from itertools import chain, count, groupby
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import orjson

from diffscribe.commits.lesson import NO_LESSON, LessonReason, subject_template
from diffscribe.commits.proposals import FeedbackReason, corrected_change
from diffscribe.commits.style import StyleRule
from diffscribe.core.engine import run_jobs
from diffscribe.core.errors import InputError, RecordError, SourceError
from diffscribe.core.feedback import read_feedback
from diffscribe.core.files import temporary_folder
from diffscribe.core.params import HarvestParams, SourceParams, SplitParams
from diffscribe.core.records import Change, Feedback
from diffscribe.core.tracking import Refusals, Statistics
from diffscribe.doors.git import decode, encode
from diffscribe.doors.places import OnError, find_sources, held_by
from diffscribe.doors.repository import OpenSource, Source, open_source
from diffscribe.harvest.context import ContextReader, RecentSubjects
from diffscribe.harvest.filters import (
    CommitReason,
    DropReason,
    commit_reason,
    exclude_files,
    is_unsafe,
    path_excluder,
)
from diffscribe.harvest.history import Commit, list_commits, read_commits
from diffscribe.harvest.rows import (
    JSON_LINE,
    Batch,
    BatchResult,
    Failure,
    Row,
    write_rows,
)
from diffscribe.harvest.windows import KeptCommit, WindowDraw, WindowReason

logger = logging.getLogger(__name__)

BATCH_WINDOWS = 1000
"""Windows that one git diffs: neighbours share objects that it has unpacked."""
LAST_BATCH_WINDOWS = 250
LAST_BATCHES = 4
"""The last batches are smaller, so that no worker is busy alone for long."""
BUFFER_BYTES = 2**20
MOST_OF_A_TEMPLATE = 2
"""Commits of one source whose subjects differ in numbers alone; the first ones stay, so
that what is kept does not change when the repository grows."""

Watch = Callable[[Iterable[Commit], str, int], Iterable[Commit]]
"""Takes the commits of a source, its name and their number, and gives them back."""
NoLesson = Callable[[str, Sequence[str]], LessonReason | StyleRule | None]
"""Tells why a message teaches nothing about a commit of these files."""
Results = Iterable[tuple[Batch | Failure, BatchResult | SourceError]]


class CapReason(StrEnum):
    """Which cap a change is beyond; also its key in the counts of harvest."""

    MAX_PER_REPO = "max_per_repo"
    MAX_PER_AUTHOR = "max_per_author"
    MAX_CHANGES = "max_changes"


class HarvestCounts:
    """Counts of one run, filled while the sources are read."""

    def __init__(self) -> None:
        self.sources = 0
        self.duplicates = 0
        self.bad: list[SourceError] = []
        """Errors of the sources that were left out."""
        self.notes: list[str] = []
        """A sentence for each source whose entries in params have other settings, and
        for each of which some objects are missing."""
        self.commits: Counter[str | None] = Counter()
        """Numbers by reason; None counts the kept ones."""
        self.refused = Refusals()
        """The dropped commits, with examples."""
        self.windows: Counter[str | None] = Counter()
        """Numbers by reason; None counts the changes."""
        self.windows_by_repo: Counter[str] = Counter()
        self.changes_by_repo: Counter[str] = Counter()
        self.changes_by_author: Counter[str] = Counter()
        self.changes_by_commits: Counter[int] = Counter()
        self.composites = 0
        self.feedback: Counter[FeedbackReason | None] = Counter()
        """Entries of logs by reason; None counts the changes."""

    def add_source(
        self,
        repo: str,
        commits: Counter[DropReason | None],
        dropped: Counter[WindowReason],
        refused: Refusals,
    ) -> None:
        """Count the commits and the dropped windows of a source."""
        self.sources += 1
        self.commits.update(commits)
        self.refused.update(refused)
        self.windows.update(dropped)
        self.windows_by_repo[repo] += dropped.total()

    def add_row(self, row: Row, reason: CapReason | None) -> None:
        """Count a change, which stays if no cap is the reason to leave it out."""
        self.windows[reason] += 1
        self.windows_by_repo[row.repo] += 1
        if reason is None:
            self.changes_by_repo[row.repo] += 1
            self.changes_by_author.update(row.authors)
            self.changes_by_commits[row.commits] += 1
            self.composites += row.is_composite

    @property
    def statistics(self) -> Statistics:
        """Windows that were drawn, and those that are changes, by source."""
        return Statistics(
            {"processed": self.windows_by_repo, "approved": self.changes_by_repo}
        )

    def metrics(self, params: HarvestParams) -> dict[str, object]:
        """Return all counts, zeros included."""
        sizes = range(1, max(2, params.max_window_commits) + 1)
        authors = self.changes_by_author.values()
        return {
            "sources": self.sources,
            "sources_duplicate": self.duplicates,
            "sources_bad": len(self.bad),
            "commits": self.commits.total(),
            "commits_kept": self.commits[None],
            "commits_dropped": {
                str(each): self.commits[each] for each in (*CommitReason, *NO_LESSON)
            },
            "refused": self.refused.table(),
            "windows": self.windows.total(),
            "windows_dropped": {
                str(each): self.windows[each] for each in (*WindowReason, *CapReason)
            },
            "feedback": self.feedback.total(),
            "feedback_dropped": {
                str(each): self.feedback[each] for each in FeedbackReason
            },
            "changes": self.windows[None],
            "changes_by_commits": {str(n): self.changes_by_commits[n] for n in sizes},
            "composites": self.composites,
            "changes_of_largest_repo": max(self.changes_by_repo.values(), default=0),
            "changes_of_largest_author": max(authors, default=0),
        }


def harvest(
    params: HarvestParams,
    counts: HarvestCounts,
    watch: Watch,
    split: SplitParams | None = None,
    no_lesson: NoLesson | None = None,
) -> Iterator[bytes]:
    """Yield the changes of all sources as lines of JSON: by name, then oldest first.

    The lines do not depend on the number of workers. `watch` may show progress. A
    commit for which `no_lesson` has a reason is dropped before windows are drawn, as
    is one whose subject was seen twice but for its numbers.

    Raises:
        ParamsError: if `split` names a repository that is no source.
        SourceError: if a source is missing, broken or empty. With `on_bad_source: skip`
            the error goes to `counts.bad`, and no row of that source is yielded.
    """

    def on_error(error: SourceError) -> None:
        if params.on_bad_source == "stop":
            raise error
        counts.bad.append(error)

    logs = tuple(each for each in params.sources if each.feedback is not None)
    found = find_sources(
        tuple(each for each in params.sources if each.feedback is None), on_error
    )
    corrections = _corrections(logs, found.kept, counts, on_error)
    if split:
        # Here the mistake is free; the stage split finds it after labels are paid for.
        names = [source.name for source in found.kept]
        split.refuse_unknown([*names, *(each.repo for each in corrections.changes)])
    counts.duplicates = found.duplicates
    counts.notes += found.disagreements
    per_repo = {
        source.name: source.settings.max_changes or params.max_per_repo
        for source in found.kept
    }
    caps = Caps(params.max_changes, params.max_per_author, per_repo, params.seed)
    rows = chain(
        _read_sources(
            found.kept, params, counts, watch, no_lesson, on_error, corrections.known
        ),
        _correction_rows(corrections),
    )
    for row, reason in apply_caps(rows, caps):
        counts.add_row(row, reason)
        if reason is None:
            yield row.line


class Corrections(NamedTuple):
    """What logs of feedback hold."""

    changes: list[Change]
    """What was edited, by repository and time."""
    entries: Counter[FeedbackReason | None]
    """Numbers by reason; None counts the changes."""
    known: dict[str, CommitReason]
    """Why the history has to leave a commit out, by its sha."""


def read_corrections(sources: tuple[SourceParams, ...]) -> Corrections:
    """Return what the logs among the sources hold; of two entries the later counts.

    Raises:
        SourceError: if a log cannot be read, or one of its lines.
    """
    found = Corrections([], Counter(), {})
    latest: dict[str, tuple[Feedback, SourceParams]] = {}
    for source in sources:
        try:
            entries = read_feedback(Path(str(source.feedback)).expanduser())
        except (InputError, RecordError) as error:
            raise SourceError(f"harvest.sources: {error}") from error
        for entry in entries:
            known = latest.get(entry.id)
            if known is None or known[0].at <= entry.at:
                # Private in one log is private.
                was_private = known is not None and known[1].private
                update = {"private": source.private or was_private}
                latest[entry.id] = entry, source.model_copy(update=update)
    for entry, source in latest.values():
        made = corrected_change(entry, source)
        if isinstance(made, Change) and any(
            is_unsafe(encode(file.path)) for file in made.files
        ):
            made = FeedbackReason.UNFIT
        reason = made if isinstance(made, FeedbackReason) else None
        found.entries[reason] += 1
        if reason is FeedbackReason.OWN_PROPOSAL:
            found.known.update(dict.fromkeys(entry.shas, CommitReason.OWN_PROPOSAL))
        if isinstance(made, Change):
            found.changes.append(made)
            found.known.update(dict.fromkeys(entry.shas, CommitReason.IN_FEEDBACK))
    found.changes.sort(key=lambda each: (each.repo, each.committed_at, each.id))
    return found


def _corrections(
    logs: tuple[SourceParams, ...],
    sources: list[Source],
    counts: HarvestCounts,
    on_error: OnError,
) -> Corrections:
    """Return what logs of feedback hold.

    Where any source is private, so is a change whose base no other source has: nobody
    can tell what it is of.
    """
    try:
        found = read_corrections(logs)
    except SourceError as error:
        on_error(error)
        found = read_corrections(())
    counts.feedback.update(found.entries)
    if not any(each.settings.private for each in sources):
        return found
    bases = {each.base for each in found.changes}
    public = held_by([each for each in sources if not each.settings.private], bases)
    changes = [
        each.model_copy(update={"private": each.private or each.base not in public})
        for each in found.changes
    ]
    return found._replace(changes=changes)


def _correction_rows(corrections: Corrections) -> Iterator[Row]:
    for change in corrections.changes:
        commits = len(change.commits)
        line = orjson.dumps(change.model_dump(mode="json"), option=JSON_LINE)
        yield Row(line, change.id, change.repo, frozenset(), commits, False)


def _read_sources(
    sources: list[Source],
    params: HarvestParams,
    counts: HarvestCounts,
    watch: Watch,
    no_lesson: NoLesson | None,
    on_error: OnError,
    known: Mapping[str, CommitReason],
) -> Iterator[Row]:
    """Yield the rows of one source after another."""
    failed: set[str] = set()
    with temporary_folder() as home:
        folders = {each.name: home / f"{at}" for at, each in enumerate(sources)}
        batches = (
            batch
            for source in sources
            for batch in read_batches(
                source, folders[source.name], params, watch, failed, no_lesson, known
            )
        )
        workers = params.workers or os.cpu_count() or 1
        # Close the pool before the folders go, or a worker may write into them.
        with closing(run_jobs(write_rows, batches, workers)) as results:
            for repo, of_repo in groupby(results, key=lambda result: result[0].repo):
                yield from _finish_source(
                    repo, of_repo, params, counts, failed, on_error
                )
                shutil.rmtree(folders[repo], ignore_errors=True)


def _finish_source(
    repo: str,
    results: Results,
    params: HarvestParams,
    counts: HarvestCounts,
    failed: set[str],
    on_error: OnError,
) -> Iterator[Row]:
    """Yield the rows of a source and count it, unless one of its batches failed."""
    commits: Counter[DropReason | None] = Counter()
    refused = Refusals()
    dropped: Counter[WindowReason] = Counter()
    changes, path = 0, Path(repo)
    waiting: list[tuple[Path, list[Row]]] = []
    for batch, result in results:
        if isinstance(result, SourceError):
            if repo not in failed:
                failed.add(repo)
                on_error(result)
        elif isinstance(batch, Batch):
            commits.update(batch.commits)
            refused.update(batch.refused)
            dropped.update(batch.dropped)
            dropped.update(result.dropped)
            changes += len(result.rows)
            path = batch.source.path
            waiting.append((batch.rows_file, result.rows))
        if params.on_bad_source == "stop":
            # A later error ends the stage, so these rows need not wait.
            yield from _read_rows(waiting)
            waiting.clear()
    lost_commits = commits[CommitReason.MISSING_OBJECT]
    lost_windows = dropped[WindowReason.MISSING_OBJECT]
    if repo not in failed and lost_commits + lost_windows:
        error = SourceError(
            f"{path}: {lost_commits} commits and {lost_windows} windows need objects "
            "that are missing or broken; fetch the repository completely (partial "
            "clones lack files), 'git fsck' shows the damage"
        )
        if changes:
            counts.notes.append(f"left out: {error}")
        else:
            failed.add(repo)
            on_error(error)
    if repo not in failed:
        yield from _read_rows(waiting)
        counts.add_source(repo, commits, dropped, refused)
        logger.info("%s: %d commits read, %d fit", repo, commits.total(), commits[None])
        for reason, count in (*commits.items(), *dropped.items()):
            if reason is not None:
                logger.info("%s: %d dropped, %s", repo, count, reason)


def _read_rows(waiting: list[tuple[Path, list[Row]]]) -> Iterator[Row]:
    for file, rows in waiting:
        with file.open("rb", BUFFER_BYTES) as lines:
            for line, row in zip(lines, rows, strict=True):
                yield row._replace(line=line)
        file.unlink()


def read_batches(
    source: Source,
    folder: Path,
    params: HarvestParams,
    watch: Watch,
    failed: set[str],
    no_lesson: NoLesson | None = None,
    known: Mapping[str, CommitReason] = MappingProxyType({}),
) -> Iterator[Batch | Failure]:
    """Yield the windows of a source in batches; a Failure if it cannot be read.

    The source is opened in `folder`, where batches expect it. Reading ends early once
    the source's name is in `failed`.
    """
    try:
        opened = open_source(source, folder)
        total = list_commits(
            opened, params.max_commits_per_source, source.settings.branches
        )
        commits = watch(read_commits(opened), source.name, total)
        screened = _screen(commits, opened, source.settings, params, no_lesson, known)
        for batch in _cut(screened, total, source, opened, params):
            yield batch
            if source.name in failed:
                return
    except SourceError as error:
        yield Failure(source.name, error)


def _screen(
    commits: Iterable[Commit],
    source: OpenSource,
    settings: SourceParams,
    params: HarvestParams,
    no_lesson: NoLesson | None,
    known: Mapping[str, CommitReason],
) -> Iterator[tuple[Commit, KeptCommit | DropReason]]:
    """Yield each commit without its excluded files, and why it is dropped, if it is."""
    context = ContextReader(source)
    recent = RecentSubjects(params.bot_authors)
    is_excluded = path_excluder(settings.paths_exclude)
    templates: Counter[str] = Counter()
    for commit in commits:
        gitignore, license_id = context.read(commit)
        subjects = recent.before(commit)
        reason: DropReason | None = known.get(commit.sha)
        reason = reason or commit_reason(commit, source, settings, params)
        entries = exclude_files(commit.entries or (), is_excluded)
        is_partial = len(entries) < len(commit.entries or ())
        screened = commit._replace(entries=entries) if is_partial else commit
        if reason is None and not entries:
            reason = CommitReason.EXCLUDED_PATHS
        if reason is None and no_lesson is not None and commit.message is not None:
            paths = sorted(decode(each.path) for each in entries)
            reason = no_lesson(commit.message, paths)
            template = subject_template(commit.message)
            templates[template] += 1
            if reason is None and templates[template] > MOST_OF_A_TEMPLATE:
                reason = CommitReason.REPEATED_SUBJECT
        license_id = settings.license or license_id
        yield (
            screened,
            reason or KeptCommit(screened, gitignore, license_id, subjects, is_partial),
        )


def _cut(
    screened: Iterable[tuple[Commit, KeptCommit | DropReason]],
    total: int,
    source: Source,
    opened: OpenSource,
    params: HarvestParams,
) -> Iterator[Batch]:
    """Yield the windows of the commits in batches, smaller ones towards the end."""
    files = (opened.folder / f"rows-{number}" for number in count())

    def new_batch() -> Batch:
        return Batch(
            repo=source.name,
            source=opened,
            settings=source.settings,
            params=params,
            rows_file=next(files),
            windows=[],
            commits=Counter(),
            dropped=Counter(),
            refused=Refusals(),
        )

    batch, draw = new_batch(), WindowDraw(params)
    for number, (commit, outcome) in enumerate(screened, start=1):
        kept = outcome if isinstance(outcome, KeptCommit) else None
        if isinstance(outcome, KeptCommit):
            batch.commits[None] += 1
        else:
            batch.commits[outcome] += 1
            batch.refused.add(source.name, outcome, commit.sha)
        for window in draw.add(commit, kept):
            if window is None:
                batch.dropped[WindowReason.NO_PARTNER] += 1
            elif len(window.entries) > 2 * params.max_files:
                # Too many even if all are renames, and too long to send to a worker.
                batch.dropped[WindowReason.TOO_MANY_FILES] += 1
            else:
                batch.windows.append(window)
        most = max(LAST_BATCH_WINDOWS, (total - number) // LAST_BATCHES)
        if len(batch.windows) >= min(BATCH_WINDOWS, most):
            yield batch
            batch = new_batch()
    yield batch


class Caps(NamedTuple):
    """Maximum numbers of changes; None is no limit."""

    all: int | None
    author: int | None
    repo: Mapping[str, int | None]
    """Limits by repository; one without an entry has none."""
    seed: int


def apply_caps(
    rows: Iterable[Row], caps: Caps
) -> Iterator[tuple[Row, CapReason | None]]:
    """Yield each row in order, with the cap that it is beyond, if any.

    Where there is a cap all rows are read first; their lines wait in a file.
    """
    if not any((caps.all, caps.author, *caps.repo.values())):
        yield from ((row, None) for row in rows)
        return
    with temporary_folder() as home, tempfile.TemporaryFile(dir=home) as lines:
        waiting = []
        for row in rows:
            lines.write(row.line)
            waiting.append(row._replace(line=b""))
        beyond = beyond_caps(waiting, caps)
        lines.seek(0)
        for number, (line, row) in enumerate(zip(lines, waiting, strict=True)):
            yield row._replace(line=line), beyond.get(number)


def beyond_caps(rows: Sequence[Row], caps: Caps) -> dict[int, CapReason]:
    """Return the positions of the rows that go, each with the first cap it is beyond.

    Rows are taken in the order of a hash of seed and id, each if it is within the caps
    of its repository, of its authors and of all. So a draw stays when a repository
    grows: a new change replaces as few others as the caps allow.
    """
    beyond: dict[int, CapReason] = {}
    taken = 0
    repos: Counter[str] = Counter()
    authors: Counter[str] = Counter()

    def draw(number: int) -> bytes:
        return hashlib.sha256(f"{caps.seed}\0{rows[number].id}".encode()).digest()

    for number in sorted(range(len(rows)), key=draw):
        row = rows[number]
        busiest = max((authors[name] for name in row.authors), default=0)
        for reason, cap, used in (
            (CapReason.MAX_PER_REPO, caps.repo.get(row.repo), repos[row.repo]),
            (CapReason.MAX_PER_AUTHOR, caps.author, busiest),
            (CapReason.MAX_CHANGES, caps.all, taken),
        ):
            if cap is not None and used >= cap:
                beyond[number] = reason
                break
        else:
            taken += 1
            repos[row.repo] += 1
            authors.update(row.authors)
    return beyond
