"""Which split a change goes to, before what would leak is dropped."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from diffscribe.data.balance import balanced_draw
from diffscribe.errors import ParamsError, SourceError
from diffscribe.params import SplitParams
from diffscribe.records import CuratedChange

SPLITS = ("train", "validation", "test")
_INTERVAL_ROWS = 50


def histories(changes: Iterable[CuratedChange]) -> dict[str, str]:
    """Return one name for all repositories that commits they share link."""
    above: dict[str, str] = {}

    def top(repo: str) -> str:
        while above.setdefault(repo, repo) != repo:
            repo = above[repo]
        return repo

    owners: dict[str, str] = {}
    for row in changes:
        for commit in row.commits:
            first, other = sorted(
                [top(row.repo), top(owners.get(commit.sha, row.repo))]
            )
            owners[commit.sha] = above[other] = first
    return {repo: top(repo) for repo in above}


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
        return _cut(sorted(changes, key=lambda row: _digest(params.seed, row)), params)
    by_date = sorted(changes, key=lambda row: (row.committed_at, row.id))
    rows_of: dict[str, list[CuratedChange]] = defaultdict(list)
    for row in by_date:
        rows_of[history_of[row.repo]].append(row)
    if params.by == "time":
        cuts = [_cut(rows, params) for rows in rows_of.values()]
        return {row_id: split for cut in cuts for row_id, split in cut.items()}
    if params.by == "interval":
        return _assign_groups(_intervals(rows_of), {}, params)
    named = _named(history_of, rows_of, params)
    return _assign_groups(rows_of, named, params)


def wanted_shares(params: SplitParams) -> dict[str, float]:
    """Return the share of the rows of each split that shall not be empty."""
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


def _intervals(
    rows_of: Mapping[str, Sequence[CuratedChange]],
) -> dict[str, list[CuratedChange]]:
    """Cut the rows of each history, in their order, to intervals of one length."""
    intervals: dict[str, list[CuratedChange]] = defaultdict(list)
    for history, rows in rows_of.items():
        count = max(1, round(len(rows) / _INTERVAL_ROWS))
        for number, row in enumerate(rows):
            intervals[f"{history}:{number * count // len(rows)}"].append(row)
    return intervals


def _named(
    history_of: Mapping[str, str], known: Iterable[str], params: SplitParams
) -> dict[str, str]:
    """Return the split of each history that params name a repository of."""
    wanted = dict.fromkeys(params.validation_repos, "validation")
    wanted |= dict.fromkeys(params.test_repos, "test")
    repos = sorted(repo for repo in history_of if history_of[repo] in known)
    unknown = sorted(set(wanted) - set(repos))
    if unknown:
        raise ParamsError(
            f"split: no rows of {', '.join(unknown)}; known repositories are "
            f"{', '.join(repos) or 'none'}"
        )
    named: dict[str, str] = {}
    for repo, split in wanted.items():
        if named.setdefault(history_of[repo], split) != split:
            raise ParamsError(
                f"split: {repo} shares commits with a repository named for another "
                "split; name both in one of validation_repos and test_repos"
            )
    return named


def _assign_groups(
    groups: Mapping[str, Sequence[CuratedChange]],
    named: Mapping[str, str],
    params: SplitParams,
) -> dict[str, str]:
    """Draw the groups that have no split by name."""
    rows = sum(map(len, groups.values()))
    free = {name: _languages(groups[name]) for name in groups if name not in named}
    wanted = {
        split: share * rows
        for split, share in wanted_shares(params).items()
        if split not in named.values()
    }
    if len(free) < len(wanted):
        what = "intervals of a history" if params.by == "interval" else "repositories"
        raise SourceError(
            f"split: {len(groups)} {what} are not enough to keep whole ones for "
            f"{', '.join(wanted_shares(params))}; add to harvest.sources"
        )
    drawn_rows = sum(sum(languages.values()) for languages in free.values())
    wanted["train"] = max(1, drawn_rows - sum(wanted.values()) + wanted["train"])
    split_of = dict(named) | balanced_draw(free, wanted, params.seed)
    return {row.id: split_of[name] for name in groups for row in groups[name]}


def _languages(rows: Iterable[CuratedChange]) -> dict[str, float]:
    """Count rows by language; one with two languages is half a row of each."""
    counts: dict[str, float] = defaultdict(float)
    for row in rows:
        for language in row.languages or ("",):
            counts[language] += 1 / max(1, len(row.languages))
    return counts


def _digest(seed: int, row: CuratedChange) -> str:
    return hashlib.sha256(f"{seed}:split:{row.id}".encode()).hexdigest()
