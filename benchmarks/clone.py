"""What it costs that `make clone` can go on where it stopped, against `git clone`.

Usage: python benchmarks/clone.py REPOSITORY... [--runs 5]

Serves each repository with git's own daemon on this machine and brings HEAD with all of
its history both ways, in turn: `git clone --bare --single-branch --no-tags`, and ours.
CPU time is of git and ours, not the daemon's. Ratios are medians over the runs of
ratios within a run. Then what share of the bytes each step brought: an interruption
costs the step it meets, where `git clone` begins anew.
"""

import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import click

OURS = """
import sys
from pathlib import Path
from diffscribe.doors.clone import clone
clone(sys.argv[1], sys.argv[2], Path(sys.argv[3]), lambda words: None)
"""
THEIRS = ("git", "clone", "-q", "--bare", "--single-branch", "--no-tags")


class Cost(NamedTuple):
    """What one run took, and left on the disk."""

    wall_s: float
    cpu_s: float
    megabytes: float


@click.command()
@click.argument("repositories", nargs=-1, required=True, type=click.Path(exists=True))
@click.option("--runs", default=5, show_default=True)
def main(repositories: tuple[str, ...], runs: int) -> None:
    """Print a table and ratios for each of REPOSITORIES."""
    for path in map(Path, repositories):
        with _served(path) as url:
            commits = _git(path, "rev-list", "--count", "HEAD")
            print(f"\n{path}: {commits} commits, n = {runs}")
            _compare(url, _git(path, "rev-parse", "HEAD"), runs)


def _compare(url: str, revision: str, runs: int) -> None:
    pairs = []
    for _ in range(runs):
        theirs = _cost(lambda folder: [*THEIRS, url, f"{folder}/x"])
        ours = _cost(lambda folder: _ours(url, revision, folder))
        pairs.append((theirs, ours))
    for name, costs in zip(
        ("git clone", "ours"), zip(*pairs, strict=True), strict=True
    ):
        middle = [statistics.median(each) for each in zip(*costs, strict=True)]
        print("{:10} {:6.2f} s wall {:6.2f} s CPU {:7.1f} MB".format(name, *middle))
    for at, field in enumerate(Cost._fields):
        ratio = statistics.median(ours[at] / theirs[at] for theirs, ours in pairs)
        print(f"ours / git clone, {field}: {ratio:.2f}")
    print("steps, in percent of all bytes:", *_steps(url, revision))


def _ours(url: str, revision: str, folder: str) -> list[str]:
    return [sys.executable, "-c", OURS, url, revision, folder]


def _cost(command: Callable[[str], list[str]]) -> Cost:
    with tempfile.TemporaryDirectory() as folder:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        begin = time.perf_counter()
        subprocess.run(command(folder), check=True)
        wall_s = time.perf_counter() - begin
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu_s = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
        size = sum(each.stat().st_size for each in Path(folder).rglob("*.pack"))
        return Cost(wall_s, cpu_s, size / 2**20)


def _steps(url: str, revision: str) -> list[str]:
    """Return what share each step brought: the most that an interruption costs."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(_ours(url, revision, folder), check=True)
        packs = [each.stat() for each in Path(folder).rglob("*.pack")]
    total = sum(pack.st_size for pack in packs)
    in_order = sorted(packs, key=lambda pack: pack.st_mtime_ns)
    return [f"{100 * pack.st_size / total:.0f}" for pack in in_order]


@contextmanager
def _served(path: Path) -> Iterator[str]:
    """Give the URL of a repository, whose name says no more than where it lies."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        (Path(folder) / "name.git").symlink_to(path.resolve())
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        options = ["--export-all", "--listen=127.0.0.1", f"--port={port}"]
        command = ["git", "daemon", "--reuseaddr", *options, f"--base-path={folder}"]
        with subprocess.Popen(command) as daemon:
            while socket.socket().connect_ex(("127.0.0.1", port)) != 0:
                time.sleep(0.02)
            yield f"git://127.0.0.1:{port}/name.git"
            daemon.terminate()


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


if __name__ == "__main__":
    main()
