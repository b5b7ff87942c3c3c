"""Draws by hashes of what is drawn, so that the order of the rows plays no part."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
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
    The places of a stratum go to the ids that rank first, with another salt to others.
    Every id has the same chance, hence a share of the draw estimates that of all. A new
    id replaces few.
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


# A draw of whole groups that balances their sizes and languages.

_STARTS = 4
_PARTNERS = 200
"""Groups tried for an exchange with one, so that time grows with their number."""
_LEAST_GAIN = 1e-4
"""In shares of all rows; smaller gains take many rounds and change nothing visible."""


def balanced_draw(
    groups: Mapping[str, Mapping[str, float]], shares: Mapping[str, float], seed: int
) -> dict[str, str]:
    """Return the split of each group, given the rows it has of each stratum.

    Groups are moved and exchanged as long as the splits come nearer to their shares of
    all rows and of each stratum, from a few orders that depend on the groups' names and
    the seed; the nearest end counts. Each split gets at least one group, so there have
    to be as many.
    """
    import numpy as np

    names = sorted(groups)
    strata = sorted({stratum for rows in groups.values() for stratum in rows})
    rows = np.array([[groups[name].get(each, 0) for each in strata] for name in names])
    rows = np.hstack([rows, rows.sum(axis=1, keepdims=True)]) / rows.sum()
    wanted = np.outer(list(shares.values()), rows.sum(axis=0)) / sum(shares.values())
    draws = []
    for start in range(_STARTS):
        order = sorted(range(len(names)), key=lambda n: rank(seed, start, names[n]))
        drawn, left = _first(rows, wanted, order)
        while _improve(rows, left, drawn, order):
            pass
        draws.append((round(float(abs(left).sum()), 6), start, drawn.tolist()))
    splits = list(shares)
    return dict(zip(names, (splits[number] for number in min(draws)[2]), strict=True))


def _first(rows: Any, wanted: Any, order: Sequence[int]) -> tuple[Any, Any]:
    """Give each group in turn to the split that it brings nearest to its share."""
    import numpy as np

    drawn = np.zeros(len(order), dtype=int)
    left = wanted.copy()
    empty = set(range(len(wanted)))
    for done, group in enumerate(order):
        costs = _cost(left, rows[group])
        if len(order) - done == len(empty):
            costs[[split not in empty for split in range(len(wanted))]] = np.inf
        drawn[group] = costs.argmin()
        left[drawn[group]] -= rows[group]
        empty.discard(int(drawn[group]))
    return drawn, left


def _improve(rows: Any, left: Any, drawn: Any, order: Sequence[int]) -> bool:
    """Move or exchange each group in turn if that gains; tell whether any did."""
    import numpy as np

    gained = False
    for done, group in enumerate(order):
        here = drawn[group]
        moves = _cost(left, rows[group]) + _cost(left[here], -rows[group])
        moves[here] = 0.0
        if (drawn == here).sum() == 1:
            moves[:] = 0.0
        others = np.array(order[done : done + _PARTNERS])
        surplus = rows[others] - rows[group]
        exchanges = _cost(left[here], surplus) + _cost(left[drawn[others]], -surplus)
        if min(moves.min(), exchanges.min()) > -_LEAST_GAIN:
            continue
        if moves.min() <= exchanges.min():
            there = int(moves.argmin())
        else:
            other = others[exchanges.argmin()]
            there = drawn[other]
            _give(rows, left, drawn, other, here)
        _give(rows, left, drawn, group, there)
        gained = True
    return gained


def _cost(left: Any, taken: Any) -> Any:
    """Return how much farther from its share a split is with rows taken."""
    return abs(left - taken).sum(axis=-1) - abs(left).sum(axis=-1)


def _give(rows: Any, left: Any, drawn: Any, group: int, split: int) -> None:
    left[drawn[group]] += rows[group]
    left[split] -= rows[group]
    drawn[group] = split
