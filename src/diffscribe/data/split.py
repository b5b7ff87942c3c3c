"""Changes in three splits that share nothing, and junk variants with their parents."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from diffscribe.commits.conventional import TYPES
from diffscribe.data.apart import Reason, keep_apart
from diffscribe.data.assignment import (
    SPLITS,
    assign_changes,
    histories,
    wanted_shares,
)
from diffscribe.data.benchmarks import Benchmark
from diffscribe.data.junk import junk_variant
from diffscribe.errors import SourceError
from diffscribe.params import SplitParams
from diffscribe.records import CuratedChange, SplitChange
from diffscribe.statistics import Statistics


class Splits(NamedTuple):
    """The rows of each split, and what became of all of them."""

    rows: dict[str, list[SplitChange]]
    dropped: Counter[Reason]
    statistics: Statistics
    """By repository, variants apart."""

    def metrics(self) -> dict[str, Any]:
        """Count what each split holds and what was dropped, zeros included."""
        languages = sorted(
            {
                each
                for rows in self.rows.values()
                for row in rows
                for each in row.languages
            }
        )
        return {
            "rows": self._each(len),
            "variants": self._each(
                lambda rows: sum(row.parent_id is not None for row in rows)
            ),
            "repositories": self._each(lambda rows: len({row.repo for row in rows})),
            "languages": self._each(
                lambda rows: _tally(languages, (row.languages for row in rows))
            ),
            "types": self._each(lambda rows: _tally(TYPES, map(_types, rows))),
            "dropped": {reason.value: self.dropped[reason] for reason in Reason},
        }

    def _each(self, count: Callable[[list[SplitChange]], Any]) -> dict[str, Any]:
        return {name: count(self.rows[name]) for name in SPLITS}


def split_changes(
    changes: Sequence[CuratedChange], benchmark: Benchmark, params: SplitParams
) -> Splits:
    """Split as `params.by` says, drop what would leak, and add junk variants.

    Rows are sorted by repository, date and id, a variant right after its
    parent. What validation shares with test, and training with either, is
    dropped from the former; only a random split keeps it, to show the leak.

    Raises:
        SourceError: if there is too little to fill each split.
        ParamsError: if params name a repository that has no rows.
    """
    ordered = sorted(changes, key=lambda row: (row.repo, row.committed_at, row.id))
    history_of = histories(ordered)
    kept_out = _of_benchmark(ordered, history_of, benchmark)
    free = [row for row in ordered if row.id not in kept_out]
    split_of = assign_changes(free, history_of, params)
    strictest_first = [("test",), ("validation",), ("train",)]
    levels = [SPLITS] if params.by == "random" else strictest_first
    kept, dropped = keep_apart(
        [[row for row in free if split_of[row.id] in level] for level in levels],
        list(kept_out.values()),
    )
    approved = [row for rows in kept for row in rows]
    rows = {
        name: [row for row in approved if split_of[row.id] == name] for name in SPLITS
    }
    _refuse_empty(rows, params)
    return Splits(
        {name: _with_variants(rows[name], params) for name in SPLITS},
        dropped,
        Statistics(
            {
                name: Counter(row.repo for row in counted)
                for name, counted in (
                    ("processed", ordered),
                    ("approved", approved),
                    *rows.items(),
                )
            }
        ),
    )


def _of_benchmark(
    rows: Iterable[CuratedChange], history_of: Mapping[str, str], benchmark: Benchmark
) -> dict[str, CuratedChange]:
    """Return by their ids the rows that no split may hold."""
    histories_out = {
        history
        for repo, history in history_of.items()
        if benchmark.has_repository(repo)
    }
    return {
        row.id: row
        for row in rows
        if history_of[row.repo] in histories_out or benchmark.has_commit(row)
    }


def _refuse_empty(
    rows: Mapping[str, Sequence[CuratedChange]], params: SplitParams
) -> None:
    for name in wanted_shares(params):
        if not rows[name]:
            raise SourceError(
                f"split: no rows are left for {name}, all are too few or also occur in "
                "another split; are some of harvest.sources copies of each other?"
            )


def _with_variants(
    rows: Iterable[CuratedChange], params: SplitParams
) -> list[SplitChange]:
    """Return each row and, for about `junk_fraction` of them, its variant."""
    result = []
    for row in rows:
        result.append(
            SplitChange.model_validate({**dict(row), "parent_id": None, "junk": ()})
        )
        digest = hashlib.sha256(f"{params.seed}:{row.id}".encode()).hexdigest()
        if int(digest, 16) < params.junk_fraction * 2**256:
            variant = junk_variant(row, params)
            if variant is not None:
                result.append(variant)
    return result


def _types(row: SplitChange) -> list[str]:
    return [commit.type for commit in row.label.plan.commits]


def _tally(names: Iterable[str], found: Iterable[Iterable[str]]) -> dict[str, int]:
    counts = Counter(each for row in found for each in row)
    return {name: counts[name] for name in names}
