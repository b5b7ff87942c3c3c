"""Draw commits that are not adjacent, but could have been made at one time."""

from collections import OrderedDict
from collections.abc import Iterator

from diffscribe.history.text import is_utf8
from diffscribe.history.trees import ABSENT, SUBMODULE, SYMLINK
from diffscribe.history.walk import Commit
from diffscribe.history.windows import REMEMBERED, Kept, Window, seeded, window_of
from diffscribe.params import HarvestParams

SPAN_COMMITS = 100
"""So many commits, first and last included, may lie in a composite's history."""
SPAN_FILES = 1000
"""No composite reaches over a commit that touches more."""
MODES = (ABSENT, "100644", "100755", SYMLINK, SUBMODULE)
"""Other modes are of old or broken programs, and no tree of ours has them."""

Place = tuple[Commit, Kept | None]
"""A commit of the history; None if it may be in no change."""


class Span:
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
