"""Plant leaks in real splits and count how many the leak checker finds.

Usage: python benchmarks/leaks.py data/splits [--each 200] [--seed 7]

For each kind of leak so many training rows are copied, and each copy gives away
just one thing of a held-out row: a commit; the same patch with other positions,
whitespace and blobs; other lines in the same files; the same lines in a file of
another name, with words exchanged (Jaccard index from the checker's limit to 1,
computed here on plain sets). All rows are real but for that.

Prints how many of each kind are found and how many other rows are reported,
then time and memory of a check, with the time that comparing the near-duplicates
pair by pair would take as the peer, measured on a sample in the same run.
"""

import re
import resource
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import click
import numpy as np
from tabulate import tabulate

from diffscribe.commits.diff import parse_diff
from diffscribe.core.files import read_jsonl
from diffscribe.core.records import SplitChange
from diffscribe.split.leaks import (
    SIMILARITY,
    Benchmark,
    LeakKind,
    find_leaks,
    shingle_changes,
)

SPLITS = ("train", "validation", "test")
Rows = Mapping[str, Sequence[SplitChange]]
Fields = dict[str, Any]
NO_BENCHMARK = Benchmark(frozenset(), frozenset())


@click.command()
@click.argument("splits", type=click.Path(path_type=Path))
@click.option("--each", default=200, show_default=True, help="Leaks of each kind.")
@click.option("--seed", default=7, show_default=True)
def main(splits: Path, each: int, seed: int) -> None:
    """Plant EACH leaks of each kind in SPLITS and count those found."""
    rows = {
        name: list(read_jsonl(splits / f"{name}.jsonl", SplitChange)) for name in SPLITS
    }
    before = find_leaks(rows, NO_BENCHMARK, False)
    click.echo(f"{sum(map(len, rows.values()))} rows, {len(before)} leaks before")
    table = [
        (kind.value, each, *count_found(rows, kind, each, seed)) for kind in LeakKind
    ]
    click.echo(tabulate(table, headers=["kind", "planted", "found", "others reported"]))
    click.echo(speed(rows))


def count_found(rows: Rows, kind: LeakKind, each: int, seed: int) -> tuple[int, int]:
    """Return how many planted leaks are found, and how many other rows reported."""
    splits, planted, benchmark = plant(rows, kind, each, seed)
    leaks = find_leaks(splits, benchmark, kind == LeakKind.REPOSITORY)
    found = {leak.id for leak in leaks if leak.kind == kind}
    return len(found & planted), len({leak.id for leak in leaks} - planted)


def plant(
    rows: Rows, kind: LeakKind, each: int, seed: int
) -> tuple[Rows, set[str], Benchmark]:
    """Return the splits with leaks, the ids of the leaking rows, and a benchmark."""
    draw = Random(f"{seed}:{kind}")
    originals = [row for row in rows["train"] if row.parent_id is None]
    held_out = [row for name in SPLITS[1:] for row in rows[name]]
    leaking = []
    for number, row in enumerate(draw.sample(originals, each)):
        fields = {"id": f"planted-{number}", "commits": unknown_commits(row, number)}
        if kind != LeakKind.BENCHMARK:
            fields |= LEAKS[kind](held_out, draw)
        leaking.append(row.model_copy(update=fields))
    benchmark = NO_BENCHMARK
    if kind == LeakKind.BENCHMARK:
        shas = {draw.choice(row.commits).sha for row in leaking}
        benchmark = Benchmark(frozenset(), frozenset(shas))
    splits = {**rows, "train": [*rows["train"], *leaking]}
    return splits, {row.id for row in leaking}, benchmark


def unknown_commits(row: SplitChange, number: int) -> tuple[Any, ...]:
    """Return the commits of a row under names of their own."""
    return tuple(
        commit.model_copy(update={"sha": f"{number:020}{position:020}"})
        for position, commit in enumerate(row.commits)
    )


def share_repository(held_out: Sequence[SplitChange], draw: Random) -> Fields:
    """Be of the repository of a held-out row."""
    return {"repo": draw.choice(held_out).repo}


def share_commit(held_out: Sequence[SplitChange], draw: Random) -> Fields:
    """Have one commit of a held-out row."""
    return {"commits": (draw.choice(draw.choice(held_out).commits),)}


def share_patch(held_out: Sequence[SplitChange], draw: Random) -> Fields:
    """Have the patch of a held-out row at other lines, with tabs for spaces."""
    victim = draw.choice(held_out)
    text = ""
    for patch in parse_diff(victim.diff):
        for line in patch.header:
            is_id = line.startswith("index ") and not patch.is_binary
            text += f"index {draw.getrandbits(160):040x}..0\n" if is_id else line
        for hunk in patch.hunks:
            old, new = (
                sum(line[0] in signs for line in hunk.lines) for signs in (" -", " +")
            )
            text += f"@@ -{draw.randrange(999)},{old} +7,{new} @@ there\n"
            text += "".join(
                line[0] + line[1:].replace("    ", "\t") for line in hunk.lines
            )
    return {"diff": text, **files_of(victim)}


def share_files(held_out: Sequence[SplitChange], draw: Random) -> Fields:
    """Change the files of a held-out row in another way."""
    several = [each for each in held_out if names_of_its_own(each)]
    victim = draw.choice(several)
    text = "".join(
        new_file(file.path, [f"{draw.random()} {draw.random()}"])
        for file in victim.files
    )
    return {"diff": text, **files_of(victim)}


def near_duplicate(held_out: Sequence[SplitChange], draw: Random) -> Fields:
    """Have the lines of a held-out row in a file of another name, words exchanged."""
    victim = draw.choice(
        [each for each in held_out if not each.parent_id and changed_lines(each.diff)]
    )
    lines = changed_lines(victim.diff)
    wanted = draw.uniform(SIMILARITY, 1)
    changed = lines
    for _ in range(50):
        trial = exchange_word(changed, draw)
        if jaccard(runs(trial), runs(lines)) >= wanted:
            changed = trial
    path = f"planted/{draw.getrandbits(64):x}.txt"
    return {"diff": new_file(path, changed), "files": ()}


def share_parent(held_out: Sequence[SplitChange], draw: Random) -> Fields:
    """Be a variant of a held-out row."""
    parents = [each.id for each in held_out if each.parent_id is None]
    return {"parent_id": draw.choice(parents)}


def share_sibling(held_out: Sequence[SplitChange], draw: Random) -> Fields:
    """Be a variant of what a held-out row is a variant of."""
    return {
        "parent_id": draw.choice(
            [each.parent_id for each in held_out if each.parent_id]
        )
    }


LEAKS: dict[LeakKind, Callable[[Sequence[SplitChange], Random], Fields]] = {
    LeakKind.REPOSITORY: share_repository,
    LeakKind.COMMIT: share_commit,
    LeakKind.PATCH_ID: share_patch,
    LeakKind.FILE_SET: share_files,
    LeakKind.NEAR_DUPLICATE: near_duplicate,
    LeakKind.PARENT: share_parent,
    LeakKind.VARIANT: share_sibling,
}


def files_of(victim: SplitChange) -> Fields:
    """Return the files of a row, and which of them the checker leaves out."""
    return {"files": victim.files, "junk": victim.junk, "decoys": victim.decoys}


def names_of_its_own(row: SplitChange) -> bool:
    """Tell if a row has two files or more, and not only such as every project has."""
    injected = {*row.junk, *row.decoys}
    paths = [file.path for file in row.files if file.path not in injected]
    return len(paths) > 1 and any("/" in path and path[0] != "." for path in paths)


def changed_lines(diff: str) -> list[str]:
    """Return the added and removed lines, with sign and without line feed."""
    return [
        line.rstrip("\n")
        for patch in parse_diff(diff)
        for hunk in patch.hunks
        for line in hunk.lines
        if line[0] in "+-"
    ]


def new_file(path: str, signed_lines: list[str]) -> str:
    """Return a diff of one file with these lines, each added unless it has a sign."""
    lines = [line if line[:1] in ("+", "-") else f"+{line}" for line in signed_lines]
    old = sum(line[0] == "-" for line in lines)
    return (
        f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n"
        f"@@ -1,{old} +1,{len(lines) - old} @@\n"
        + "".join(f"{line}\n" for line in lines)
    )


def exchange_word(lines: list[str], draw: Random) -> list[str]:
    """Return the lines with another word in place of one, which may be a sign."""
    lines = list(lines)
    number = draw.randrange(len(lines))
    words = re.findall(r"\w+|\s+|[^\w\s]", lines[number][1:])
    if words:
        words[draw.randrange(len(words))] = f" w{draw.getrandbits(32)} "
    lines[number] = lines[number][0] + "".join(words)
    return lines


def runs(lines: list[str]) -> set[tuple[str, ...]]:
    """Return all runs of five words and signs of each side, fewer at its end."""
    found = set()
    for side in "-+":
        text = "\n".join(line[1:] for line in lines if line[0] == side)
        words = re.findall(r"\w+|[^\w\s]", text)
        found |= {(side, *words[at : at + 5]) for at in range(len(words))}
    return found


def jaccard(one: set[Any], other: set[Any]) -> float:
    """Return the Jaccard index of two sets."""
    return len(one & other) / len(one | other)


def speed(rows: Rows) -> str:
    """Measure a check and, on a sample, comparing shingles pair by pair."""
    walls, cpus = [], []
    for _ in range(3):
        wall, cpu = time.perf_counter(), time.process_time()
        find_leaks(rows, NO_BENCHMARK, False)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    shingles = [
        shingle_changes(("", "\n".join(changed_lines(row.diff))) for row in rows[name])
        for name in SPLITS
    ]
    draw = Random(7)
    begin = time.perf_counter()
    sample = [
        (draw.choice(shingles[0]), draw.choice(shingles[2])) for _ in range(20_000)
    ]
    for one, other in sample:
        np.intersect1d(one, other, assume_unique=True)
    sizes = [len(each) for each in shingles]
    pairs = sizes[0] * (sizes[1] + sizes[2]) + sizes[1] * sizes[2]
    brute = (time.perf_counter() - begin) / len(sample) * pairs
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return (
        f"check of {sum(sizes)} rows: {median(walls):.2f} s wall, {median(cpus):.2f} s "
        f"CPU (median of 3), {sum(sizes) / median(walls):.0f} rows/s; pair by pair "
        f"{brute:.0f} s, ratio {brute / median(walls):.0f}; peak {memory:.0f} MiB"
    )


if __name__ == "__main__":
    main()
