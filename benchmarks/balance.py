"""Compare how evenly ways to draw whole repositories divide rows and languages.

Usage: python benchmarks/balance.py data/curated.jsonl [--seeds 10]

Draws 20 % for test and 10 % for validation, once a seed, from the repositories of
the file, from runs of 50 of their changes, and from 200 repositories made up with
languages and sizes as uneven as real ones. The ways: `balanced_draw` of the stage;
the best of 64 random draws by number of rows alone, which the stage did before;
and scikit-learn's StratifiedGroupKFold with ten folds, of which test gets two and
validation one.

Prints means over the seeds: rows that are in the wrong split to meet the shares,
and the distance of a split's languages from those of all (total variation, mean of
the splits), both in per cent, and seconds a draw.
"""

import hashlib
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import mean

import click
import numpy as np
import orjson
from tabulate import tabulate

from diffscribe.core.draw import balanced_draw

SHARES = {"train": 0.7, "validation": 0.1, "test": 0.2}
Groups = dict[str, dict[str, float]]
Draw = dict[str, str]


@click.command()
@click.argument("curated", type=click.Path(path_type=Path))
@click.option("--seeds", default=10, show_default=True)
def main(curated: Path, seeds: int) -> None:
    """Compare draws of the repositories of CURATED."""
    rows = sorted(
        (row["repo"], row["committed_at"], row["languages"] or [""])
        for row in map(orjson.loads, curated.read_bytes().splitlines())
    )
    sets = {
        "repositories": count((repo, languages) for repo, _, languages in rows),
        "intervals": count(
            (f"{repo}:{number // 50}", languages)
            for number, (repo, _, languages) in enumerate(rows)
        ),
        "made up": made_up(200),
    }
    ways = {
        "balanced_draw": lambda groups, seed: balanced_draw(groups, SHARES, seed),
        "by rows alone": by_rows,
        "StratifiedGroupKFold": by_folds,
    }
    lines = []
    for name, groups in sets.items():
        for way, draw in ways.items():
            measured = measure(groups, draw, seeds)
            lines.append([f"{name} ({len(groups)})", way, *measured])
    headers = ["groups", "way", "rows astray %", "languages off %", "s"]
    click.echo(tabulate(lines, headers=headers, floatfmt=("", "", ".2f", ".2f", ".3f")))


def count(rows) -> Groups:
    """Count the rows of each group by language, a row of two half for each."""
    groups: Groups = defaultdict(lambda: defaultdict(float))
    for group, languages in rows:
        for language in languages:
            groups[group][language] += 1 / len(languages)
    return groups


def made_up(number: int) -> Groups:
    """Return groups with Pareto sizes and Dirichlet shares of twelve languages."""
    random = np.random.default_rng(7)
    sizes = (random.pareto(1.2, number) + 1) * 30
    languages = random.dirichlet(np.full(12, 0.5), number)
    return {
        f"r{group}": {
            f"l{language}": round(float(sizes[group] * languages[group][language]))
            for language in range(12)
        }
        for group in range(number)
    }


def measure(
    groups: Groups, draw: Callable[[Groups, int], Draw], seeds: int
) -> tuple[float, float, float]:
    """Return rows astray and languages off, in per cent, and seconds."""
    begin = time.perf_counter()
    drawn = [draw(groups, seed) for seed in range(seeds)]
    seconds = (time.perf_counter() - begin) / seeds
    found = [distances(groups, each) for each in drawn]
    return 100 * mean(a for a, _ in found), 100 * mean(b for _, b in found), seconds


def distances(groups: Groups, drawn: Draw) -> tuple[float, float]:
    """Return the share of rows astray and the mean distance of the languages."""
    total = sum_up(groups.values())
    rows = sum(total.values())
    astray, off = 0.0, []
    for split, share in SHARES.items():
        own = sum_up(groups[name] for name in groups if drawn[name] == split)
        size = sum(own.values())
        astray += abs(size / rows - share) / 2
        off.append(
            sum(abs(own[each] / max(size, 1e-9) - total[each] / rows) for each in total)
            / 2
        )
    return astray, mean(off)


def sum_up(groups) -> Counter[str]:
    """Add up groups."""
    total: Counter[str] = Counter()
    for group in groups:
        total.update(group)
    return total


def by_rows(groups: Groups, seed: int) -> Draw:
    """Return the best of 64 random draws that fill test, then validation."""
    sizes = {name: sum(groups[name].values()) for name in groups}
    targets = {split: SHARES[split] * sum(sizes.values()) for split in SHARES}
    best: tuple[float, Draw] | None = None
    for number in range(64):
        rest = sorted(
            groups,
            key=lambda name: hashlib.sha256(
                f"{seed}:{number}:{name}".encode()
            ).digest(),
        )
        drawn, distance = dict.fromkeys(groups, "train"), 0.0
        for to_leave, split in ((2, "test"), (1, "validation")):
            taken = 0.0
            for name in list(rest):
                nearer = abs(taken + sizes[name] - targets[split]) < abs(
                    taken - targets[split]
                )
                if len(rest) > to_leave and (nearer or taken == 0):
                    drawn[name] = split
                    rest.remove(name)
                    taken += sizes[name]
            distance += abs(taken - targets[split])
        if best is None or distance < best[0]:
            best = distance, drawn
    assert best is not None
    return best[1]


def by_folds(groups: Groups, seed: int) -> Draw:
    """Return two of ten stratified folds as test and one as validation."""
    from sklearn.model_selection import StratifiedGroupKFold

    rows = [
        (name, language)
        for name in sorted(groups)
        for language in sorted(groups[name])
        for _ in range(round(groups[name][language]))
    ]
    names, languages = zip(*rows, strict=True)
    folds = min(10, len(set(names)))
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    drawn = dict.fromkeys(groups, "train")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # languages with fewer rows than folds
        found = list(splitter.split(np.zeros(len(rows)), languages, names))
    tests = max(1, round(folds * SHARES["test"]))
    for split, chosen in (("test", found[:tests]), ("validation", found[tests:][:1])):
        for _, held_out in chosen:
            drawn |= {names[row]: split for row in held_out}
    return drawn


if __name__ == "__main__":
    main()
