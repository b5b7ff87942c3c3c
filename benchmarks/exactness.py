"""Whether each diff is what git prints, byte for byte, and its counts are git's.

Usage: python benchmarks/exactness.py REPOSITORY... [--windows 1] [--composites 0.0]

Harvests every commit that the branches hold and asks the `git diff` of the machine
about each change, one process each, in the repository itself and with git's own
defaults but for `--full-index`, `core.quotePath=off` and a rename limit of 1000. A
composite's tree is in no repository, so its diff is compared file by file with those
of its commits. What differs is counted and shown.
"""

import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click
import yaml

from diffscribe.core.params import HarvestParams
from diffscribe.core.records import Change
from diffscribe.doors.git import encode
from diffscribe.harvest.harvest import HarvestCounts, harvest

ROOT = Path(__file__).resolve().parents[1]
SHOWN = 5
DIFF = ("diff", "-M", "-l1000", "--full-index", "--no-ext-diff", "--no-textconv")
MOVED = (("-", "-"), ("0", "0"))
"""--numstat reads a file that only moved, to tell that it is binary; -p does not."""
DIFFER = "counts differ"
SECTION = re.compile(rb"^(?=diff --git )", re.MULTILINE)


@click.command()
@click.argument("repositories", nargs=-1, required=True, type=click.Path(exists=True))
@click.option("--windows", default=1, show_default=True, help="Most commits of one.")
@click.option("--composites", default=0.0, show_default=True, help="Per commit.")
@click.option("--commits", default=10**8, help="Newest commits that are read.")
def main(
    repositories: tuple[str, ...], windows: int, composites: float, commits: int
) -> None:
    """Print how many changes of REPOSITORIES are as git prints them."""
    total: Counter[str] = Counter()
    for path in repositories:
        params = _params(path, windows, composites, commits)
        counted = HarvestCounts()
        rows = harvest(params, counted, _unwatched)
        changes = (Change.model_validate_json(row) for row in rows)
        verdicts = _verdicts(changes, Path(path))
        counts = counted.metrics(params)
        print(f"{path}: {counts['commits']} commits, {dict(verdicts)}")
        for kind in ("commits_dropped", "windows_dropped"):
            print(f"  {kind}: { {k: n for k, n in _counts(counts[kind]) if n} }")
        total += verdicts
    print(f"all: {total.total()} changes, {dict(total)}")


def _counts(counts: Any) -> Any:
    return counts.items()


def _unwatched(commits: Any, name: str, total: int) -> Any:  # noqa: ARG001
    return commits


def _params(path: str, windows: int, composites: float, commits: int) -> HarvestParams:
    values = yaml.safe_load((ROOT / "params.yaml").read_text())["harvest"] | {
        "seed": 7,
        "sources": [{"path": path, "branches": "all"}],
        "max_window_commits": windows,
        "windows_per_commit": 1.0,
        "composites_per_commit": composites,
        "max_commits_per_source": commits,
        "max_files": 10**8,
        "max_diff_chars": 10**9,
        "bot_authors": [],
    }
    return HarvestParams.model_validate(values)


def _verdicts(changes: Iterator[Change], folder: Path) -> Counter[str]:
    counts: Counter[str] = Counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for change, verdict in pool.map(lambda each: _verdict(each, folder), changes):
            counts[verdict] += 1
            if "differ" in verdict and counts[verdict] <= SHOWN:
                print(f"  {verdict}: {change.base} {change.head}")
    return counts


def _verdict(change: Change, folder: Path) -> tuple[Change, str]:
    suffix = "" if change.is_utf8 else ", not UTF-8"
    if change.head != change.commits[-1].sha:
        expected = [_printed(folder, f"{c.sha}^", c.sha)[1] for c in change.commits]
        sections = sorted(s for diff in expected for s in SECTION.split(diff) if s)
        own = sorted(s for s in SECTION.split(encode(change.diff)) if s)
        same = "equal" if own == sections else "composites differ"
        return change, f"{same}, composite{suffix}"
    counted, diff = _printed(folder, change.base, change.head)
    if diff != encode(change.diff):
        return change, f"diffs differ{suffix}"
    own_counts = [
        ("-", "-") if file.is_binary else (str(file.additions), str(file.deletions))
        for file in change.files
    ]
    if counted != own_counts:
        pairs = set(zip(counted, own_counts, strict=True))
        moved = {pair for pair in pairs if pair[0] != pair[1]} == {MOVED}
        verdict = "equal, with a binary file that only moved" if moved else DIFFER
        return change, f"{verdict}{suffix}"
    return change, f"equal{suffix}"


def _printed(folder: Path, base: str, head: str) -> tuple[list[tuple[str, ...]], bytes]:
    """Return git's counts of each file, and its diff."""
    printed = subprocess.run(
        ["git", "-c", "core.quotePath=off", *DIFF, "--numstat", "-p", base, head],
        cwd=folder,
        env=os.environ
        | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull},
        check=True,
        capture_output=True,
    ).stdout
    listed, _, diff = printed.partition(b"\n\ndiff --git ")
    lines = listed.decode("utf-8", "replace").split("\n")
    counts = [tuple(line.split("\t")[:2]) for line in lines]
    return counts, b"diff --git " + diff


if __name__ == "__main__":
    main()
