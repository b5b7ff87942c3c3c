"""Divide changes into training, validation and test rows that share nothing.

`split.by` says what stays whole: repositories, or the past of each. After the draw,
validation loses what it shares with test, and training what it shares with
either. Then some changes get a variant with junk files.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from diffscribe.commits.diff import diff_digest
from diffscribe.commits.grammar import TYPES
from diffscribe.core.draw import is_drawn, rank
from diffscribe.core.errors import ParamsError, SourceError
from diffscribe.core.params import SplitParams
from diffscribe.core.records import CuratedChange, SplitChange
from diffscribe.core.tracking import Statistics
from diffscribe.split.junk import junk_variant
from diffscribe.split.leaks import Benchmark

logger = logging.getLogger(__name__)

SPLITS = ("train", "validation", "test")


class SplitReason(StrEnum):
    """Why a row is in no split."""

    BENCHMARK = "benchmark"
    """A benchmark has its repository or one of its commits. What it shares with other
    rows is dropped under the reasons below."""
    SHARED_COMMIT = "shared_commit"
    DUPLICATE_DIFF = "duplicate_diff"
    NEAR_DUPLICATE = "near_duplicate"
    SHARED_FILES = "shared_files"


class Splits(NamedTuple):
    """The rows of each split, and what became of all of them."""

    rows: dict[str, list[SplitChange]]
    dropped: Counter[SplitReason]
    statistics: Statistics
    """Counts by repository, without variants."""

    def metrics(self) -> dict[str, Any]:
        """Count what each split holds and what was dropped, zeros included."""
        every = [row for rows in self.rows.values() for row in rows]
        languages = sorted({language for row in every for language in row.languages})

        def count(of_rows: Callable[[list[SplitChange]], Any]) -> dict[str, Any]:
            return {name: of_rows(self.rows[name]) for name in SPLITS}

        return {
            "rows": count(len),
            "variants": count(
                lambda rows: sum(row.parent_id is not None for row in rows)
            ),
            "repositories": count(lambda rows: len({row.repo for row in rows})),
            "languages": count(
                lambda rows: _tally(languages, (row.languages for row in rows))
            ),
            "types": count(lambda rows: _tally(TYPES, map(_types, rows))),
            "dropped": {reason.value: self.dropped[reason] for reason in SplitReason},
        }


def split_changes(
    changes: Sequence[CuratedChange], benchmark: Benchmark, params: SplitParams
) -> Splits:
    """Split as `params.by` says, drop what would leak, and add junk variants.

    Rows are sorted by repository, date and id, a variant right after its parent. Only
    a random split keeps what its parts share, to show the leak.

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
    for name in wanted_shares(params):
        if not rows[name]:
            raise SourceError(
                f"split: no rows are left for {name}, all are too few or also occur in "
                "another split; are some of harvest.sources copies of each other?"
            )
    counted = {"processed": ordered, "approved": approved, **rows}
    return Splits(
        {name: _with_variants(rows[name], params) for name in SPLITS},
        dropped,
        Statistics(
            {name: Counter(row.repo for row in each) for name, each in counted.items()}
        ),
    )


def histories(changes: Iterable[CuratedChange]) -> dict[str, str]:
    """Return one name for all repositories that shared commits link."""
    above: dict[str, str] = {}

    def top(repo: str) -> str:
        while above.setdefault(repo, repo) != repo:
            repo = above[repo]
        return repo

    owners: dict[str, str] = {}
    for row in changes:
        for commit in row.commits:
            owner = owners.get(commit.sha, row.repo)
            first, other = sorted([top(row.repo), top(owner)])
            owners[commit.sha] = above[other] = first
    return {repo: top(repo) for repo in above}


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


def _with_variants(
    rows: Iterable[CuratedChange], params: SplitParams
) -> list[SplitChange]:
    """Return each row and, for about `junk_fraction` of them, its variant."""
    result = []
    for row in rows:
        fields = {**dict(row), "parent_id": None, "junk": ()}
        result.append(SplitChange.model_validate(fields))
        if is_drawn(params.junk_fraction, params.seed, row.id):
            variant = junk_variant(row, params)
            if variant is not None:
                result.append(variant)
    return result


def _types(row: SplitChange) -> list[str]:
    return [commit.type for commit in row.label.plan.commits]


def _tally(names: Iterable[str], found: Iterable[Iterable[str]]) -> dict[str, int]:
    counts = Counter(each for row in found for each in row)
    return {name: counts[name] for name in names}


# Which split a change goes to.


def assign_changes(
    changes: Sequence[CuratedChange], history_of: Mapping[str, str], params: SplitParams
) -> dict[str, str]:
    """Return the split of each change by its id.

    Raises:
        SourceError: if there is too little to fill each split.
        ParamsError: if params name a repository that has no rows, or two of
            one history for two splits.
    """
    if params.by == "random":
        drawn = sorted(changes, key=lambda row: rank(params.seed, "split", row.id))
        return _cut(drawn, params)
    rows_of: dict[str, list[CuratedChange]] = defaultdict(list)
    for row in sorted(changes, key=lambda row: (row.committed_at, row.id)):
        rows_of[history_of[row.repo]].append(row)
    if params.by == "time":
        cuts = [_cut(rows, params) for rows in rows_of.values()]
        return {row_id: split for cut in cuts for row_id, split in cut.items()}
    return _assign_histories(rows_of, _named(history_of, rows_of, params), params)


def wanted_shares(params: SplitParams) -> dict[str, float]:
    """Return the share of the rows of each split that must not be empty."""
    shares = {
        "train": 1 - params.validation_fraction - params.test_fraction,
        "validation": params.validation_fraction,
        "test": params.test_fraction,
    }
    named = {"validation": params.validation_repos, "test": params.test_repos}
    return {
        split: share for split, share in shares.items() if share > 0 or named.get(split)
    }


def _cut(rows: Sequence[CuratedChange], params: SplitParams) -> dict[str, str]:
    """Give the first rows to train and the last ones to test."""
    test = round(len(rows) * (1 - params.test_fraction))
    validation = round(
        len(rows) * (1 - params.test_fraction - params.validation_fraction)
    )
    return {
        row.id: SPLITS[(number >= validation) + (number >= test)]
        for number, row in enumerate(rows)
    }


def _named(
    history_of: Mapping[str, str], known: Iterable[str], params: SplitParams
) -> dict[str, str]:
    """Return the split of each history of which params name a repository."""
    params.refuse_unknown([repo for repo in history_of if history_of[repo] in known])
    wanted = dict.fromkeys(params.validation_repos, "validation")
    wanted |= dict.fromkeys(params.test_repos, "test")
    named: dict[str, str] = {}
    for repo, split in wanted.items():
        if named.setdefault(history_of[repo], split) != split:
            raise ParamsError(
                f"split: {repo} shares commits with a repository named for another "
                "split; name both in one of validation_repos and test_repos"
            )
    return named


def _assign_histories(
    rows_of: Mapping[str, Sequence[CuratedChange]],
    named: Mapping[str, str],
    params: SplitParams,
) -> dict[str, str]:
    """Draw the histories that have no split by name."""
    rows = sum(map(len, rows_of.values()))
    free = {name: _languages(rows_of[name]) for name in rows_of if name not in named}
    wanted = {
        split: share * rows
        for split, share in wanted_shares(params).items()
        if split not in named.values()
    }
    if len(free) < len(wanted):
        raise SourceError(
            f"split: {len(rows_of)} repositories are not enough to keep whole ones for "
            f"{', '.join(wanted_shares(params))}; add to harvest.sources"
        )
    drawn_rows = sum(sum(languages.values()) for languages in free.values())
    wanted["train"] = max(1, drawn_rows - sum(wanted.values()) + wanted["train"])
    split_of = dict(named) | balanced_draw(free, wanted, params.seed)
    return {row.id: split_of[name] for name in rows_of for row in rows_of[name]}


def _languages(rows: Iterable[CuratedChange]) -> dict[str, float]:
    """Count rows by language; one with two languages is half a row of each."""
    counts: dict[str, float] = defaultdict(float)
    for row in rows:
        for language in row.languages or ("",):
            counts[language] += 1 / max(1, len(row.languages))
    return counts


# A draw of whole groups that balances their sizes and languages.

_STARTS = 4
_PARTNERS = 200
"""Groups tried for an exchange with one, so that time grows with their number."""
_LEAST_GAIN = 1e-4
"""In shares of all rows; smaller gains take many rounds and change nothing visible."""


def balanced_draw(
    groups: Mapping[str, Mapping[str, float]], shares: Mapping[str, float], seed: int
) -> dict[str, str]:
    """Return the split of each group, given the rows it has of each stratum.

    Groups are moved and exchanged as long as the splits come nearer to their shares of
    all rows and of each stratum, from a few orders that depend on the groups' names and
    the seed; the nearest end counts. Each split gets at least one group, so there have
    to be as many.
    """
    import numpy as np

    names = sorted(groups)
    strata = sorted({stratum for rows in groups.values() for stratum in rows})
    rows = np.array([[groups[name].get(each, 0) for each in strata] for name in names])
    rows = np.hstack([rows, rows.sum(axis=1, keepdims=True)]) / rows.sum()
    wanted = np.outer(list(shares.values()), rows.sum(axis=0)) / sum(shares.values())
    draws = []
    for start in range(_STARTS):
        order = sorted(range(len(names)), key=lambda n: rank(seed, start, names[n]))
        drawn, left = _first(rows, wanted, order)
        while _improve(rows, left, drawn, order):
            pass
        draws.append((round(float(abs(left).sum()), 6), start, drawn.tolist()))
    splits = list(shares)
    return dict(zip(names, (splits[number] for number in min(draws)[2]), strict=True))


def _first(rows: Any, wanted: Any, order: Sequence[int]) -> tuple[Any, Any]:
    """Give each group in turn to the split that it brings nearest to its share."""
    import numpy as np

    drawn = np.zeros(len(order), dtype=int)
    left = wanted.copy()
    empty = set(range(len(wanted)))
    for done, group in enumerate(order):
        costs = _cost(left, rows[group])
        if len(order) - done == len(empty):
            costs[[split not in empty for split in range(len(wanted))]] = np.inf
        drawn[group] = costs.argmin()
        left[drawn[group]] -= rows[group]
        empty.discard(int(drawn[group]))
    return drawn, left


def _improve(rows: Any, left: Any, drawn: Any, order: Sequence[int]) -> bool:
    """Move or exchange each group in turn if that gains; tell whether any did."""
    import numpy as np

    gained = False
    for done, group in enumerate(order):
        here = drawn[group]
        moves = _cost(left, rows[group]) + _cost(left[here], -rows[group])
        moves[here] = 0.0
        if (drawn == here).sum() == 1:
            moves[:] = 0.0
        others = np.array(order[done : done + _PARTNERS])
        surplus = rows[others] - rows[group]
        exchanges = _cost(left[here], surplus) + _cost(left[drawn[others]], -surplus)
        if min(moves.min(), exchanges.min()) > -_LEAST_GAIN:
            continue
        if moves.min() <= exchanges.min():
            there = int(moves.argmin())
        else:
            other = others[exchanges.argmin()]
            there = drawn[other]
            _give(rows, left, drawn, other, here)
        _give(rows, left, drawn, group, there)
        gained = True
    return gained


def _cost(left: Any, taken: Any) -> Any:
    """Return how much farther from its share a split is with rows taken."""
    return abs(left - taken).sum(axis=-1) - abs(left).sum(axis=-1)


def _give(rows: Any, left: Any, drawn: Any, group: int, split: int) -> None:
    left[drawn[group]] += rows[group]
    left[split] -= rows[group]
    drawn[group] = split


# What splits may not share.


def keep_apart(
    splits: Sequence[Sequence[CuratedChange]], kept_out: Sequence[CuratedChange] = ()
) -> tuple[list[list[CuratedChange]], Counter[SplitReason]]:
    """Return splits, strictest first, without what a stricter one has too.

    What rows of a benchmark have is dropped from all. Rows stay in their order, and
    may share anything with rows of their own split.
    """
    dropped = Counter({SplitReason.BENCHMARK: len(kept_out)})
    taken = {key for row in kept_out for key in _keys(row)}
    kept: list[list[CuratedChange]] = []
    for rows in splits:
        kept.append([])
        for row in rows:
            shared = next((key for key in _keys(row) if key in taken), None)
            if shared is None:
                kept[-1].append(row)
            else:
                dropped[shared[0]] += 1
                logger.info("%s: dropped, %s", row.id[:12], shared[0])
        taken.update(key for row in kept[-1] for key in _keys(row))
    return kept, dropped


def _keys(row: CuratedChange) -> list[tuple[SplitReason, object]]:
    """Return what rows of different splits may not both have.

    A set of files counts if no other project would have the same by chance: one file
    alone tells nothing, nor do files at the root and in hidden folders, such as a
    manifest, its lock file and the workflows.
    """
    keys: list[tuple[SplitReason, object]] = [
        *((SplitReason.SHARED_COMMIT, commit.sha) for commit in row.commits),
        (SplitReason.DUPLICATE_DIFF, diff_digest(row.diff)),
        (SplitReason.NEAR_DUPLICATE, row.cluster),
    ]
    paths = frozenset(file.path for file in row.files)
    is_own = any("/" in path and not path.startswith(".") for path in paths)
    if len(paths) > 1 and is_own:
        keys.append((SplitReason.SHARED_FILES, paths))
    return keys
