"""Squash windows of consecutive commits to the changes they made together."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from enum import StrEnum
from typing import NamedTuple

from diffscribe.history.git import tree_differ
from diffscribe.history.gitignore import ignore_reader
from diffscribe.history.languages import languages_of
from diffscribe.history.license import license_reader
from diffscribe.history.source import OpenSource, Source, find_sources, open_source
from diffscribe.history.trees import TreeEntry, parse_patch, parse_raw
from diffscribe.history.walk import Commit, CommitReason, Dropped, first_parents
from diffscribe.history.windows import draw_sizes
from diffscribe.params import HarvestParams
from diffscribe.records import Change, OriginalCommit

MAX_BLOB_BYTES = 4 * 2**20
"""Larger files are never diffed: memory stays bounded, and no one reads them."""

Chain = Iterable[Commit | Dropped]
Watch = Callable[[list[Commit | Dropped], str, int], Chain]


class WindowReason(StrEnum):
    """Why a window is no change; also its key in metrics/harvest.json."""

    EMPTY_DIFF = "empty_diff"
    TOO_MANY_FILES = "too_many_files"
    LARGE_FILE = "large_file"
    NOT_UTF8 = "not_utf8"
    DIFF_TOO_LONG = "diff_too_long"
    BINARY_ONLY = "binary_only"


class Tally:
    """What happened to commits and windows; filled while changes are read."""

    def __init__(self) -> None:
        self.sources = 0
        self.commits: Counter[CommitReason | None] = Counter()
        self.windows: Counter[WindowReason | None] = Counter()
        self.sizes: Counter[int] = Counter()

    def metrics(self, max_window_commits: int) -> dict[str, object]:
        """Return all counts, zeros included."""
        sizes = range(1, max_window_commits + 1)
        return {
            "sources": self.sources,
            "commits": self.commits.total(),
            "commits_kept": self.commits[None],
            "commits_dropped": {str(each): self.commits[each] for each in CommitReason},
            "windows": self.windows.total(),
            "windows_dropped": {str(each): self.windows[each] for each in WindowReason},
            "changes": self.windows[None],
            "changes_by_commits": {str(size): self.sizes[size] for size in sizes},
        }


class Kept(NamedTuple):
    """A commit that may be in a window, with what it changed itself."""

    commit: Commit
    original: OriginalCommit


def harvest(params: HarvestParams, tally: Tally, watch: Watch) -> Iterator[Change]:
    """Yield the changes of all sources: by name, then oldest head first.

    `watch` gets the commits of each source, its name and their number, and gives
    the commits back one by one: a progress bar.

    Raises:
        SourceError: if a source is missing, broken or empty.
    """
    for source in find_sources(params.sources):
        tally.sources += 1
        with open_source(source) as opened:
            yield from _changes(source, opened, params, tally, watch)


def _changes(
    source: Source,
    opened: OpenSource,
    params: HarvestParams,
    tally: Tally,
    watch: Watch,
) -> Iterator[Change]:
    chain = first_parents(opened, params)
    run: list[Kept] = []
    with ExitStack() as stack:
        differ = Differ(source.name, opened, params, stack)
        for commit in watch(chain, source.name, len(chain)):
            kept = differ.original(commit) if isinstance(commit, Commit) else commit
            if isinstance(kept, Dropped):
                tally.commits[kept.reason] += 1
                run = []
                continue
            tally.commits[None] += 1
            run = [*run, kept][-params.max_window_commits :]
            for size in draw_sizes(kept.commit.sha, len(run), params):
                outcome = differ.squash(run[-size:])
                if isinstance(outcome, Change):
                    tally.windows[None] += 1
                    tally.sizes[size] += 1
                    yield outcome
                else:
                    tally.windows[outcome] += 1


class Differ:
    """The running git of one source, and what was read of its trees."""

    def __init__(
        self, name: str, opened: OpenSource, params: HarvestParams, stack: ExitStack
    ) -> None:
        source, folder = opened.path, opened.folder
        self.name = name
        self.params = params
        self.raw = stack.enter_context(tree_differ(folder, source, "--raw", "-z"))
        self.patch = stack.enter_context(
            tree_differ(folder, source, "--numstat", "-p", "-z")
        )
        self.size_bytes = opened.size_bytes
        self.ignore_patterns = ignore_reader(opened.read)
        self.license = license_reader(opened.read)

    def original(self, commit: Commit) -> Kept | Dropped:
        """Return the commit with the paths it changed, both of a rename."""
        try:
            entries = parse_raw(self.raw(commit.parent_tree, commit.tree))
        except UnicodeDecodeError:
            return Dropped(commit.sha, CommitReason.NOT_UTF8)
        paths = {entry.path for entry in entries}
        paths |= {entry.old_path for entry in entries if entry.old_path}
        return Kept(
            commit,
            OriginalCommit(
                sha=commit.sha, message=commit.message, files=tuple(sorted(paths))
            ),
        )

    def squash(self, window: list[Kept]) -> Change | WindowReason:
        """Return the change that the window's commits make together."""
        first, last = window[0].commit, window[-1].commit
        entries = parse_raw(self.raw(first.parent_tree, last.tree))
        reason = self._unfit(entries)
        if reason is not None:
            return reason
        try:
            files, diff = parse_patch(self.patch(first.parent_tree, last.tree), entries)
        except UnicodeDecodeError:
            return WindowReason.NOT_UTF8
        if len(diff) > self.params.max_diff_chars:
            return WindowReason.DIFF_TOO_LONG
        if all(file.is_binary for file in files):
            return WindowReason.BINARY_ONLY
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
            license=self.license(last.tree),
        )

    def _unfit(self, entries: list[TreeEntry]) -> WindowReason | None:
        """Name what forbids to diff the files at all."""
        if not entries:
            return WindowReason.EMPTY_DIFF
        if len(entries) > self.params.max_files:
            return WindowReason.TOO_MANY_FILES
        blobs = [blob for entry in entries for blob in entry.blobs]
        if any(self.size_bytes(blob) > MAX_BLOB_BYTES for blob in blobs):
            return WindowReason.LARGE_FILE
        return None
