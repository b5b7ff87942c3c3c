"""Divide rows of logs into splits that share neither session nor near-duplicates."""

import logging
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from diffscribe.commits.near_duplicates import Hashes, similar_pairs
from diffscribe.core.draw import rank
from diffscribe.core.errors import SourceError
from diffscribe.core.records import SPLITS

logger = logging.getLogger(__name__)

SIMILARITY = 0.5
"""Jaccard index of the shingles of two texts from which they are near-duplicates; well
below that of the check for leaks, which counts other shingles."""


class LogRow(NamedTuple):
    """What decides in which split a row of a log is."""

    id: str
    session: str
    """Rows with an equal one stay together."""
    text: str
    """What is asked and done, by which near-duplicates are told."""
    at: str = ""
    """When, in ISO 8601 of one time zone; '' if the log does not say."""
    only_train: bool = False
    """Whether it may stand in no other split, nor may what it belongs to."""


class Placed(NamedTuple):
    """Where rows are."""

    split_of: Mapping[str, str]
    """Split by id of the row."""
    cluster_of: Mapping[str, str]
    """By id of the row: the smallest id of those that are linked to it by sessions and
    near-duplicates. Rows of one cluster are never independent."""


def split_rows(
    rows: Sequence[LogRow],
    fractions: Mapping[str, float],
    seed: int,
    similarity: float = SIMILARITY,
) -> Placed:
    """Return the split of each row: the newest clusters are test, then validation.

    Fractions are of `validation` and `test`; one of 0 leaves that split empty. Where
    the rows say no time, the seed decides. A cluster is never cut: one that is much
    larger than what a split still lacks stays for train.

    Raises:
        SourceError: if there are too few clusters to give each split one.
    """
    cluster_of = _clusters(rows, similarity)
    members: dict[str, list[LogRow]] = defaultdict(list)
    for row in rows:
        members[cluster_of[row.id]].append(row)
    held = [name for name in ("test", "validation") if fractions[name] > 0]
    free = [
        name
        for name, group in members.items()
        if not any(row.only_train for row in group)
    ]
    if len(members) <= len(held) or len(free) < len(held):
        raise SourceError(
            f"split: {len(rows)} rows are {len(members)} clusters of sessions and "
            f"near-duplicates, {len(free)} of which may be held out: too few for "
            f"{len(held) + 1} splits; bring more logs"
        )
    free.sort(
        key=lambda name: (max(row.at for row in members[name]), rank(seed, name)),
        reverse=True,
    )
    split_of_cluster: dict[str, str] = {}
    for later, split in zip(reversed(range(len(held))), held, strict=True):
        left = len(members) - len(split_of_cluster)
        sizes = {name: len(members[name]) for name in free}
        # Each later split needs a cluster, and so does train.
        most = min(len(free) - later, left - later - 1)
        taken = _fill(sizes, fractions[split] * len(rows))[:most]
        split_of_cluster |= dict.fromkeys(taken, split)
        free = [name for name in free if name not in split_of_cluster]
    split_of = {
        row.id: split_of_cluster.get(cluster_of[row.id], "train") for row in rows
    }
    logger.info("%d rows in %d clusters", len(rows), len(members))
    return Placed(split_of, cluster_of)


def _fill(sizes: Mapping[str, int], wanted: float) -> list[str]:
    """Return the first names that together come nearest to what is wanted.

    At least one: the smallest, if none fits.
    """
    taken: list[str] = []
    filled = 0
    for name, size in sizes.items():
        if filled + size / 2 <= wanted:
            taken.append(name)
            filled += size
    return taken or [min(sizes, key=lambda name: (sizes[name], name))]


def _clusters(rows: Sequence[LogRow], similarity: float) -> dict[str, str]:
    """Return the name of the cluster of each row, by its id."""
    parent = list(range(len(rows)))

    def root(at: int) -> int:
        while parent[at] != at:
            parent[at] = parent[parent[at]]
            at = parent[at]
        return at

    first_of: dict[str, int] = {}
    texts: dict[str, list[int]] = defaultdict(list)
    for at, row in enumerate(rows):
        parent[root(at)] = root(first_of.setdefault(row.session, at))
        texts[row.text].append(at)
    texts.pop("", None)
    same = list(texts.values())
    for one, *others in same:
        for other in others:
            parent[root(other)] = root(one)
    shingles = [letter_shingles(rows[each[0]].text) for each in same]
    for one_text, other_text in similar_pairs(shingles, similarity):
        parent[root(same[one_text][0])] = root(same[other_text][0])
    smallest: dict[int, str] = {}
    for at, row in enumerate(rows):
        name = smallest.setdefault(root(at), row.id)
        smallest[root(at)] = min(name, row.id)
    return {row.id: smallest[root(at)] for at, row in enumerate(rows)}


LETTERS = 4


def letter_shingles(text: str) -> Hashes:
    """Return 64-bit hashes of each four letters or digits that follow another.

    Sorted, each once, in lower case; the whole of a shorter text, none of an empty one.
    What is asked of an assistant is a few words long, of which one may end otherwise.
    Another process has other hashes, as of strings.
    """
    import numpy as np

    folded = unicodedata.normalize("NFKC", text).casefold()
    letters = "".join(filter(str.isalnum, folded))
    starts = range(max(1, len(letters) - LETTERS + 1)) if letters else ()
    hashed = {hash(letters[at : at + LETTERS]) for at in starts}
    return np.unique(np.fromiter(hashed, np.int64).view(np.uint64))


def rows_of_splits(placed: Placed, rows: Iterable[Any]) -> dict[str, list[Any]]:
    """Return rows with an `id` by the names of all splits, each in the given order."""
    found: dict[str, list[Any]] = {name: [] for name in SPLITS}
    for row in rows:
        found[placed.split_of[row.id]].append(row)
    return found
