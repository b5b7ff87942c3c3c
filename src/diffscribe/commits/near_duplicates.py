"""Find what says nearly the same: the rarest shingles propose, the index decides."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from math import ceil
from string import ascii_letters, digits, whitespace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from diffscribe.commits.diff import hunks

SHINGLE_TOKENS = 5

_SPACE, _MARK, _WORD = range(3)
_KIND = np.full(256, _MARK, np.uint8)
_KIND[list(whitespace.encode())] = _SPACE
_KIND[list(f"{ascii_letters}{digits}_".encode())] = _WORD
_KIND[0x80:] = _WORD
_END = b"\0" * (SHINGLE_TOKENS - 1)
"""Four tokens below each side of a diff, so that no shingle spans two sides."""

_REMOVED_LINE = re.compile(r"\n-(.*)")
_ADDED_LINE = re.compile(r"\n\+(.*)")

_RANDOM = np.frombuffer(hashlib.shake_256(b"shingles").digest(8 * 515), "<u8")
_VALUE, _SIDE, _BASE = _RANDOM[:512], _RANDOM[512:514], int(_RANDOM[514]) | 1
_INVERSE = pow(_BASE, -1, 2**64)


class Shingles(NamedTuple):
    """The shingles of some diffs, one diff after the other."""

    hashes: NDArray[np.uint64]
    """Hashes in the order of the lines; a shingle that occurs twice is there twice."""
    starts: NDArray[np.int64]
    """Where each diff begins in `hashes`, and at the end the length of `hashes`."""


def shingle(diffs: Sequence[str]) -> Shingles:
    """Return 64-bit hashes of the shingles of each diff.

    A shingle is five consecutive tokens among the added or among the removed
    lines of a diff, and the side; fewer only at the end of a side. A token is
    a run of letters, digits, `_` and non-ASCII characters, or one other
    character; white space separates and does not count. A diff without added
    or removed lines has none. Memory: about 60 bytes a byte of changed text.
    """
    sides = [side.encode("utf-8", "surrogatepass") for side in _sides(diffs)]
    text = np.frombuffer(_END.join([*sides, b""]), np.uint8)
    kinds = _KIND[text]
    begins = kinds == _MARK
    words = kinds == _WORD
    begins[:1] |= words[:1]
    begins[1:] |= words[1:] & ~words[:-1]
    hashes = _hash_windows(text[kinds != _SPACE], begins[kinds != _SPACE])
    at = np.flatnonzero(begins)[: len(hashes)]
    kept = text[at] != 0
    lengths = np.fromiter(map(len, sides), np.int64, len(sides))
    ends = np.cumsum(lengths + len(_END))
    side = np.searchsorted(ends, at[kept], side="right")
    starts = np.searchsorted(side, np.arange(0, len(sides) + 1, 2))
    return Shingles(_mix(hashes[kept] ^ _SIDE[side % 2]), starts)


def _sides(diffs: Sequence[str]) -> Iterator[str]:
    """Yield the removed, then the added text of each diff."""
    for diff in diffs:
        text = hunks(diff)
        yield "\n".join(_REMOVED_LINE.findall(text))
        yield "\n".join(_ADDED_LINE.findall(text))


def _hash_windows(
    text: NDArray[np.uint8], begins: NDArray[np.bool_]
) -> NDArray[np.uint64]:
    """Return a hash of the five tokens from each token on, while there are five.

    A polynomial modulo 2^64 over random values of the bytes: prefix sums give
    the sum over any window, and the inverse of a power moves it to the front.
    The first byte of a token has another value, so that borders count.
    """
    values = _VALUE[text + np.uint16(256) * begins]
    sums = np.zeros(len(text) + 1, np.uint64)
    np.cumsum(values * _powers(_BASE, len(text)), out=sums[1:])
    at = np.flatnonzero(begins)
    after = np.append(at, len(text))[SHINGLE_TOKENS:]
    at = at[: len(after)]
    hashes: NDArray[np.uint64] = sums[after] - sums[at]
    return hashes * _powers(_INVERSE, len(text))[at]


def _powers(base: int, count: int) -> NDArray[np.uint64]:
    return np.cumprod(np.full(count, base, np.uint64), dtype=np.uint64)


def _mix(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Let every bit depend on every other, as in SplitMix64."""
    hashes = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    hashes = (hashes ^ (hashes >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return hashes ^ (hashes >> np.uint64(31))


_BATCH_CHARS = 2**19
_SETS_AT_ONCE = 256
_EPSILON = 1e-9
"""Keeps a pair right at the limit that rounding would put below it."""

Hashes = NDArray[np.uint64]


def clusters(diffs: Sequence[str], similarity: float) -> list[int]:
    """Return for each diff the index of the first one in its cluster.

    Two diffs are near-duplicates if the Jaccard index of their sets of
    shingles is at least `similarity`, above 0; a chain of them is one cluster.
    Diffs without shingles are alone.
    """
    sets = list(_sets(diffs))
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


def _sets(diffs: Sequence[str]) -> Iterator[Hashes]:
    """Yield the shingles of each diff, sorted; about 2^19 characters at a time."""
    start = chars = 0
    for end, diff in enumerate(diffs, start=1):
        chars += len(diff)
        if chars >= _BATCH_CHARS or end == len(diffs):
            hashes, starts = shingle(diffs[start:end])
            yield from map(np.unique, np.split(hashes, starts[1:-1]))
            start, chars = end, 0
