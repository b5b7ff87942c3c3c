"""Whole repositories to one split each, and junk variants with their parents."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from diffscribe.data.duplicates import diff_digest
from diffscribe.data.junk import junk_variant
from diffscribe.errors import ParamsError, SourceError
from diffscribe.params import SplitParams
from diffscribe.records import CuratedChange, SplitChange

SPLITS = ("train", "validation", "test")
_DRAWS = 64


class Reason(StrEnum):
    """What a row shares with a row of a later split, and is dropped for."""

    SHARED_COMMIT = "shared_commit"
    DUPLICATE_DIFF = "duplicate_diff"


class Splits(NamedTuple):
    """The rows of each split, and how many were dropped for which reason."""

    rows: dict[str, list[SplitChange]]
    dropped: Counter[Reason]

    def metrics(self) -> dict[str, Any]:
        """Count rows, variants among them, and repositories of each split."""
        return {
            "rows": {name: len(self.rows[name]) for name in SPLITS},
            "variants": {
                name: sum(row.parent_id is not None for row in self.rows[name])
                for name in SPLITS
            },
            "repositories": {
                name: len({row.repo for row in self.rows[name]}) for name in SPLITS
            },
            "dropped": {reason.value: self.dropped[reason] for reason in Reason},
        }


def split_changes(changes: Sequence[CuratedChange], params: SplitParams) -> Splits:
    """Split by repository, drop what would leak, and add junk variants.

    Rows are sorted by repository, date and id, a variant right after its
    parent. What validation shares with test, and training with either, is
    dropped from the former. Rows of one split may share commits.

    Raises:
        SourceError: if a split would be empty.
        ParamsError: if params name a repository that has no rows.
    """
    split_of = assign_repositories(Counter(each.repo for each in changes), params)
    ordered = sorted(changes, key=lambda row: (row.repo, row.committed_at, row.id))
    rows = {
        name: [row for row in ordered if split_of[row.repo] == name] for name in SPLITS
    }
    dropped: Counter[Reason] = Counter()
    rows["validation"] = _apart(rows["validation"], rows["test"], dropped)
    rows["train"] = _apart(rows["train"], [*rows["validation"], *rows["test"]], dropped)
    for name in SPLITS:
        if not rows[name]:
            raise SourceError(
                f"split: every row of {name} also occurs in another split; "
                "are some of harvest.sources copies of each other?"
            )
    return Splits(
        {name: _with_variants(rows[name], params) for name in SPLITS}, dropped
    )


def assign_repositories(rows: Counter[str], params: SplitParams) -> dict[str, str]:
    """Return the split of each repository, given its number of rows.

    Repositories that params name keep their split. The others are drawn: in
    an order that depends on name and seed, a split takes what brings it nearer
    to its share of the rows; the best of some such draws counts.
    """
    named = dict.fromkeys(params.validation_repos, "validation")
    named |= dict.fromkeys(params.test_repos, "test")
    unknown = sorted(set(named) - set(rows))
    if unknown:
        raise ParamsError(
            f"split: no rows of {', '.join(unknown)}; known repositories are "
            f"{', '.join(sorted(rows)) or 'none'}"
        )
    free = sorted(set(rows) - set(named))
    wanted = [
        (name, fraction * rows.total())
        for name, fraction in (
            ("test", params.test_fraction),
            ("validation", params.validation_fraction),
        )
        if name not in named.values()
    ]
    if len(free) < len(wanted) + 1:
        raise SourceError(
            f"split: {len(rows)} repositories are not enough to keep whole ones for "
            "train, validation and test; add to harvest.sources"
        )
    draws = [_draw(rows, free, wanted, f"{params.seed}:{n}") for n in range(_DRAWS)]
    best = min(draws, key=lambda drawn: _distance(rows, drawn, wanted))
    return dict.fromkeys(free, "train") | best | named


def _draw(
    rows: Counter[str], free: list[str], wanted: list[tuple[str, float]], seed: str
) -> dict[str, str]:
    """Give repositories to the wanted splits, and leave one for each other."""
    rest = sorted(free, key=lambda repo: _digest(f"{seed}:{repo}"))
    drawn: dict[str, str] = {}
    for position, (name, target) in enumerate(wanted):
        to_leave = len(wanted) - position
        taken = 0
        for repo in list(rest):
            nearer = abs(taken + rows[repo] - target) < abs(taken - target)
            if len(rest) > to_leave and (nearer or taken == 0):
                drawn[repo] = name
                rest.remove(repo)
                taken += rows[repo]
    return drawn


def _distance(
    rows: Counter[str], drawn: dict[str, str], wanted: list[tuple[str, float]]
) -> float:
    return sum(
        abs(sum(rows[repo] for repo in drawn if drawn[repo] == name) - target)
        for name, target in wanted
    )


def _apart(
    rows: list[CuratedChange], others: list[CuratedChange], dropped: Counter[Reason]
) -> list[CuratedChange]:
    """Return the rows that share nothing with the others; count the rest."""
    digests = {diff_digest(other.diff) for other in others}
    shas = {commit.sha for other in others for commit in other.commits}
    kept = []
    for row in rows:
        if not shas.isdisjoint(commit.sha for commit in row.commits):
            dropped[Reason.SHARED_COMMIT] += 1
        elif diff_digest(row.diff) in digests:
            dropped[Reason.DUPLICATE_DIFF] += 1
        else:
            kept.append(row)
    return kept


def _with_variants(
    rows: Iterable[CuratedChange], params: SplitParams
) -> list[SplitChange]:
    """Return each row and, for about `junk_fraction` of them, its variant."""
    result = []
    for row in rows:
        result.append(
            SplitChange.model_validate({**dict(row), "parent_id": None, "junk": ()})
        )
        if int(_digest(f"{params.seed}:{row.id}"), 16) < params.junk_fraction * 2**256:
            variant = junk_variant(row, params)
            if variant is not None:
                result.append(variant)
    return result


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
