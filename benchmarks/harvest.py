"""How fast a history is read, against git itself, PyDriller and a pygit2 loop.

Usage: python benchmarks/harvest.py REPOSITORY... [--runs 5] [--sizes 1000,2000,4000]

Reads every commit that HEAD holds, merges aside, each way in a process of its own and
in turn. `git log` prints `-p -M --no-merges` into /dev/null; ours is the stage itself,
from start to end, and writes its rows to a file. Our filters on messages cannot be
turned off (fixup, WIP, reverts), so all ratios are of time for each commit diffed. The
default filters are then those of params.yaml for commits and windows. Ratios are
medians over the runs of ratios within a run. CPU time includes all child processes.
Memory is the proportional set size, sampled in a run of its own: of a worker with its
git, or of the one process. PyDriller reads the newest 500 commits. Linux; needs the
extra `benchmarks`.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import click
import yaml

ROOT = Path(__file__).resolve().parents[1]
PYDRILLER_COMMITS = 500
SAMPLE_S = 0.05
GIT = ("git", "log", "-p", "-M", "--no-merges", "HEAD")
EVERY_COMMIT = {
    "max_window_commits": 1,
    "windows_per_commit": 1.0,
    "max_commits_per_source": 10**8,
    "bot_authors": [],
    "max_files": 10**8,
    "max_diff_chars": 10**9,
}
DEFAULT_FILTERS = {
    key: EVERY_COMMIT[key]
    for key in ("max_window_commits", "windows_per_commit", "max_commits_per_source")
}


class Way(NamedTuple):
    """A command that reads a history."""

    command: list[str]
    commits: int
    """That it diffs, or names a reason for not to."""


class Cost(NamedTuple):
    """What one run took."""

    wall_s: float
    cpu_s: float


@click.command()
@click.argument("repositories", nargs=-1, required=True, type=click.Path(exists=True))
@click.option("--runs", default=5, show_default=True)
@click.option("--sizes", default="1000,2000,4000,8000", show_default=True)
def main(repositories: tuple[str, ...], runs: int, sizes: str) -> None:
    """Print a table and ratios for each of REPOSITORIES."""
    for path in repositories:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            lent = _lent(Path(path), folder / "lent.git")
            print(f"\n{path}: {_count(lent, '--no-merges')} commits without merges")
            ways = _ways(lent, folder)
            _compare(lent, ways, runs)
            _grow(lent, folder, [int(size) for size in sizes.split(",")], runs)


def _lent(source: Path, folder: Path) -> Path:
    """Return a bare repository with the objects of the source, and HEAD alone."""
    _git(folder.parent, "init", "-q", "--bare", "-b", "main", str(folder))
    objects = Path(_git(source, "rev-parse", "--git-path", "objects"))
    alternates = folder / "objects/info/alternates"
    alternates.write_text(f"{(source / objects).resolve()}\n")
    _git(folder, "update-ref", "refs/heads/main", _git(source, "rev-parse", "HEAD"))
    return folder


def _ways(lent: Path, folder: Path) -> dict[str, Way]:
    commits = _count(lent, "--no-merges")
    this = [sys.executable, str(Path(__file__))]
    few = min(PYDRILLER_COMMITS, commits)
    return {
        "git log -p -M": Way(list(GIT), commits),
        "ours, 2 workers": _ours(lent, folder, EVERY_COMMIT | {"workers": 2}),
        "ours, 1 worker": _ours(lent, folder, EVERY_COMMIT | {"workers": 1}),
        "ours, 2 workers, default filters": _ours(
            lent, folder, DEFAULT_FILTERS | {"workers": 2}
        ),
        "pygit2 loop": Way([*this, "--peer", "pygit2", str(lent)], commits),
        "PyDriller": Way([*this, "--peer", "pydriller", str(lent)], few),
    }


def _ours(lent: Path, folder: Path, changed: dict[str, object]) -> Way:
    """Return the stage, and how many commits it diffed or named a reason for."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    source = {"path": str(lent), "branches": "all"}
    params["harvest"] |= {"sources": [source], **changed}
    path = folder / f"{len(list(folder.iterdir()))}.yaml"
    path.write_text(yaml.safe_dump(params))
    script, out, metrics = (
        ROOT / "scripts/harvest.py",
        folder / "out",
        folder / "m.json",
    )
    outputs = map(str, (out, metrics, folder / "headline.json"))
    command = [sys.executable, str(script), *outputs, f"--params={path}"]
    timed(command, lent)
    counts = json.loads(metrics.read_text())
    is_every = "bot_authors" in changed
    kept = counts["windows"] if is_every else counts["commits"]
    print(
        f"  ours reads {counts['commits']} commits, diffs or refuses "
        f"{counts['windows']}, writes {counts['changes']} changes"
    )
    return Way(command, kept - (0 if is_every else counts["commits_dropped"]["merge"]))


def _compare(lent: Path, ways: dict[str, Way], runs: int) -> None:
    costs: dict[str, list[Cost]] = {name: [] for name in ways}
    names = list(ways)
    for number in range(runs):
        turned = names[number % len(names) :] + names[: number % len(names)]
        for name in turned:
            costs[name].append(timed(ways[name].command, lent))
    print(
        f"\n| way (n = {runs}) | wall s | CPU s | MiB | commits/s "
        "| wall of git's | CPU of git's |"
    )
    print("|---|---|---|---|---|---|---|")
    reference = ways["git log -p -M"].commits
    for name, way in ways.items():
        wall = statistics.median(cost.wall_s for cost in costs[name])
        cpu = statistics.median(cost.cpu_s for cost in costs[name])
        share = reference / way.commits
        pairs = list(zip(costs[name], costs["git log -p -M"], strict=True))
        of_wall = statistics.median(a.wall_s * share / b.wall_s for a, b in pairs)
        of_cpu = statistics.median(a.cpu_s * share / b.cpu_s for a, b in pairs)
        print(
            f"| {name} | {wall:.2f} | {cpu:.2f} | {memory_mib(way.command, lent):.0f} "
            f"| {way.commits / wall:.0f} | {of_wall:.2f} | {of_cpu:.2f} |"
        )
    _ratios(ways, costs)


def _ratios(ways: dict[str, Way], costs: dict[str, list[Cost]]) -> None:
    def faster(one: str, other: str) -> float:
        return statistics.median(
            (b.wall_s / ways[other].commits) / (a.wall_s / ways[one].commits)
            for a, b in zip(costs[one], costs[other], strict=True)
        )

    two = "ours, 2 workers"
    print(f"\n2 workers / 1 worker: {faster(two, 'ours, 1 worker'):.2f}")
    filtered = "ours, 2 workers, default filters"
    print(f"default filters / every commit: {faster(filtered, two):.2f}")
    print(f"ours / PyDriller: {faster(two, 'PyDriller'):.1f}")
    print(f"ours / pygit2 loop: {faster(two, 'pygit2 loop'):.1f}")


def _grow(lent: Path, folder: Path, sizes: list[int], runs: int) -> None:
    """Print what the newest commits cost, more of them each time."""
    print("\n| newest commits | wall s | ms a commit | peak MiB of all processes |")
    print("|---|---|---|---|")
    for size in (each for each in sizes if each <= _count(lent)):
        limited = EVERY_COMMIT | {"workers": 2, "max_commits_per_source": size}
        way = _ours(lent, folder, limited)
        wall = statistics.median(timed(way.command, lent).wall_s for _ in range(runs))
        mib = memory_mib(way.command, lent, whole=True)
        print(f"| {size} | {wall:.2f} | {1000 * wall / size:.3f} | {mib:.0f} |")


def timed(command: list[str], folder: Path) -> Cost:
    """Run a command and return what it and its children took."""
    start = time.perf_counter()
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, env=_environment()
    ) as running:
        _, status, usage = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: failed")
    return Cost(time.perf_counter() - start, usage.ru_utime + usage.ru_stime)


def memory_mib(command: list[str], folder: Path, whole: bool = False) -> float:
    """Return the peak of a child and its children, or of all that is there."""
    peak = 0.0
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, env=_environment()
    ) as running:
        while running.poll() is None:
            children = _children()
            ours = children.get(running.pid, [])
            workers = [pid for pid in ours if children.get(pid) or len(ours) > 1]
            groups = [[running.pid, *ours]] if whole or not workers else []
            groups = groups or [[worker] for worker in workers]
            for group in groups:
                below = [each for pid in group for each in children.get(pid, [])]
                peak = max(peak, sum(map(_pss_mib, {*group, *below})))
            time.sleep(SAMPLE_S)
    return peak


def _children() -> dict[int, list[int]]:
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rsplit(")")[-1].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        children.setdefault(parent, []).append(int(path.parent.name))
    return children


def _pss_mib(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if "Pss:" in line), 0.0)


def _count(folder: Path, *options: str) -> int:
    return int(_git(folder, "rev-list", "--count", *options, "HEAD"))


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env=_environment(),
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()


def _environment() -> dict[str, str]:
    empty = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    return os.environ | empty | {"GIT_PAGER": "cat", "LC_ALL": "C"}


def pygit2_loop(folder: str) -> None:
    """Diff every commit as the documentation of pygit2 shows it."""
    import pygit2

    repository = pygit2.Repository(folder)
    chars = 0
    for commit in repository.walk(repository.head.target):
        if len(commit.parents) == 1:
            diff = repository.diff(commit.parents[0], commit)
            diff.find_similar()
            chars += len(diff.patch or "")


def pydriller(folder: str) -> None:
    """Read the diffs of the newest commits as the documentation shows it."""
    from pydriller import Repository

    left, chars = PYDRILLER_COMMITS, 0
    for commit in Repository(
        folder, order="reverse", only_no_merge=True
    ).traverse_commits():
        chars += sum(len(file.diff) for file in commit.modified_files)
        left -= 1
        if not left:
            break


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peer"]:
        {"pygit2": pygit2_loop, "pydriller": pydriller}[sys.argv[2]](sys.argv[3])
    else:
        main()
