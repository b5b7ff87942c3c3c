"""The changed lines of diffs as hashed shingles, without a loop over tokens."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from string import ascii_letters, digits, whitespace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from diffscribe.data.duplicates import hunks

SHINGLE_TOKENS = 5

_SPACE, _MARK, _WORD = range(3)
_KIND = np.full(256, _MARK, np.uint8)
_KIND[list(whitespace.encode())] = _SPACE
_KIND[list(f"{ascii_letters}{digits}_".encode())] = _WORD
_KIND[0x80:] = _WORD
_END = b"\0" * (SHINGLE_TOKENS - 1)
"""Below each side of a diff; four tokens that no shingle starts with."""

_REMOVED_LINE = re.compile(r"\n-(.*)")
_ADDED_LINE = re.compile(r"\n\+(.*)")

_RANDOM = np.frombuffer(hashlib.shake_256(b"shingles").digest(8 * 515), "<u8")
_VALUE, _SIDE, _BASE = _RANDOM[:512], _RANDOM[512:514], int(_RANDOM[514]) | 1
_INVERSE = pow(_BASE, -1, 2**64)


class Shingles(NamedTuple):
    """The shingles of some diffs, one diff after the other."""

    hashes: NDArray[np.uint64]
    """Of a diff in the order of its lines; repeated where it repeats itself."""
    starts: NDArray[np.int64]
    """Where each diff begins in `hashes`, and after the last one its length."""


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
