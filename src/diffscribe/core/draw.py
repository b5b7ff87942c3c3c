"""A stratified draw by hashes: every stratum gets its share of the places."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from typing import Any


def stratified(
    members: Iterable[tuple[str, tuple[Any, ...]]], places: int, salt: str
) -> frozenset[str]:
    """Return so many ids, or all of them if there are not more.

    Strata stand in order, and every N/n-th id of all gives its stratum a place;
    so each has within one of its share, and so has whatever they are sorted by
    first. The places of a stratum go to the smallest hashes of ids. Every id has
    the same chance, hence a share of the draw estimates that of all. The order
    of the ids plays no part, and a new one replaces few.

    Args:
        members: each an id with its stratum; strata are compared.
        places: how many.
        salt: for another draw.
    """
    strata: dict[tuple[Any, ...], list[str]] = defaultdict(list)
    for id_, stratum in members:
        strata[stratum].append(id_)
    total = sum(map(len, strata.values()))
    chosen: list[str] = []
    before = 0
    for stratum in sorted(strata):
        ids = sorted(strata[stratum], key=lambda id_: _hash(id_, salt))
        after = before + len(ids)
        count = _places(after, places, total) - _places(before, places, total)
        chosen += ids[:count]
        before = after
    return frozenset(chosen)


def _places(members: int, places: int, total: int) -> int:
    """Return how many of the first members are drawn: the middle one of each N/n."""
    if places >= total:
        return members
    return (2 * members * places + total) // (2 * total)


def _hash(id_: str, salt: str) -> str:
    return hashlib.sha256(f"{salt} {id_}".encode()).hexdigest()
