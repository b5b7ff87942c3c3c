"""Bands of a change's size that people think in."""

from itertools import pairwise

_COMMITS = 4
_CHARS = (500, 1000, 2000, 4000, 8000, 16000)

COMMITS_BANDS = (*map(str, range(_COMMITS)), f"{_COMMITS} or more")
SIZE_BANDS = (
    f"below {_CHARS[0]}",
    *(f"{low} to {high - 1}" for low, high in pairwise(_CHARS)),
    f"{_CHARS[-1]} or more",
)
"""Characters of the diff."""


def commits_band(commits: int) -> str:
    """Return the band of a number of commits; from 4 on they share one."""
    return COMMITS_BANDS[min(commits, _COMMITS)]


def size_band(diff: str) -> str:
    """Return the band of a diff's length in characters."""
    return SIZE_BANDS[sum(len(diff) >= limit for limit in _CHARS)]
