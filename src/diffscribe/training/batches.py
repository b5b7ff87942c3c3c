"""In which order samples are trained on."""

import random
from collections.abc import Iterator, Sequence
from itertools import chain

POOL = 16
"""Batches that are sorted together: enough for even lengths, few enough that
a batch still mixes the whole split."""


def training_order(
    lengths: Sequence[int], batch_size: int, epochs: float, seed: int
) -> list[int]:
    """Return the positions to train on, one after the other, for all epochs.

    Each epoch is a shuffle of its own, and its samples are then sorted within
    pools of POOL batches, so that a batch holds similar lengths and little
    padding. A fraction of an epoch is the beginning of one. Written out in
    full, since a run that resumes must go on in the same order.
    """
    random_order = random.Random(seed)  # noqa: S311 - not for secrets
    positions: list[int] = []
    while len(positions) < len(lengths) * epochs:
        epoch = list(range(len(lengths)))
        random_order.shuffle(epoch)
        positions += epoch
    positions = positions[: round(len(lengths) * epochs)]
    order: list[int] = []
    for pool in _chunks(positions, batch_size * POOL):
        *batches, last = _chunks(sorted(pool, key=lengths.__getitem__), batch_size)
        # Only the last batch may be short, or it would shift all that follow.
        if len(last) == batch_size:
            batches.append(last)
            last = []
        random_order.shuffle(batches)
        order += [*chain.from_iterable(batches), *last]
    return order


def _chunks(positions: list[int], size: int) -> Iterator[list[int]]:
    for start in range(0, len(positions), size):
        yield positions[start : start + size]
