"""How fast near-duplicates are found, and whether all are, against all pairs.

Usage: python benchmarks/near_duplicates.py REPOSITORY... [--documents 8000] [--runs 5]

Documents are the diffs of the repositories' commits, of 1,000 to 20,000 characters,
and after each tenth of them a copy in which a random share of the words is replaced.
Both ways get the text of the diffs and return their clusters at a Jaccard index of 0.7:
ours, and an exhaustive one, which counts the shingles that each two documents share by
a sparse matrix product. Speed is the CPU time of one core, each run in a process of its
own, medians of runs in turn. Recall is the share of all pairs with a true index of at
least 0.7 that share a cluster. The second line compares digests with git's patch-id.
Linux only.
"""

import os
import random
import re
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
from scipy import sparse

from diffscribe.commits.diff import diff_digest
from diffscribe.commits.near_duplicates import clusters, shingle

SIMILARITY = 0.7
LOG = "log -p -M --no-merges --no-color --no-ext-diff --no-textconv --format=%x00 HEAD"
WORD = re.compile(r"\w+")
Way = Callable[[Sequence[str]], list[int]]


class Run(NamedTuple):
    """What one run took in a process of its own."""

    firsts: list[int]
    cpu_s: float
    peak_mib: float
    """Above what the process had before, the documents included."""


def ours(documents: Sequence[str]) -> list[int]:
    """Return what curate gets."""
    return clusters(documents, SIMILARITY)


def linked(count: int, pairs: Sequence[tuple[int, int]]) -> list[int]:
    """Return a label of the connected component of each document."""
    rows, columns = np.array([*pairs, (0, 0)]).T
    graph = sparse.coo_array((np.ones(len(rows)), (rows, columns)), (count, count))
    _, labels = sparse.csgraph.connected_components(graph, directed=False)
    return [int(label) for label in labels]


def exhaustive(documents: Sequence[str]) -> list[int]:
    """Return the clusters of all pairs that are similar enough."""
    return linked(len(documents), true_pairs(documents))


def true_pairs(documents: Sequence[str]) -> list[tuple[int, int]]:
    """Return all pairs that are similar enough, by counting what each two share."""
    sets = [shingle(each) for each in documents]
    _, columns = np.unique(np.concatenate(sets), return_inverse=True)
    starts = np.cumsum([0, *map(len, sets)])
    incidence = sparse.csr_array((np.ones(len(columns), np.int32), columns, starts))
    sizes = np.diff(incidence.indptr)
    pairs = []
    for start in range(0, len(documents), 200):
        shared = (incidence[start : start + 200] @ incidence.T).tocoo()
        rows = shared.row + start
        union = sizes[rows] + sizes[shared.col] - shared.data
        chosen = (shared.data >= SIMILARITY * union) & (rows < shared.col)
        pairs += zip(rows[chosen].tolist(), shared.col[chosen].tolist(), strict=True)
    return pairs


def patch_ids(documents: Sequence[str]) -> list[str]:
    """Return git's own patch-id of each diff."""
    stream = "".join(f"commit {n:040x}\n\n{each}" for n, each in enumerate(documents))
    command = ["git", "patch-id", "--stable"]
    answer = subprocess.run(
        command, input=stream.encode(), capture_output=True, check=True
    ).stdout.decode()
    ids = {
        int(commit, 16): found for found, commit in map(str.split, answer.splitlines())
    }
    return [ids.get(number, str(number)) for number in range(len(documents))]


def repeated(values: Sequence[str]) -> dict[int, int]:
    """Return the index of the first equal value, of those that have one."""
    first: dict[str, int] = {}
    found = ((n, first.setdefault(value, n)) for n, value in enumerate(values))
    return {number: before for number, before in found if number != before}


def corpus(repositories: Sequence[str], count: int) -> list[str]:
    """Return diffs of the repositories in turn, and copies of some of them."""
    diffs: list[str] = []
    for repository in repositories:
        command = ["git", "-C", repository, *LOG.split()]
        log = subprocess.run(command, capture_output=True, check=True).stdout
        texts = [
            each.strip(b"\n").decode("utf-8", "replace") for each in log.split(b"\0")
        ]
        fitting = [f"{each}\n" for each in texts if 1000 <= len(each) <= 20_000]
        diffs += fitting[: count // len(repositories)]
    documents = []
    for number, diff in enumerate(diffs):
        documents.append(diff)
        if number % 10 == 0:
            documents.append(altered(diff, random.Random(number)))
    return documents


def altered(diff: str, draw: random.Random) -> str:
    """Replace up to a tenth of the words of the added and removed lines."""
    share = draw.uniform(0, 0.1)

    def other(word: re.Match[str]) -> str:
        return f"{word[0]}x" if draw.random() < share else word[0]

    lines = diff.split("\n")
    return "\n".join(
        WORD.sub(other, line)
        if line[:1] in ("+", "-") and line[:4] not in ("+++ ", "--- ")
        else line
        for line in lines
    )


def alone(way: Way, documents: Sequence[str]) -> Run:
    """Run a way on one core in a new process, which no other run has filled."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(measured, (way, documents))


def measured(way: Way, documents: Sequence[str]) -> Run:
    """Return what a way takes here."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    way(documents[:50])  # imports
    before = peak_mib(reset=True)
    start = time.process_time()
    firsts = way(documents)
    seconds = time.process_time() - start
    return Run(firsts, seconds, peak_mib() - before)


def peak_mib(*, reset: bool = False) -> float:
    """Return the most memory that this process had since the last reset."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024


@click.command()
@click.argument("repositories", nargs=-1, required=True)
@click.option("--documents", "count", default=8000, show_default=True)
@click.option("--runs", default=5, show_default=True)
def main(repositories: Sequence[str], count: int, runs: int) -> None:
    """Print speed, memory and recall of each way."""
    documents = corpus(repositories, count)
    size = sum(len(shingle(each)) for each in documents) / len(documents)
    pairs = true_pairs(documents)
    click.echo(
        f"{len(documents)} documents, {size:.0f} shingles each, "
        f"{len(pairs)} pairs of at least {SIMILARITY}"
    )
    by_git = repeated(patch_ids(documents))
    digests = [diff_digest(each) for each in documents]
    equal = sum(digests[one] == digests[other] for one, other in by_git.items())
    click.echo(
        f"{len(by_git)} repeat a git patch-id, {equal} of these also a digest; "
        f"{len(repeated(digests))} repeat a digest"
    )
    ways: dict[str, Way] = {"ours": ours, "exhaustive": exhaustive}
    taken: dict[str, list[Run]] = {name: [] for name in ways}
    for _ in range(runs):
        for name, way in ways.items():
            taken[name].append(alone(way, documents))
    for name, done in taken.items():
        speed = statistics.median(len(documents) / each.cpu_s for each in done)
        ratio = statistics.median(
            theirs.cpu_s / mine.cpu_s
            for theirs, mine in zip(done, taken["ours"], strict=True)
        )
        firsts = done[0].firsts
        found = sum(firsts[one] == firsts[other] for one, other in pairs)
        click.echo(
            f"{name:20} {speed:6.0f} documents/s, ours is {ratio:.1f} times as fast; "
            f"peak {done[0].peak_mib:.0f} MiB; recall {found / len(pairs):.4f}"
        )


if __name__ == "__main__":
    main()
