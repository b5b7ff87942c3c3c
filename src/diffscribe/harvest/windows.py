"""Draw which commits of a history are squashed to one change, and limit their size.

Every draw depends on the seed and on shas alone, so that the changes of a repository
stay when it grows. Limits that sizes of files can tell are applied before any diff.
"""

import hashlib
from collections.abc import Iterable, Iterator
from enum import StrEnum
from random import Random
from typing import NamedTuple

from diffscribe.core.params import HarvestParams
from diffscribe.doors.git import MAX_BLOB_BYTES, decode, is_utf8
from diffscribe.doors.repository import OpenSource, read_sizes
from diffscribe.doors.trees import ABSENT, SUBMODULE, SYMLINK, TreeEntry, squash_entries
from diffscribe.harvest.history import Commit, Newest

REMEMBERED_COMMITS = 4096
"""Commits at which a branch that is read later may begin."""
REMEMBERED_FILES = 1000
"""Files that such a commit and those before it may touch together."""
SPAN_COMMITS = 100
"""Commits over which a composite may reach, its first and last included."""
SPAN_FILES = 1000
"""No composite reaches over a commit that touches more files."""
BINARY_BYTES = 8000
"""git takes a file for binary that has a NUL byte among its first 8000."""
MODES = (ABSENT, "100644", "100755", SYMLINK, SUBMODULE)
"""File modes that we can write; others come from old or broken programs."""


class WindowReason(StrEnum):
    """Why a window is no change; also its key in the counts of harvest."""

    EMPTY_DIFF = "empty_diff"
    TOO_MANY_FILES = "too_many_files"
    LARGE_FILE = "large_file"
    DIFF_TOO_LONG = "diff_too_long"
    BINARY_ONLY = "binary_only"
    MISSING_OBJECT = "missing_object"
    NO_PARTNER = "no_partner"
    NOT_APPLICABLE = "not_applicable"


class KeptCommit(NamedTuple):
    """A commit that may be in a change, and what its row says besides."""

    commit: Commit
    gitignore: tuple[str, ...]
    """Patterns of its parent's tree."""
    license: str | None
    """SPDX id of its own tree."""
    recent_subjects: tuple[str, ...]
    """Subjects of the history up to its parent, newest first."""
    is_partial: bool
    """Whether files were excluded; the commit's entries lack them here."""

    @property
    def entries(self) -> tuple[TreeEntry, ...]:
        """Its changes; a commit with too many is not kept."""
        return self.commit.entries or ()


class Window(NamedTuple):
    """Commits to squash, oldest first."""

    commits: tuple[KeptCommit, ...]
    entries: tuple[TreeEntry, ...]
    """What differs in the end, before git looks for renames."""
    is_composite: bool

    @property
    def needs_tree(self) -> bool:
        """Whether no commit has a tree with exactly these changes."""
        return self.is_composite or any(each.is_partial for each in self.commits)


class WindowDraw:
    """Draws windows and composites; feed it every commit in order."""

    def __init__(self, params: HarvestParams) -> None:
        self._params = params
        self._head = ""
        self._run: list[KeptCommit] = []
        """The kept commits that end with the last one and follow each other."""
        self._runs: Newest[str, list[KeptCommit]] = Newest(REMEMBERED_COMMITS)
        self._span: Newest[str, SpanCommit] = Newest(REMEMBERED_COMMITS)

    def add(self, commit: Commit, kept: KeptCommit | None) -> Iterator[Window | None]:
        """Yield what ends with a commit; None for a composite without a partner.

        A commit that is not kept ends the windows before it.
        """
        yield from self._windows(commit, kept)
        if self._params.composites_per_commit:
            yield from self._composite(commit, kept)

    def _windows(self, commit: Commit, kept: KeptCommit | None) -> Iterator[Window]:
        """Yield the windows that end with a kept commit."""
        if commit.parent != self._head:
            self._run = self._runs.get(commit.parent, [])
        most = self._params.max_window_commits
        self._run = [*self._run, kept][-most:] if kept is not None else []
        self._head = commit.sha
        # A branch may begin here later; long lists of files would fill the memory.
        files = sum(len(each.entries) for each in self._run)
        self._runs[commit.sha] = self._run if files <= REMEMBERED_FILES else []
        for size in draw_sizes(commit.sha, len(self._run), self._params):
            yield squash_commits(self._run[-size:])

    def _composite(
        self, commit: Commit, kept: KeptCommit | None
    ) -> Iterator[Window | None]:
        if commit.entries is not None and len(commit.entries) > SPAN_FILES:
            commit = commit._replace(entries=None)
        self._span[commit.sha] = SpanCommit(commit, kept)
        random = seeded_random(self._params.seed, f"composite\0{commit.sha}")
        if kept is not None and random.random() < self._params.composites_per_commit:
            yield _draw_composite(list(self._newest_first(commit.sha)), self._params)

    def _newest_first(self, sha: str) -> Iterator["SpanCommit"]:
        """Yield a commit and its first parents, as far as a composite may reach."""
        for _ in range(SPAN_COMMITS):
            if sha not in self._span:
                return
            yield self._span[sha]
            sha = self._span[sha].commit.parent


class SpanCommit(NamedTuple):
    """A commit over which a composite may reach."""

    commit: Commit
    kept: KeptCommit | None
    """None if the commit may be in no change."""

    @property
    def paths(self) -> set[bytes]:
        """The files that it touches."""
        return {entry.path for entry in self.commit.entries or ()}

    @property
    def can_be_moved(self) -> bool:
        """Whether it is kept, and we can write a tree with its files."""
        return self.kept is not None and all(
            each.mode in MODES and is_utf8(each.path) for each in self.kept.entries
        )


def draw_sizes(head: str, longest: int, params: HarvestParams) -> list[int]:
    """Return the distinct sizes of the windows that end at a commit, ascending.

    Sizes from 1 to `longest` are equally likely. Their mean number is
    `windows_per_commit`; all sizes are returned where that is not below `longest`.
    """
    if params.windows_per_commit >= longest:
        return list(range(1, longest + 1))
    random = seeded_random(params.seed, head)
    whole = int(params.windows_per_commit)
    count = whole + (random.random() < params.windows_per_commit - whole)
    return sorted(random.sample(range(1, longest + 1), min(count, longest)))


def _draw_composite(
    newest_first: list[SpanCommit], params: HarvestParams
) -> Window | None:
    """Return a window of non-adjacent commits; its base is the oldest one's parent.

    From the oldest member on, no commit touches a file of a later member before that
    member does. So each member applies to base as it is, and no two share a file.
    """
    random = seeded_random(params.seed, f"partners\0{newest_first[0].commit.sha}")
    most = random.randint(2, max(2, params.max_window_commits))
    oldest = [at for at in _possible_oldest(newest_first) if at > 1]
    if not oldest:
        return None
    last = random.choice(oldest)
    members = {0, last}
    between = list(_applicable(newest_first[: last + 1]))
    random.shuffle(between)
    for at in between:
        if len(members) < most and members.isdisjoint((at - 1, at, at + 1)):
            members.add(at)
    oldest_first = (newest_first[at].kept for at in sorted(members, reverse=True))
    return squash_commits([each for each in oldest_first if each], is_composite=True)


def _possible_oldest(newest_first: list[SpanCommit]) -> Iterator[int]:
    """Yield the positions of commits that may be the oldest beside the newest."""
    newest, *earlier = newest_first
    if newest.commit.entries is None or not newest.can_be_moved:
        return
    for at, each in enumerate(earlier, start=1):
        if each.commit.entries is None or not newest.paths.isdisjoint(each.paths):
            return
        if each.can_be_moved:
            yield at


def _applicable(newest_first: list[SpanCommit]) -> Iterator[int]:
    """Yield the positions of kept commits whose files no earlier commit touched."""
    touched: set[bytes] = set()
    for at, each in reversed([*enumerate(newest_first)]):
        if each.can_be_moved and each.paths.isdisjoint(touched):
            yield at
        touched |= each.paths


def squash_commits(commits: list[KeptCommit], is_composite: bool = False) -> Window:
    """Return the window of commits, given oldest first."""
    entries = squash_entries([each.entries for each in commits])
    return Window(tuple(commits), entries, is_composite)


def seeded_random(seed: int, name: str) -> Random:
    """Return a generator that depends on a seed and a name alone."""
    digest = hashlib.sha256(f"{seed}\0{name}".encode()).digest()
    return Random(digest)  # noqa: S311


# Which windows are no changes, as their trees tell without a diff.


class BlobSizes(dict[str, int]):
    """Sizes in bytes by sha; 0 for the sha of zeros, which stands for no file.

    Those of `entries` are read at once, others when they are first asked for. An
    unknown sha raises SourceError.
    """

    def __init__(self, source: OpenSource, entries: Iterable[TreeEntry] = ()) -> None:
        blobs = set(_blobs(entries))
        super().__init__(read_sizes(source, blobs) if blobs else {})
        self._source = source

    def have_all(self, entries: Iterable[TreeEntry]) -> bool:
        """Tell whether the source has all blobs of `entries`, which are read by now."""
        return all(blob in self for blob in _blobs(entries))

    def __missing__(self, blob: str) -> int:
        """Read the size of one blob."""
        found = read_sizes(self._source, [blob]) if blob.strip("0") else {blob: 0}
        if blob not in found:
            raise self._source.missing(blob)
        self[blob] = found[blob]
        return self[blob]


def _blobs(entries: Iterable[TreeEntry]) -> Iterator[str]:
    for entry in entries:
        if entry.has_blobs:
            yield from (sha for sha in (entry.old_blob, entry.blob) if sha.strip("0"))


def early_reason(
    entries: tuple[TreeEntry, ...],
    source: OpenSource,
    sizes: BlobSizes,
    params: HarvestParams,
) -> WindowReason | None:
    """Return why a window with these entries is no change, or None if it may be one.

    A rename is two entries here, and only git can tell which two; limits that depend
    on it are applied after the diff.
    """
    if not entries:
        return WindowReason.EMPTY_DIFF
    added = sum(entry.is_added for entry in entries)
    deleted = sum(entry.is_deleted for entry in entries)
    if len(entries) - min(added, deleted) > params.max_files:
        return WindowReason.TOO_MANY_FILES
    if any(sizes[blob] > MAX_BLOB_BYTES for blob in _diffed_blobs(entries)):
        return WindowReason.LARGE_FILE
    if exceeds(source, entries, sizes, params.max_diff_chars):
        return WindowReason.DIFF_TOO_LONG
    return None


def _diffed_blobs(entries: Iterable[TreeEntry]) -> Iterator[str]:
    """Yield the blobs that git reads for a diff; not those that only move."""
    deleted = {entry.old_blob for entry in entries if entry.is_deleted}
    moved = deleted & {entry.blob for entry in entries if entry.is_added}
    for entry in entries:
        if entry.has_blobs:
            yield from {entry.old_blob, entry.blob} - moved


def exceeds(
    source: OpenSource, entries: Iterable[TreeEntry], sizes: BlobSizes, max_chars: int
) -> bool:
    """Tell whether the diff of entries surely has more characters than a limit.

    The diff of a file that grows by n characters adds at least n. Files are read only
    where their sizes alone would exceed the limit. Added and deleted files count as
    nothing where both occur, since they may be renames.
    """
    entries = [entry for entry in entries if entry.has_blobs]
    may_rename = any(e.is_added for e in entries) and any(e.is_deleted for e in entries)
    if may_rename:
        entries = [e for e in entries if not (e.is_added or e.is_deleted)]
    growth = {e: abs(sizes[e.blob] - sizes[e.old_blob]) for e in entries}
    if sum(growth.values()) <= max_chars:
        return False
    certain = 0
    for entry in sorted(entries, key=growth.__getitem__, reverse=True):
        both = [
            source.read(blob, "blob").data if blob.strip("0") else b""
            for blob in (entry.old_blob, entry.blob)
        ]
        if not any(b"\0" in content[:BINARY_BYTES] for content in both):
            before, after = map(len, map(decode, both))
            certain += abs(after - before)
        if certain > max_chars:
            return True
    return False
