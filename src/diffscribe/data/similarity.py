"""Pairs of similar changes, exactly: every pair that is similar enough is found."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from math import ceil
from random import Random
from typing import Any

TOKENS = 5
_TOKEN = re.compile(r"\w+|[^\w\s]")
_CHUNK = 1000
_EPSILON = 1e-9


def shingle_changes(changes: Iterable[tuple[str, str]]) -> list[Any]:
    """Return of each change, its removed and its added text, the sorted shingles.

    A shingle is the hash of five consecutive words or signs of one of the two
    texts, fewer at its end: each word begins one. Hashes are comparable within
    one call only.
    """
    import numpy as np

    numbers: defaultdict[str, int] = defaultdict(count(1).__next__)
    random = Random(TOKENS)  # noqa: S311
    factors = np.array([random.getrandbits(64) | 1 for _ in range(TOKENS)], np.uint64)
    end = np.zeros(TOKENS - 1, np.uint64)
    shingles = []
    for texts in changes:
        parts = []
        for side, text in enumerate(texts):
            words = map(numbers.__getitem__, _TOKEN.findall(text))
            parts += [2 * np.fromiter(words, np.uint64) + np.uint64(side), end]
        row = np.concatenate(parts)
        starts = np.flatnonzero(row[: 1 - TOKENS])
        runs = [row[starts + at] * factors[at] for at in range(TOKENS)]
        shingles.append(np.unique(sum(runs)))
    return shingles


def similar_pairs(
    left: Sequence[Any], right: Sequence[Any], least: float
) -> Iterator[tuple[int, int]]:
    """Yield the positions of each pair with a Jaccard similarity of at least so much.

    Sets that are similar share one of their rarest members, as many as they
    may differ in and one more (the prefix filter, Chaudhuri et al. 2006); those
    that do are compared in full. Empty sets are similar to none.
    """
    import numpy as np

    ours, theirs, members = _ranked_by_rarity(left, right)
    rare = _rarest(theirs, least, members).T
    for first in range(0, len(ours), _CHUNK):
        found = (_rarest(ours[first : first + _CHUNK], least, members) @ rare).nonzero()
        for row, column in zip(*(each.tolist() for each in found), strict=True):
            one, other = ours[first + row], theirs[column]
            if (
                min(len(one), len(other))
                >= least * max(len(one), len(other)) - _EPSILON
            ):
                common = np.intersect1d(one, other, assume_unique=True).size
                if common >= least * (len(one) + len(other) - common) - _EPSILON:
                    yield first + row, column


def _ranked_by_rarity(
    left: Sequence[Any], right: Sequence[Any]
) -> tuple[list[Any], list[Any], int]:
    """Return the sets with each member's rank, rarest first, and their number."""
    import numpy as np

    sets = [*left, *right]
    known, places, uses = np.unique(
        np.concatenate([np.empty(0, np.uint64), *sets]),
        return_inverse=True,
        return_counts=True,
    )
    ranks = np.empty(len(known), np.int32)
    ranks[np.argsort(uses, kind="stable")] = np.arange(len(known), dtype=np.int32)
    borders = np.cumsum([len(each) for each in sets])[:-1]
    ranked = [np.sort(each) for each in np.split(ranks[places], borders)]
    return ranked[: len(left)], ranked[len(left) : len(sets)], len(known)


def _rarest(sets: Sequence[Any], least: float, members: int) -> Any:
    """Return a matrix with a row a set: 1 where it has one of its rarest members."""
    import numpy as np
    from scipy.sparse import csr_array

    prefixes = [
        each[: len(each) - ceil(least * len(each) - _EPSILON) + 1] for each in sets
    ]
    columns = np.concatenate([np.empty(0, np.int32), *prefixes])
    starts = np.cumsum([0, *map(len, prefixes)])
    ones = np.ones(len(columns), np.int32)
    return csr_array((ones, columns, starts), shape=(len(sets), members))
