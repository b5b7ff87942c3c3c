"""Draw which commits are squashed to one change."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterator
from enum import StrEnum
from random import Random
from typing import NamedTuple

from diffscribe.core.params import HarvestParams
from diffscribe.doors.git import is_utf8
from diffscribe.doors.trees import ABSENT, SUBMODULE, SYMLINK, TreeEntry, squashed
from diffscribe.harvest.walk import Commit

REMEMBERED = 4096
"""Commits at which a branch that is read later may have begun."""


REMEMBERED_FILES = 1000
"""That such a commit and those before it touch, at most."""


class WindowReason(StrEnum):
    """Why a window is no change; also its key in metrics/harvest.json."""

    EMPTY_DIFF = "empty_diff"
    TOO_MANY_FILES = "too_many_files"
    LARGE_FILE = "large_file"
    DIFF_TOO_LONG = "diff_too_long"
    BINARY_ONLY = "binary_only"
    NO_PARTNER = "no_partner"
    NOT_APPLICABLE = "not_applicable"


class Kept(NamedTuple):
    """A commit that may be in a change, and what surrounds it."""

    commit: Commit
    gitignore: tuple[str, ...]
    """Patterns of its parent's tree."""
    license: str | None
    """Of its own tree."""
    is_partial: bool
    """Whether the source excludes some of its files; the commit lacks them here."""


class Window(NamedTuple):
    """Commits to be squashed, oldest first."""

    commits: tuple[Kept, ...]
    entries: tuple[TreeEntry, ...]
    """All that differs in the end, before git looks for renames."""
    is_composite: bool

    @property
    def needs_tree(self) -> bool:
        """Whether no commit has a tree with these changes alone."""
        return self.is_composite or any(each.is_partial for each in self.commits)


class Run:
    """The commits that follow each other up to the last one that was added."""

    def __init__(self, params: HarvestParams) -> None:
        self._params = params
        self._head = ""
        self._run: list[Kept] = []
        self._runs: OrderedDict[str, list[Kept]] = OrderedDict()

    def add(self, commit: Commit, kept: Kept | None) -> Iterator[Window]:
        """Yield the windows that this commit, kept or not, ends.

        No window spans one that is not kept. One that overlaps others may begin
        before its branch does.
        """
        is_disjoint = self._params.windows == "disjoint"
        if kept is None or commit.parent != self._head:
            yield from self.end()
            self._run = [] if is_disjoint else self._runs.get(commit.parent, [])
        most = self._params.max_window_commits
        self._run = [*self._run, kept][-most:] if kept is not None else []
        self._head = commit.sha
        self._remember()
        if not is_disjoint:
            for size in draw_sizes(commit.sha, len(self._run), self._params):
                yield window_of(self._run[-size:])
        elif self._run and len(self._run) == draw_length(self._run[0], self._params):
            yield from self.end()

    def end(self) -> Iterator[Window]:
        """Yield what disjoint windows have left over, and begin anew."""
        if self._run and self._params.windows == "disjoint":
            yield window_of(self._run)
        self._run = []

    def _remember(self) -> None:
        """Let branches begin here, unless that would hold long lists of files."""
        files = sum(len(each.commit.entries or ()) for each in self._run)
        self._runs[self._head] = self._run if files <= REMEMBERED_FILES else []
        if len(self._runs) > REMEMBERED:
            self._runs.popitem(last=False)


def draw_sizes(head: str, longest: int, params: HarvestParams) -> list[int]:
    """Return the distinct sizes of the windows that end at a commit, ascending.

    Sizes from 1 to `longest`, the commits that may be squashed at this head,
    are equally likely; on average there are `windows_per_commit` of them, or
    all. Only the seed and the sha decide, so a draw stays when history grows.
    """
    if params.windows_per_commit >= longest:  # also none of none
        return list(range(1, longest + 1))
    random = seeded(params.seed, head)
    whole = int(params.windows_per_commit)
    count = whole + (random.random() < params.windows_per_commit - whole)
    return sorted(random.sample(range(1, longest + 1), min(count, longest)))


def draw_length(first: Kept, params: HarvestParams) -> int:
    """Return how many commits the disjoint window that begins at a commit has.

    Each length is equally likely. Windows that begin elsewhere, since older
    commits are read no more, soon meet with those that were drawn before.
    """
    random = seeded(params.seed, f"disjoint\0{first.commit.sha}")
    return random.randint(1, params.max_window_commits)


def window_of(commits: list[Kept], is_composite: bool = False) -> Window:
    """Return a window with all that its commits change together."""
    entries = squashed([each.commit.entries or () for each in commits])
    return Window(tuple(commits), entries, is_composite)


def seeded(seed: int, name: str) -> Random:
    """Return a generator that only the seed and a name decide."""
    digest = hashlib.sha256(f"{seed}\0{name}".encode()).digest()
    return Random(digest)  # noqa: S311


SPAN_COMMITS = 100
"""So many commits, first and last included, may lie in a composite's history."""
SPAN_FILES = 1000
"""No composite reaches over a commit that touches more."""
MODES = (ABSENT, "100644", "100755", SYMLINK, SUBMODULE)
"""Other modes are of old or broken programs, and no tree of ours has them."""

Place = tuple[Commit, Kept | None]
"""A commit of the history; None if it may be in no change."""


class CommitSpan:
    """The newest commits that were added, by which a history can be followed."""

    def __init__(self, params: HarvestParams) -> None:
        self._params = params
        self._commits: OrderedDict[str, Place] = OrderedDict()

    def add(self, commit: Commit, kept: Kept | None) -> Iterator[Window | None]:
        """Yield the composite that this commit, kept or not, ends, if one is drawn.

        None says that no earlier commit fits. Only the seed and the commits of
        the span decide, so a draw stays when the history grows.
        """
        if commit.entries is not None and len(commit.entries) > SPAN_FILES:
            commit = commit._replace(entries=None)
        self._commits[commit.sha] = commit, kept
        if len(self._commits) > REMEMBERED:
            self._commits.popitem(last=False)
        random = seeded(self._params.seed, f"composite\0{commit.sha}")
        if kept is not None and random.random() < self._params.composites_per_commit:
            yield _drawn(list(self._newest_first(commit.sha)), self._params)

    def _newest_first(self, sha: str) -> Iterator[Place]:
        """Yield a commit and its first parents, as far as a composite may reach."""
        for _ in range(SPAN_COMMITS):
            if sha not in self._commits:
                return
            yield self._commits[sha]
            sha = self._commits[sha][0].parent


def _drawn(newest_first: list[Place], params: HarvestParams) -> Window | None:
    """Return a window whose base is the parent of its oldest commit.

    No commit from the oldest on touches a file of a later member before that
    member does. So each applies to base as it is, and no two share a file.
    """
    random = seeded(params.seed, f"partners\0{newest_first[0][0].sha}")
    most = random.randint(2, max(2, params.max_window_commits))
    bases = [at for at in _possible_bases(newest_first) if at > 1]
    if not bases:
        return None
    base = random.choice(bases)
    members = {0, base}
    between = list(_applicable(newest_first[: base + 1]))
    random.shuffle(between)
    for at in between:
        if len(members) < most and members.isdisjoint((at - 1, at, at + 1)):
            members.add(at)
    oldest_first = (newest_first[at][1] for at in sorted(members, reverse=True))
    return window_of([each for each in oldest_first if each], is_composite=True)


def _possible_bases(newest_first: list[Place]) -> Iterator[int]:
    """Yield where a commit may be the oldest of a composite with the newest."""
    (newest, _), *earlier = newest_first
    wanted = _paths(newest)
    if newest.entries is None or not _is_plain(newest):
        return
    for at, (commit, kept) in enumerate(earlier, start=1):
        if commit.entries is None:
            return
        if not wanted.isdisjoint(_paths(commit)):
            return
        if kept is not None and _is_plain(commit):
            yield at


def _applicable(newest_first: list[Place]) -> Iterator[int]:
    """Yield the kept commits whose files none before them in the span touched."""
    touched: set[bytes] = set()
    for at in range(len(newest_first) - 1, -1, -1):
        commit, kept = newest_first[at]
        paths = _paths(commit)
        if kept is not None and _is_plain(commit) and paths.isdisjoint(touched):
            yield at
        touched |= paths


def _is_plain(commit: Commit) -> bool:
    """Tell whether a tree of our own can have these files."""
    entries = commit.entries or ()
    return all(each.mode in MODES and is_utf8(each.path) for each in entries)


def _paths(commit: Commit) -> set[bytes]:
    return {entry.path for entry in commit.entries or ()}
