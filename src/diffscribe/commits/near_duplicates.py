"""Find what says nearly the same: the rarest shingles propose, the index decides."""

import re
from collections.abc import Iterator, Sequence
from math import ceil

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from diffscribe.commits.diff import changed_lines

SHINGLE_TOKENS = 5
_TOKEN = re.compile(r"[0-9A-Za-z_\x80-\U0010ffff]+|[^\t\n\v\f\r ]")
_BASE = 0x9E3779B97F4A7C15
"""Odd, so that no power of it is 0 modulo 2^64."""
_SETS_AT_ONCE = 256
_EPSILON = 1e-9
"""Keeps a pair right at the limit that rounding would put below it."""

Hashes = NDArray[np.uint64]


def shingle(diff: str) -> Hashes:
    """Return 64-bit hashes of the shingles of a diff, sorted, each once.

    A shingle is five consecutive tokens among the added or among the removed
    lines of a diff, and the side; fewer only at the end of a side. A token is
    a run of letters, digits, `_` and non-ASCII characters, or one other
    character; white space separates and does not count. A diff without added
    or removed lines has none. Another process has other hashes, as of strings.
    """
    lines = changed_lines(diff)
    sides = []
    for side, sign in enumerate("-+"):
        text = "\n".join(line[1:] for line in lines if line[0] == sign)
        hashed = np.fromiter(map(hash, _TOKEN.findall(text)), np.int64)
        padded = np.concatenate([hashed, np.zeros(SHINGLE_TOKENS - 1, np.int64)])
        shingles = np.full(len(hashed), side, np.uint64)
        for at in range(SHINGLE_TOKENS):
            shingles *= np.uint64(_BASE)
            shingles += padded[at : at + len(hashed)].view(np.uint64)
        sides.append(shingles)
    return np.unique(np.concatenate(sides))


def clusters(diffs: Sequence[str], similarity: float) -> list[int]:
    """Return for each diff the index of the first one in its cluster.

    Two diffs are near-duplicates if the Jaccard index of their sets of
    shingles is at least `similarity`, above 0; a chain of them is one cluster.
    Diffs without shingles are alone.
    """
    sets = list(map(shingle, diffs))
    firsts = np.arange(len(sets))
    for pairs in _candidates(sets, similarity):
        # Copies of one diff would be compared as often as the square of their number.
        pairs = pairs[:, np.not_equal(*firsts[pairs])]
        for one, other in pairs.T.tolist():
            near, far = sorted((firsts[one], firsts[other]))
            if near != far and _jaccard(sets[one], sets[other]) >= similarity:
                firsts[firsts == far] = near
    return [int(first) for first in firsts]


def similar_pairs(sets: Sequence[Hashes], least: float) -> Iterator[tuple[int, int]]:
    """Yield the positions of each two sets with a Jaccard index of `least` or more.

    Sets are sorted, and `least` is above 0. Empty ones are similar to none.
    """
    for pairs in _candidates(sets, least):
        for one, other in pairs.T.tolist():
            if _jaccard(sets[one], sets[other]) >= least - _EPSILON:
                yield one, other


def _candidates(sets: Sequence[Hashes], least: float) -> Iterator[NDArray[np.int64]]:
    """Yield each two sets that may be similar enough: all firsts, all seconds.

    Similar sets share one of their rarest members, as many as they may differ in and
    one more (the prefix filter, Chaudhuri et al. 2006), and more of these the larger
    they are: beyond them the one has too few left (the positional filter, Xiao et al.
    2008). Members count as equally rare, and as shared, if their last bits are equal,
    which adds candidates and loses none.
    """
    buckets = 1 << sum(map(len, sets)).bit_length()
    uses = np.zeros(buckets, np.int32)
    for each in sets:
        uses[each % buckets] += 1
    prefixes = []
    for each in sets:
        places = (each % buckets).astype(np.int32)
        rarest = np.argsort(uses[places], kind="stable")
        length = len(each) - ceil(least * len(each) - _EPSILON) + 1
        prefixes.append(places[rarest[:length]])
    starts = np.cumsum([0, *map(len, prefixes)])
    places = np.concatenate([np.empty(0, np.int32), *prefixes])
    ones = np.ones(len(places), np.int32)
    rare = csr_array((ones, places, starts), shape=(len(sets), buckets))
    sets_of = rare.T.tocsr()
    sizes = np.array([len(each) for each in sets])
    others = sizes - np.diff(starts)
    for start in range(0, len(sets), _SETS_AT_ONCE):
        shared = (rare[start : start + _SETS_AT_ONCE] @ sets_of).tocoo()
        one, other = shared.row + start, shared.col
        wanted = least / (1 + least) * (sizes[one] + sizes[other])
        found = shared.data + np.maximum(others[one], others[other])
        yield np.stack((one, other))[:, (one < other) & (found >= wanted - _EPSILON)]


def _jaccard(one: Hashes, other: Hashes) -> float:
    """Return the Jaccard index of two sorted sets, neither of them empty."""
    nearest = other.take(np.searchsorted(other, one), mode="clip")
    shared = np.count_nonzero(nearest == one)
    return shared / (one.size + other.size - shared)
