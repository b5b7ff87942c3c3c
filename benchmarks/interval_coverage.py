"""Measure how often the 95 % interval holds the truth, and how often tests cry wolf.

Usage: python benchmarks/interval_coverage.py [--evaluations 2000]

Draws evaluations from a world whose truth is known: repositories of unequal size
(log-normal, so that of six the largest has a third of all changes), each with a level
of its own (beta, with the intra-class correlation named), changes, and for 3 of 10
changes a variant that mostly scores the same. Scores are yes/no, graded (most are 0
or 1, as the adjusted Rand index), or differences of two yes/no scores that differ on
a fifth of the changes.

Prints, each with its own 95 % interval: how often `estimate` holds the truth, how often
the percentile bootstrap of the same clusters does, and `estimate` if it is not told of
repositories; how often `paired_test`, and one of a family of eight under Holm, finds a
difference where none is. One process a core.
"""

import os
import zlib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import NamedTuple

import click
import numpy as np
from tabulate import tabulate

from diffscribe.core.intervals import (
    Observation,
    estimate,
    holm,
    paired_test,
    proportion_interval,
)

MEAN_CHANGES = 20
WITH_VARIANT = 0.3
SAME_AS_PARENT = 0.8
DISCORDANT = 0.2
FAMILY = 8
RESAMPLES = 1000
"""Of the percentile bootstrap."""
LEVEL = 0.05


class World(NamedTuple):
    """What evaluations are drawn from."""

    kind: str
    """`yes/no`, `graded` or `difference`."""
    level: float
    """Mean over repositories: of a share, or of the wins among what differs."""
    likeness: float
    """Intra-class correlation of changes of one repository."""
    repositories: int

    @property
    def bounds(self) -> tuple[float, float]:
        """Return the least and greatest value."""
        return (-1.0, 1.0) if self.kind == "difference" else (0.0, 1.0)


class Evaluated(NamedTuple):
    """One simulated evaluation."""

    observations: list[Observation]
    truth: float


@click.command()
@click.option("--evaluations", default=2000, show_default=True)
def main(evaluations: int) -> None:
    """Print coverage and type-I error."""
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(variable, "1")  # workers use all cores already
    with ProcessPoolExecutor() as pool:
        covered = list(pool.map(partial(coverage, evaluations), list(worlds())))
        wrong = list(pool.map(partial(type_one, evaluations), list(no_difference())))
    click.echo(tabulate(covered, headers="keys", disable_numparse=True))
    click.echo()
    click.echo(tabulate(wrong, headers="keys", disable_numparse=True))


def worlds() -> Iterator[World]:
    """Yield the worlds of the first table."""
    for repositories in (1, 2, 3, 6, 8, 12, 20, 50):
        yield World("yes/no", 0.6, 0.05, repositories)
        yield World("yes/no", 0.6, 0.2, repositories)
        yield World("yes/no", 0.9, 0.05, repositories)
        yield World("graded", 0.6, 0.1, repositories)
        yield World("difference", 0.6, 0.1, repositories)
    for repositories in (6, 20):  # the hardest: mostly alike, and some far off
        yield World("yes/no", 0.97, 0.05, repositories)
        yield World("yes/no", 0.9, 0.2, repositories)
    yield World("yes/no", 0.6, 0.1, 200)
    yield World("graded", 0.6, 0.1, 200)


def no_difference() -> Iterator[World]:
    """Yield the worlds of the second table."""
    yield World("difference", 0.5, 0.0, 3)
    for repositories in (6, 12, 50):
        for likeness in (0.0, 0.1):
            yield World("difference", 0.5, likeness, repositories)


def coverage(evaluations: int, world: World) -> dict[str, str]:
    """Return a line of the first table."""
    held, low, high, percentile, changes, widths = 0, 0, 0, 0, 0, []
    for number, (observations, truth) in enumerate(draw(world, evaluations)):
        found = estimate(observations, world.bounds)
        held += found.low <= truth <= found.high
        low += found.high < truth
        high += truth < found.low
        widths.append(found.high - found.low)
        ends = percentile_interval(observations, found.scope, number)
        percentile += ends[0] <= truth <= ends[1]
        alone = [Observation(each.cluster, each.value) for each in observations]
        ignored = estimate(alone, world.bounds)
        changes += ignored.low <= truth <= ignored.high
    return {
        "scores": f"{world.kind} {world.level:g}",
        "alike": f"{world.likeness:g}",
        "repositories": str(world.repositories),
        "holds the truth %": with_interval(held, evaluations),
        "is below, above %": f"{100 * low / evaluations:.1f}, "
        f"{100 * high / evaluations:.1f}",
        "median width": f"{100 * np.median(widths):.1f}",
        "percentiles do %": with_interval(percentile, evaluations),
        "of changes alone %": with_interval(changes, evaluations),
    }


def type_one(evaluations: int, world: World) -> dict[str, str]:
    """Return a line of the second table; the truth is no difference at all."""
    single, family = 0, 0
    drawn = zip(
        *(draw(world, evaluations, salt) for salt in range(FAMILY)), strict=True
    )
    for systems in drawn:
        p_values = [paired_test(each.observations, world.bounds) for each in systems]
        single += p_values[0] < LEVEL
        family += min(holm(p_values)) < LEVEL
    return {
        "alike": f"{world.likeness:g}",
        "repositories": str(world.repositories),
        "paired test %": with_interval(single, evaluations),
        f"one of {FAMILY} under Holm %": with_interval(family, evaluations),
    }


def draw(world: World, evaluations: int, salt: int = 0) -> Iterator[Evaluated]:
    """Yield simulated evaluations, the same for a world whatever else is drawn."""
    random = np.random.default_rng(zlib.crc32(f"{world}{salt}".encode()))
    few = world.repositories < 6
    for _ in range(evaluations):
        sizes = random.lognormal(0, 1, world.repositories)
        mean = 120 / world.repositories if few else MEAN_CHANGES
        scaled = sizes / (sizes.mean() if few else np.exp(0.5)) * mean
        changes = np.maximum(2, scaled.round()).astype(int)
        spread = 1 / world.likeness - 1 if world.likeness else None
        levels = (
            random.beta(world.level * spread, (1 - world.level) * spread, len(changes))
            if spread
            else np.full(len(changes), world.level)
        )
        level_of = np.repeat(levels, changes)
        values = score(random, world.kind, level_of)
        parents = np.flatnonzero(random.random(len(values)) < WITH_VARIANT)
        again = score(random, world.kind, level_of[parents])
        same = random.random(len(parents)) < SAME_AS_PARENT
        variants = np.where(same, values[parents], again)
        repo_of = np.repeat(np.arange(len(changes)), changes)
        everything = [
            *zip(range(len(values)), values, repo_of, strict=True),
            *zip(parents, variants, repo_of[parents], strict=True),
        ]
        observations = [
            Observation(str(change), float(value), str(repo))
            for change, value, repo in everything
        ]
        if few:  # what is asked then is the mean in these repositories
            counts = np.bincount([repo for _, _, repo in everything])
            truth = float((mean_score(world.kind, levels) * counts).sum())
            truth /= counts.sum()
        else:
            truth = float(mean_score(world.kind, np.array(world.level)))
        yield Evaluated(observations, truth)


def score(random: np.random.Generator, kind: str, levels: np.ndarray) -> np.ndarray:
    """Return one score a level."""
    dice = random.random(len(levels))
    if kind == "yes/no":
        return (dice < levels).astype(float)
    if kind == "difference":
        wins = np.where(random.random(len(levels)) < levels, 1.0, -1.0)
        return np.where(dice < DISCORDANT, wins, 0.0)
    graded = random.beta(2, 2, len(levels))
    ones, zeros = 0.8 * levels, 0.5 * (1 - levels)
    return np.where(dice < ones, 1.0, np.where(dice > 1 - zeros, 0.0, graded))


def mean_score(kind: str, levels: np.ndarray) -> np.ndarray:
    """Return the expected score at a level."""
    if kind == "yes/no":
        return levels
    if kind == "difference":
        return DISCORDANT * (2 * levels - 1)
    return 0.8 * levels + 0.5 * (1 - 0.8 * levels - 0.5 * (1 - levels))


def percentile_interval(
    observations: list[Observation], scope: str, seed: int
) -> tuple[float, float]:
    """Return the interval that most evaluations report, of the same clusters."""
    names = [each.repo if scope == "repositories" else each for each in observations]
    keys = [name if isinstance(name, str) else name.cluster for name in names]
    codes = np.unique(keys, return_inverse=True)[1]
    sums = np.bincount(codes, [each.value for each in observations])
    counts = np.bincount(codes)
    random = np.random.default_rng(seed)
    drawn = random.integers(0, len(sums), (RESAMPLES, len(sums)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def with_interval(count: int, n: int) -> str:
    """Return a share in percent with its exact interval."""
    low, high = proportion_interval(count, n)
    return f"{100 * count / n:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


if __name__ == "__main__":
    main()
