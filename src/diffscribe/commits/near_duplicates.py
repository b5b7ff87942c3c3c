"""Find diffs that say nearly the same: MinHash LSH proposes, the true index decides."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from string import ascii_letters, digits, whitespace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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


HASHES = 128
"""In 64 bands of two: diffs of similarity s share one with 1-(1-s^2)^64."""

_MULTIPLIERS = np.frombuffer(hashlib.shake_256(b"minhash").digest(4 * HASHES), "<u4")
_MARGIN = 4 * (0.25 / HASHES) ** 0.5
"""How far below the limit an estimate is still verified: four standard deviations."""

_BATCH_CHARS = 2**19
_PAIRS_AT_ONCE = 2**13
_SETS_IN_MEMORY = 2**14


def clusters(diffs: Sequence[str], similarity: float) -> list[int]:
    """Return for each diff the index of the first one in its cluster.

    Two diffs are near-duplicates if the Jaccard index of their sets of
    shingles is at least `similarity`, above 0; a chain of them is one cluster.
    MinHash LSH finds the candidates, and misses fewer than 1 in 10,000 pairs
    from 0.4 on; each is verified. Diffs without shingles are alone.

    Memory: 512 bytes a diff, and the shingles of about 16,384 diffs at most.
    """
    indices, signatures = _sign(diffs)
    signed = [diffs[index] for index in indices.tolist()]
    roots = np.arange(len(signed))
    sets: dict[int, NDArray[np.uint64]] = {}
    for pairs in _candidates(signatures, roots, similarity):
        _add_sets(sets, signed, set(pairs.ravel().tolist()))
        for first, second in pairs.T.tolist():
            near, far = sorted((roots[first], roots[second]))
            if near != far and _jaccard(sets[first], sets[second]) >= similarity:
                roots[roots == far] = near
    firsts = np.arange(len(diffs))
    firsts[indices] = indices[roots]
    return [int(first) for first in firsts]


def _add_sets(
    sets: dict[int, NDArray[np.uint64]], diffs: Sequence[str], wanted: set[int]
) -> None:
    """Add the wanted sets; drop all others first where memory would not hold both."""
    if len(sets.keys() | wanted) > _SETS_IN_MEMORY:
        sets.clear()
    missing = sorted(wanted - sets.keys())
    for start, end in _batches([diffs[index] for index in missing]):
        hashes, starts = shingle([diffs[index] for index in missing[start:end]])
        parts = np.split(hashes, starts[1:-1])
        sets.update(zip(missing[start:end], map(np.unique, parts), strict=True))


def _jaccard(one: NDArray[np.uint64], other: NDArray[np.uint64]) -> float:
    """Return the Jaccard index of two sorted sets, neither of them empty."""
    nearest = other.take(np.searchsorted(other, one), mode="clip")
    shared = np.count_nonzero(nearest == one)
    return shared / (one.size + other.size - shared)


def _candidates(
    signatures: NDArray[np.uint32], roots: NDArray[np.int64], similarity: float
) -> Iterator[NDArray[np.int64]]:
    """Yield pairs that are likely similar enough: all firsts, all seconds.

    Each pair comes once, and not at all if its roots are equal by then.
    """
    bands = signatures.view(np.uint64)
    for band, keys in enumerate(bands.T):
        for pairs in _sharing(keys, roots):
            pairs = pairs[:, np.not_equal(*roots[pairs])]
            earlier = bands[pairs, :band]
            pairs = pairs[:, (earlier[0] != earlier[1]).all(axis=1)]
            equal = np.equal(*signatures[pairs])
            yield pairs[:, equal.mean(axis=1) >= similarity - _MARGIN]


def _sharing(
    keys: NDArray[np.uint64], roots: NDArray[np.int64]
) -> Iterator[NDArray[np.int64]]:
    """Yield the pairs of positions with equal keys and different roots.

    Positions of one root are not paired, or copies of one diff would cost the
    square of their number in every band.
    """
    order = np.lexsort((roots, keys))
    keys, roots = keys[order], roots[order]
    starts = np.flatnonzero((keys[1:] != keys[:-1]) | (roots[1:] != roots[:-1])) + 1
    lengths = np.diff(starts, prepend=0, append=len(order))
    next_root = np.repeat(np.append(starts, len(order)), lengths)
    partners = np.searchsorted(keys, keys, "right") - next_root
    left = np.flatnonzero(partners)
    borders = np.flatnonzero(np.diff(np.cumsum(partners[left]) // _PAIRS_AT_ONCE)) + 1
    for part in np.split(left, borders):
        count = partners[part]
        before = np.repeat(next_root[part] - np.cumsum(count) + count, count)
        second = before + np.arange(len(before))
        yield order[np.stack((np.repeat(part, count), second))]


def _sign(diffs: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
    """Return the MinHash signatures of the diffs with shingles, and which these are.

    The shingles' hashes are random, so multiples of them modulo 2^32, by odd
    numbers, are random orders enough.
    """
    indices, signatures = [], []
    for start, end in _batches(diffs):
        hashes, starts = shingle(diffs[start:end])
        short = (hashes >> np.uint64(32)).astype(np.uint32)
        filled = np.flatnonzero(starts[:-1] < starts[1:])
        if filled.size:
            signature = [
                np.minimum.reduceat(short * (multiplier | 1), starts[filled])
                for multiplier in _MULTIPLIERS
            ]
            indices.append(start + filled)
            signatures.append(np.stack(signature, axis=1))
    if not indices:
        return np.empty(0, np.int64), np.empty((0, HASHES), np.uint32)
    return np.concatenate(indices), np.concatenate(signatures)


def _batches(diffs: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield where batches of about 2^19 characters begin and end."""
    start = chars = 0
    for end, diff in enumerate(diffs, start=1):
        chars += len(diff)
        if chars >= _BATCH_CHARS or end == len(diffs):
            yield start, end
            start, chars = end, 0
