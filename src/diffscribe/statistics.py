"""How many changes of which source a stage processed and what became of them."""

from collections import Counter
from typing import Any, NamedTuple


class Statistics(NamedTuple):
    """Counts by what they are of, such as `processed`; each by source.

    `Statistics({"processed": Counter(row.repo for row in rows), "approved": ...})`
    """

    counts: dict[str, Counter[str]]

    def metrics(self) -> dict[str, Any]:
        """Return the sum of each count and all of them by source, zeros included."""
        totals = {name: counts.total() for name, counts in self.counts.items()}
        return {**totals, "by_source": {each: self._of(each) for each in self._known()}}

    def table(self, longest: int = 10) -> str:
        """Return a line for all and one a source, those with most changes first.

        Of more sources than `longest` the last are one line.
        """
        from tabulate import tabulate

        known = sorted(self._known(), key=lambda name: -max(self._of(name).values()))
        lines = [["all", *self._sums(known)]]
        lines += [[source, *self._sums([source])] for source in known[:longest]]
        if rest := known[longest:]:
            lines.append([f"{len(rest)} more", *self._sums(rest)])
        return tabulate(lines, headers=["source", *self.counts])

    def _known(self) -> list[str]:
        return sorted(set().union(*self.counts.values()))

    def _of(self, source: str) -> dict[str, int]:
        return {name: counts[source] for name, counts in self.counts.items()}

    def _sums(self, sources: list[str]) -> list[int]:
        return [
            sum(counts[source] for source in sources) for counts in self.counts.values()
        ]
