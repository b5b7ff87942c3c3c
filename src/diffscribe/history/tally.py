"""Count what became of sources, commits and windows."""

from collections import Counter
from collections.abc import Iterable
from itertools import chain

from diffscribe.errors import SourceError
from diffscribe.history.caps import CapReason
from diffscribe.history.filters import CommitReason
from diffscribe.history.presets import Stage, preset_reasons
from diffscribe.history.spool import Drawn
from diffscribe.history.windows import WindowReason
from diffscribe.params import HarvestParams
from diffscribe.statistics import Statistics


class Tally:
    """What happened to sources, commits and windows; filled while they are read."""

    def __init__(self) -> None:
        self.sources = 0
        self.duplicates = 0
        self.bad: list[SourceError] = []
        self.commits: Counter[str | None] = Counter()
        self.windows: Counter[str | None] = Counter()
        self.sizes: Counter[int] = Counter()
        self.composites = 0
        self.drawn: Counter[str] = Counter()
        self.repos: Counter[str] = Counter()
        self.authors: Counter[str] = Counter()

    def keep(self, row: Drawn) -> None:
        """Count a change that stays."""
        self.windows[None] += 1
        self.drawn[row.candidate.repo] += 1
        self.sizes[row.commits] += 1
        self.composites += row.is_composite
        self.repos[row.candidate.repo] += 1
        self.authors.update(row.candidate.authors)

    def drop(self, row: Drawn, reason: CapReason) -> None:
        """Count a change that a cap leaves out."""
        self.windows[reason] += 1
        self.drawn[row.candidate.repo] += 1

    def absorb(self, repo: str, other: "Tally") -> None:
        """Add the commits and dropped windows of one source."""
        self.sources += 1
        self.drawn[repo] += other.windows.total()
        self.commits += other.commits
        self.windows += other.windows

    @property
    def statistics(self) -> Statistics:
        """Windows that were drawn, and those that are changes."""
        return Statistics({"processed": self.drawn, "approved": self.repos})

    def metrics(self, params: HarvestParams) -> dict[str, object]:
        """Return all counts, zeros included."""
        of_commits = preset_reasons(params.preset, Stage.MESSAGE)
        of_windows = preset_reasons(params.preset, Stage.FILES, Stage.DIFF)
        sizes = range(1, max(2, params.max_window_commits) + 1)
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
            "composites": self.composites,
            "changes_of_largest_repo": max(self.repos.values(), default=0),
            "changes_of_largest_author": max(self.authors.values(), default=0),
        }


def _by_reason(counts: Counter[str | None], *kinds: Iterable[str]) -> dict[str, int]:
    """Return counts by reason; one that two kinds share is counted for both."""
    return {str(reason): counts[reason] for reason in chain(*kinds)}
