"""Squash windows of consecutive commits to the changes they made together."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from enum import StrEnum
from itertools import chain
from typing import NamedTuple

from diffscribe.errors import SourceError
from diffscribe.history.caps import Candidate, CapReason, Caps, beyond_caps
from diffscribe.history.excluded import (
    diff_of_kept,
    path_excluder,
    without_excluded,
)
from diffscribe.history.filters import CommitReason
from diffscribe.history.git import tree_differ
from diffscribe.history.gitignore import ignore_reader
from diffscribe.history.languages import languages_of
from diffscribe.history.license import license_reader
from diffscribe.history.places import Bad
from diffscribe.history.presets import (
    Facts,
    PresetReason,
    Stage,
    oversampling,
    preset_reason,
    preset_reasons,
)
from diffscribe.history.source import OpenSource, Source, find_sources, open_source
from diffscribe.history.spool import Drawn, spooled
from diffscribe.history.trees import TreeEntry, parse_patch, parse_raw
from diffscribe.history.walk import Commit, Dropped, chains
from diffscribe.history.windows import draw_sizes
from diffscribe.params import HarvestParams
from diffscribe.records import Change, OriginalCommit

MAX_BLOB_BYTES = 4 * 2**20
"""Larger files are never diffed: memory stays bounded, and no one reads them."""

Commits = Iterable[Commit | Dropped]
Watch = Callable[[Commits, str, int], Commits]


class WindowReason(StrEnum):
    """Why a window is no change; also its key in metrics/harvest.json."""

    EMPTY_DIFF = "empty_diff"
    TOO_MANY_FILES = "too_many_files"
    LARGE_FILE = "large_file"
    NOT_UTF8 = "not_utf8"
    DIFF_TOO_LONG = "diff_too_long"
    BINARY_ONLY = "binary_only"


class Tally:
    """What happened to sources, commits and windows; filled while they are read."""

    def __init__(self) -> None:
        self.sources = 0
        self.duplicates = 0
        self.bad: list[SourceError] = []
        self.commits: Counter[str | None] = Counter()
        self.windows: Counter[str | None] = Counter()
        self.sizes: Counter[int] = Counter()
        self.repos: Counter[str] = Counter()
        self.authors: Counter[str] = Counter()

    def keep(self, row: Drawn) -> None:
        """Count a change that stays."""
        self.windows[None] += 1
        self.sizes[len(row.change.commits)] += 1
        self.repos[row.change.repo] += 1
        self.authors.update(row.authors)

    def absorb(self, other: "Tally") -> None:
        """Add the commits and dropped windows of one source."""
        self.sources += 1
        self.commits += other.commits
        self.windows += other.windows

    def metrics(self, params: HarvestParams) -> dict[str, object]:
        """Return all counts, zeros included."""
        of_commits = preset_reasons(params.preset, Stage.MESSAGE)
        of_windows = preset_reasons(params.preset, Stage.FILES, Stage.DIFF)
        sizes = range(1, params.max_window_commits + 1)
        return {
            "sources": self.sources,
            "sources_duplicate": self.duplicates,
            "sources_bad": len(self.bad),
            "commits": self.commits.total(),
            "commits_kept": self.commits[None],
            "commits_dropped": _by_reason(self.commits, CommitReason, of_commits),
            "windows": self.windows.total(),
            "windows_dropped": _by_reason(
                self.windows, WindowReason, of_windows, CapReason
            ),
            "changes": self.windows[None],
            "changes_by_commits": {str(size): self.sizes[size] for size in sizes},
            "changes_of_largest_repo": max(self.repos.values(), default=0),
            "changes_of_largest_author": max(self.authors.values(), default=0),
        }


def _by_reason(counts: Counter[str | None], *kinds: Iterable[str]) -> dict[str, int]:
    """Return counts by reason; one that two kinds share is counted for both."""
    return {str(reason): counts[reason] for reason in chain(*kinds)}


class Kept(NamedTuple):
    """A commit that may be in a window, with what it changed itself."""

    commit: Commit
    original: OriginalCommit


def harvest(params: HarvestParams, tally: Tally, watch: Watch) -> Iterator[Change]:
    """Yield the changes of all sources: by name, then oldest head first.

    The limits of a preset must be in the params already. `watch` gets the
    commits of each source, its name and their number, and gives the commits
    back one by one: a progress bar.

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
        yield row.change


def _rows(
    sources: list[Source],
    params: HarvestParams,
    tally: Tally,
    watch: Watch,
    bad: Bad,
) -> Iterator[Drawn]:
    for source in sources:
        own = Tally()
        rows = _changes(source, params, own, watch)
        if params.on_bad_source == "skip":
            try:
                rows = spooled(rows)
            except SourceError as error:
                bad(error)
                continue
        yield from rows
        tally.absorb(own)


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
            candidates.append(Candidate(row.change.id, row.change.repo, row.authors))
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


def _changes(
    source: Source, params: HarvestParams, tally: Tally, watch: Watch
) -> Iterator[Drawn]:
    with ExitStack() as stack:
        opened = stack.enter_context(open_source(source))
        found = chains(opened, params, source.settings)
        contexts = {each.commits[0].sha: each.context for each in found}
        commits = [commit for each in found for commit in each.commits]
        differ = Differ(source, opened, params, stack, len(commits))
        run: list[Kept] = []
        for commit in watch(commits, source.name, len(commits)):
            for before in contexts.get(commit.sha, ()):
                run = differ.lengthened(run, differ.original(before))
            kept = differ.original(commit)
            run = differ.lengthened(run, kept)
            if isinstance(kept, Dropped):
                tally.commits[kept.reason] += 1
                continue
            tally.commits[None] += 1
            for size in draw_sizes(kept.commit.sha, len(run), params):
                outcome = differ.squash(run[-size:])
                if isinstance(outcome, Change):
                    authors = frozenset(each.commit.author for each in run[-size:])
                    yield Drawn(outcome, authors)
                else:
                    tally.windows[outcome] += 1


class Differ:
    """The running git of one source, and what was read of its trees."""

    def __init__(
        self,
        source: Source,
        opened: OpenSource,
        params: HarvestParams,
        stack: ExitStack,
        history_commits: int,
    ) -> None:
        path, folder = opened.path, opened.folder
        self.name = source.name
        self.settings = source.settings
        self.params = params
        self.history_commits = history_commits
        self.raw = stack.enter_context(tree_differ(folder, path, "--raw", "-z"))
        self.patch = stack.enter_context(
            tree_differ(folder, path, "--numstat", "-p", "-z")
        )
        self.size_bytes = opened.size_bytes
        self.is_excluded = path_excluder(source.settings.paths_exclude)
        self.ignore_patterns = ignore_reader(opened.read)
        self.license = license_reader(opened.read)

    def lengthened(self, run: list[Kept], kept: Kept | Dropped) -> list[Kept]:
        """Return the commits that a window may end with; none after a dropped one."""
        if isinstance(kept, Dropped):
            return []
        return [*run, kept][-self.params.max_window_commits :]

    def original(self, commit: Commit | Dropped) -> Kept | Dropped:
        """Return the commit with the paths it changed, both of a rename."""
        if isinstance(commit, Dropped):
            return commit
        facts = Facts(commit.message, commit.signature, self.history_commits)
        broken = preset_reason(self.params.preset, Stage.MESSAGE, facts)
        if broken is not None:
            return Dropped(commit.sha, broken)
        try:
            entries = parse_raw(self.raw(commit.parent_tree, commit.tree))
        except UnicodeDecodeError:
            return Dropped(commit.sha, CommitReason.NOT_UTF8)
        entries = without_excluded(entries, self.is_excluded)
        if not entries:
            return Dropped(commit.sha, CommitReason.EXCLUDED_PATHS)
        paths = {entry.path for entry in entries}
        paths |= {entry.old_path for entry in entries if entry.old_path}
        return Kept(
            commit,
            OriginalCommit(
                sha=commit.sha, message=commit.message, files=tuple(sorted(paths))
            ),
        )

    def squash(self, window: list[Kept]) -> Change | WindowReason | PresetReason:
        """Return the change that the window's commits make together."""
        first, last = window[0].commit, window[-1].commit
        entries = parse_raw(self.raw(first.parent_tree, last.tree))
        kept = without_excluded(entries, self.is_excluded)
        reason = self._unfit(entries, kept) or self._broken(Stage.FILES, last, kept, "")
        if reason is not None:
            return reason
        try:
            files, diff = parse_patch(self.patch(first.parent_tree, last.tree), entries)
        except UnicodeDecodeError:
            return WindowReason.NOT_UTF8
        files = tuple(f for f, e in zip(files, entries, strict=True) if e in kept)
        diff = diff_of_kept(diff, entries, kept)
        if len(diff) > self.params.max_diff_chars:
            return WindowReason.DIFF_TOO_LONG
        if all(file.is_binary for file in files):
            return WindowReason.BINARY_ONLY
        reason = self._broken(Stage.DIFF, last, kept, diff)
        if reason is not None:
            return reason
        identity = "\0".join((self.name, first.parent, last.sha))
        return Change(
            id=hashlib.sha256(identity.encode()).hexdigest(),
            repo=self.name,
            base=first.parent,
            head=last.sha,
            committed_at=last.committed_at,
            languages=languages_of(file.path for file in files),
            files=files,
            diff=diff,
            commits=tuple(each.original for each in window),
            gitignore=self.ignore_patterns(first.parent_tree),
            license=self.settings.license or self.license(last.tree),
            private=self.settings.private,
        )

    def _unfit(
        self, entries: list[TreeEntry], kept: list[TreeEntry]
    ) -> WindowReason | None:
        """Name what forbids to diff the files at all."""
        if not kept:
            return WindowReason.EMPTY_DIFF
        if len(kept) > self.params.max_files:
            return WindowReason.TOO_MANY_FILES
        blobs = [blob for entry in entries for blob in entry.blobs]
        if any(self.size_bytes(blob) > MAX_BLOB_BYTES for blob in blobs):
            return WindowReason.LARGE_FILE
        return None

    def _broken(
        self, stage: Stage, commit: Commit, entries: list[TreeEntry], diff: str
    ) -> PresetReason | None:
        if self.params.preset is None:
            return None
        facts = Facts(
            commit.message,
            commit.signature,
            self.history_commits,
            entries,
            sum(self.size_bytes(each.old_blob) for each in entries if each.old_blob),
            sum(self.size_bytes(each.new_blob) for each in entries if each.new_blob),
            diff,
        )
        return preset_reason(self.params.preset, stage, facts)
