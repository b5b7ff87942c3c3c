"""Draws by hashes of what is drawn, so that the order of the rows plays no part."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from typing import Any


def rank(*key: object) -> str:
    """Return a hash to sort by, in hex; those that rank first are a random draw.

    The key is a seed, the id of what is drawn and, where a seed draws twice, a word
    for the draw.
    """
    return hashlib.sha256(":".join(map(str, key)).encode()).hexdigest()


def is_drawn(share: float, *key: object) -> bool:
    """Tell whether a key is among the share of all keys that is drawn."""
    return int(rank(*key), 16) < share * 2**256


def stratified(
    members: Iterable[tuple[str, tuple[Any, ...]]], places: int, salt: str
) -> frozenset[str]:
    """Return `places` ids, or all of them if there are not more.

    Strata stand in order, and every N/n-th id of all gives its stratum a place; so
    each has within one of its share, and so has whatever strata are sorted by first.
    The places of a stratum go to the ids that rank first. Every id has the same
    chance, hence a share of the draw estimates that of all. A new id replaces few.

    Args:
        members: each an id with its stratum; strata are compared.
        places: the number of ids to draw.
        salt: another salt draws other ids.
    """
    strata: dict[tuple[Any, ...], list[str]] = defaultdict(list)
    for id_, stratum in members:
        strata[stratum].append(id_)
    total = sum(map(len, strata.values()))
    chosen: list[str] = []
    before = 0
    for stratum in sorted(strata):
        ids = sorted(strata[stratum], key=lambda id_: rank(salt, id_))
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
