"""Divide changes into training, validation and test rows that share nothing.

`split.by` says what stays whole: repositories, or the past of each. After the draw,
validation loses what it shares with test, and training what it shares with
either. Then some changes get a variant with junk files, a commit that training would
see too often loses rows, and so does a repository that would rule validation.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import (
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from enum import StrEnum
from typing import Any, NamedTuple

from diffscribe.commits.diff import diff_digest
from diffscribe.commits.grammar import TYPES
from diffscribe.commits.junk_kinds import is_held_out
from diffscribe.commits.proposals import proposed_as
from diffscribe.core.draw import balanced_draw, is_drawn, rank
from diffscribe.core.errors import ParamsError, SourceError
from diffscribe.core.params import SplitParams
from diffscribe.core.records import CuratedChange, FileStatus, Record, SplitChange
from diffscribe.core.tracking import Statistics
from diffscribe.split.junk import junk_variant
from diffscribe.split.leaks import Benchmark
from diffscribe.split.planted import Surroundings

logger = logging.getLogger(__name__)

SPLITS = ("train", "validation", "test")
MAX_USES = 2
"""Rows of train, variants included, that may hold the same commit: its message once
alone or in a larger change, and once more. Further repeats are learned by heart."""
VALIDATION_REPOSITORIES = 3
"""The loss of validation shows one team's habits if there are fewer. From as many on,
none has more than its part of the rows."""


ENOUGH_COMMITS = 40
"""Kept commits of which each split gets rows, by the shares of the default."""


class SplitReason(StrEnum):
    """Why a row is in no split."""

    BENCHMARK = "benchmark"
    """A benchmark has its repository or one of its commits. What it shares with other
    rows is dropped under the reasons below."""
    SHARED_COMMIT = "shared_commit"
    DUPLICATE_DIFF = "duplicate_diff"
    NEAR_DUPLICATE = "near_duplicate"
    SHARED_FILES = "shared_files"
    REPEATED_COMMIT = "repeated_commit"
    """Other rows of train hold one of its commits often enough."""
    OWN_PROPOSAL = "own_proposal"
    """A person edited what a model proposed, later than what is held out begins, or in
    a repository that is held out: a model is not measured on its own words."""
    REPOSITORY_SHARE = "repository_share"
    """Its repository has as many rows of validation as one may have."""


_CAPS = {
    "train": SplitReason.REPEATED_COMMIT,
    "validation": SplitReason.REPOSITORY_SHARE,
}
"""What rows are dropped for that share nothing with another split."""


class DroppedChange(Record):
    """A row that is in no split."""

    id: str
    repo: str
    reason: SplitReason


class Splits(NamedTuple):
    """The rows of each split, and what became of all of them."""

    rows: dict[str, list[SplitChange]]
    dropped: list[DroppedChange]
    """In the order of the checks."""
    statistics: Statistics
    """Counts by repository, without variants."""

    def metrics(self) -> dict[str, Any]:
        """Count what each split holds and what was dropped, zeros included."""
        every = [row for rows in self.rows.values() for row in rows]
        languages = sorted({language for row in every for language in row.languages})
        of_split = {name: _count(self.rows[name], languages) for name in SPLITS}
        reasons = Counter(each.reason for each in self.dropped)
        by_repository: dict[str, Counter[str]] = defaultdict(Counter)
        for each in self.dropped:
            by_repository[each.repo][each.reason.value] += 1
        uses = Counter(
            commit.sha for row in self.rows["train"] for commit in row.commits
        )
        return {
            **{key: {n: of_split[n][key] for n in SPLITS} for key in of_split["train"]},
            "dropped": {reason.value: reasons[reason] for reason in SplitReason},
            "reasons_by_repository": by_repository,
            "train_commits": {"distinct": len(uses), "uses": uses.total()},
        }

    def warning(self) -> str | None:
        """Say that validation has too few repositories, if it has any at all.

        That matters where repositories are kept whole: those of other teams.
        """
        repos = {row.repo for row in self.rows["validation"]}
        if not 0 < len(repos) < VALIDATION_REPOSITORIES:
            return None
        return (
            f"validation has rows of {len(repos)} of at least "
            f"{VALIDATION_REPOSITORIES} repositories, so its loss shows the habits of "
            "few authors; name more in split.validation_repos or add to harvest.sources"
        )


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
    out = {history_of[repo] for repo in history_of if benchmark.has_repository(repo)}
    kept_out: list[CuratedChange] = []
    free: list[CuratedChange] = []
    for row in ordered:
        is_out = history_of[row.repo] in out or benchmark.has_commit(row)
        (kept_out if is_out else free).append(row)
    mine = {row.id for row in free if _is_own_proposal(row)}
    split_of = assign_changes(
        [row for row in free if row.id not in mine], history_of, params
    )
    late = _late_proposals(free, mine, split_of, history_of, params)
    split_of |= dict.fromkeys(mine - late, "train")
    refused = [row for row in free if row.id in late]
    free = [row for row in free if row.id not in late]
    strictest_first = [("test",), ("validation",), ("train",)]
    levels = [SPLITS] if params.by == "random" else strictest_first
    kept, dropped = keep_apart(
        [[row for row in free if split_of[row.id] in level] for level in levels],
        kept_out,
    )
    dropped += [_dropped(row, SplitReason.OWN_PROPOSAL) for row in refused]
    rows = {
        name: [row for each in kept for row in each if split_of[row.id] == name]
        for name in SPLITS
    }
    rows_of: dict[str, list[CuratedChange]] = defaultdict(list)
    for row in ordered:
        rows_of[row.repo].append(row)
    around = {repo: Surroundings(own) for repo, own in rows_of.items()}
    share, seed = params.junk_fraction, params.seed
    drawn = {
        name: {row.id for row in rows[name] if is_drawn(share, seed, row.id)}
        for name in SPLITS
    }
    before = {**rows}
    rows["train"], drawn["train"] = cap_repeats(rows["train"], drawn["train"], params)
    if params.by == "repository":
        rows["validation"] = cap_shares(rows["validation"], params)
    for name, reason in _CAPS.items():
        left = {row.id for row in rows[name]}
        dropped += [_dropped(row, reason) for row in before[name] if row.id not in left]
    for name in wanted_shares(params):
        if not rows[name]:
            raise SourceError(_nothing_left(name, ordered))
    approved = [row for each in rows.values() for row in each]
    counted = {"processed": ordered, "approved": approved, **rows}
    return Splits(
        {
            name: list(_with_variants(rows[name], drawn[name], params, around, name))
            for name in SPLITS
        },
        dropped,
        Statistics(
            {name: Counter(row.repo for row in each) for name, each in counted.items()}
        ),
    )


def _nothing_left(split: str, changes: Sequence[CuratedChange]) -> str:
    commits = {commit.sha for change in changes for commit in change.commits}
    if len(commits) < ENOUGH_COMMITS:
        return (
            f"split: no rows are left for {split}: {len(changes)} changes of "
            f"{len(commits)} commits are too few, and {ENOUGH_COMMITS} commits are "
            "enough; add repositories to harvest.sources, or look into "
            "reports/harvest.json and reports/curate.json for why commits were dropped"
        )
    return (
        f"split: no rows are left for {split}, all also occur in another split; are "
        "some of harvest.sources copies of each other?"
    )


def histories(changes: Iterable[CuratedChange]) -> dict[str, str]:
    """Return one name for all repositories that shared commits link."""
    from scipy.cluster.hierarchy import DisjointSet

    linked = DisjointSet()
    owners: dict[str, str] = {}
    for row in changes:
        linked.add(row.repo)
        for commit in row.commits:
            linked.merge(row.repo, owners.setdefault(commit.sha, row.repo))
    return {repo: min(each) for each in linked.subsets() for repo in each}


def _with_variants(
    rows: Iterable[CuratedChange],
    drawn: Collection[str],
    params: SplitParams,
    around: Mapping[str, Surroundings],
    split: str,
) -> Iterator[SplitChange]:
    """Yield each row and, for those drawn, its variant, if there is one."""
    for row in rows:
        yield SplitChange.model_validate({**dict(row), "parent_id": None, "junk": ()})
        if row.id in drawn:
            variant = junk_variant(row, params, around[row.repo], split == "test")
            if variant is not None:
                yield variant


def _count(rows: Sequence[SplitChange], languages: Iterable[str]) -> dict[str, Any]:
    """Count the rows of a split by what they are, new files those of variants."""
    spoken = Counter(each for row in rows for each in row.languages)
    types = Counter(each.type for row in rows for each in row.label.plan.commits)
    variants = [row for row in rows if row.parent_id is not None]
    junk = [path for row in variants for path in row.junk]
    real = sum(len(row.decoys) for row in variants)
    files = (file for row in variants for file in row.files)
    added = sum(file.status == FileStatus.ADDED for file in files)
    return {
        "rows": len(rows),
        "variants": len(variants),
        "repositories": len({row.repo for row in rows}),
        "languages": {language: spoken[language] for language in languages},
        "types": {type_: types[type_] for type_ in TYPES},
        "new_files": {
            "junk": len(junk),
            "junk_of_held_out_kinds": sum(map(is_held_out, junk)),
            "real_injected": real,
            "real": added - len(junk) - real,
        },
    }


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


def _is_own_proposal(row: CuratedChange) -> bool:
    return any(proposed_as(commit.message) for commit in row.commits)


def _late_proposals(
    rows: Sequence[CuratedChange],
    mine: Collection[str],
    split_of: Mapping[str, str],
    history_of: Mapping[str, str],
    params: SplitParams,
) -> set[str]:
    """Return the ids of the rows of proposals that may not train.

    By time these are the ones not earlier than all that is held out of their history;
    by repository those of a history that is held out. A random split has none.
    """
    if params.by == "random":
        return set()
    begins: dict[str, str] = {}
    for row in rows:
        if split_of.get(row.id, "train") != "train":
            name = history_of[row.repo]
            first = "" if params.by == "repository" else row.committed_at
            begins[name] = min(first, begins.get(name, first))
    named = _named(history_of, {*history_of.values()}, params)
    begins |= dict.fromkeys(named, "")
    return {
        row.id
        for row in rows
        if row.id in mine and row.committed_at >= begins.get(history_of[row.repo], "~")
    }


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
            "split: by: repository keeps whole ones for "
            f"{', '.join(wanted_shares(params))}, and the rows are of {len(rows_of)}; "
            "set split.by: time, which holds out the newest changes of each, or add to "
            "harvest.sources"
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


# What splits may not share.


def keep_apart(
    splits: Sequence[Sequence[CuratedChange]], kept_out: Sequence[CuratedChange] = ()
) -> tuple[list[list[CuratedChange]], list[DroppedChange]]:
    """Return splits, strictest first, without what a stricter one has too.

    What rows of a benchmark have is dropped from all. Rows stay in their order, and
    may share anything with rows of their own split.
    """
    dropped = [_dropped(row, SplitReason.BENCHMARK) for row in kept_out]
    taken = {key for row in kept_out for key in _keys(row)}
    kept: list[list[CuratedChange]] = []
    for rows in splits:
        kept.append([])
        for row in rows:
            shared = next((key for key in _keys(row) if key in taken), None)
            if shared is None:
                kept[-1].append(row)
            else:
                dropped.append(_dropped(row, shared[0]))
        taken.update(key for row in kept[-1] for key in _keys(row))
    return kept, dropped


def _dropped(row: CuratedChange, reason: SplitReason) -> DroppedChange:
    logger.info("%s: dropped, %s", row.id[:12], reason)
    return DroppedChange(id=row.id, repo=row.repo, reason=reason)


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


# What one split may not have too much of.


def cap_repeats(
    rows: Sequence[CuratedChange], drawn: Collection[str], params: SplitParams
) -> tuple[list[CuratedChange], set[str]]:
    """Return rows in which no commit is more than MAX_USES times, variants included.

    The second value has the ids of those that keep their variant. Rows get their
    places in a random order; one of several commits draws as many times and takes its
    best draw, because it needs a place for each of them.
    """
    uses: Counter[str] = Counter()
    kept: set[str] = set()
    doubled: set[str] = set()

    def draw(row: CuratedChange) -> str:
        draws = range(len(row.commits) or 1)
        return min(rank(params.seed, "repeats", row.id, n) for n in draws)

    for row in sorted(rows, key=draw):
        commits = {commit.sha for commit in row.commits}
        room = MAX_USES - max((uses[sha] for sha in commits), default=0)
        if room > 0:
            kept.add(row.id)
            uses.update(commits)
        if room > 1 and row.id in drawn:
            doubled.add(row.id)
            uses.update(commits)
    return [row for row in rows if row.id in kept], doubled


def cap_shares(
    rows: Sequence[CuratedChange], params: SplitParams
) -> list[CuratedChange]:
    """Return rows of which no repository has more than its part.

    The part is one in VALIDATION_REPOSITORIES; rows of fewer repositories all stay.
    The ids and the seed decide which rows of a larger repository are kept.
    """
    sizes = Counter(row.repo for row in rows)
    if len(sizes) < VALIDATION_REPOSITORIES:
        return list(rows)
    most = max(
        cap
        for cap in range(1, max(sizes.values()) + 1)
        if cap * VALIDATION_REPOSITORIES <= sum(min(n, cap) for n in sizes.values())
    )
    left = {repo: min(n, most) for repo, n in sizes.items()}
    kept = set()
    for row in sorted(rows, key=lambda row: rank(params.seed, "share", row.id)):
        if left[row.repo]:
            left[row.repo] -= 1
            kept.add(row.id)
    return [row for row in rows if row.id in kept]
