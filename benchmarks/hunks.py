"""How many windows can be divided among their commits, by files and by hunks.

Usage: python benchmarks/hunks.py REPOSITORY... [--commits 2000] [--verify 50]

Harvests every window of one to three of the newest commits in one process, and says of
those of two and of three how many have no file of two commits, and how many have no
hunk of two commits or of none (exact intervals of 95 %). Of windows in which a file
is split, a sample is built up commit by commit: base with the parts of the commits 1
to k has to be made by `git apply --cached`, and the last of these trees is the tree of
head. The time of tracing is told apart from that of everything else.
"""

import os
import re
import subprocess
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import click
import yaml

from diffscribe.commits.diff import FilePatch, parse_diff
from diffscribe.commits.originals import new_paths, original_parts
from diffscribe.core.draw import rank
from diffscribe.core.intervals import proportion_interval
from diffscribe.core.params import HarvestParams
from diffscribe.core.records import Change
from diffscribe.doors.git import encode
from diffscribe.harvest import rows as harvest_rows
from diffscribe.harvest.harvest import HarvestCounts, harvest

ROOT = Path(__file__).resolve().parents[1]
SIZES = (2, 3)
Parts = tuple[dict[str, tuple[int, ...]], ...]


@click.command()
@click.argument("repositories", nargs=-1, required=True, type=click.Path(exists=True))
@click.option(
    "--commits", default=2000, show_default=True, help="Newest that are read."
)
@click.option("--verify", default=50, show_default=True, help="Windows of each.")
def main(repositories: tuple[str, ...], commits: int, verify: int) -> None:
    """Print the shares of REPOSITORIES, the cost, and whether the parts apply."""
    total: Counter[tuple[str, int]] = Counter()
    seconds = Counter[str]()
    verified: Counter[bool] = Counter()
    for path in repositories:
        found, took, split = _read(path, commits)
        for change, parts in sorted(split, key=lambda each: rank(7, each[0].id))[
            :verify
        ]:
            verified[applies(Path(path), change, parts)] += 1
        _print(path, found, took)
        total += found
        seconds += took
    _print("all", total, seconds)
    print(f"built commit by commit: {verified[True]} of {verified.total()} windows")


def _print(name: str, found: Counter[tuple[str, int]], took: Counter[str]) -> None:
    shares = "; ".join(
        f"{size} commits, n {found['n', size]}: by files {_share(found, 'files', size)}"
        f", by hunks {_share(found, 'hunks', size)}"
        for size in SIZES
    )
    others = took["all"] - took["trace"]
    print(f"{name}: {shares}; {took['all']:.1f} s, {took['all'] / others:.3f} times")


def _share(found: Counter[tuple[str, int]], kind: str, size: int) -> str:
    right, n = found[kind, size], found["n", size]
    if not n:
        return "none"
    low, high = proportion_interval(right, n)
    return f"{100 * right / n:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


class _Timed(NamedTuple):
    """A function whose calls are timed."""

    function: Any
    seconds: Counter[str]

    def __call__(self, *arguments: Any) -> Any:
        start = time.perf_counter()
        try:
            return self.function(*arguments)
        finally:
            self.seconds["trace"] += time.perf_counter() - start


def _read(
    path: str, commits: int
) -> tuple[Counter[tuple[str, int]], Counter[str], list[tuple[Change, Parts]]]:
    """Return counts by kind and size, seconds, and the windows with a split file."""
    found: Counter[tuple[str, int]] = Counter()
    took = Counter[str]()
    split = []
    trace, params = harvest_rows.trace_hunks, _params(path, commits)
    harvest_rows.trace_hunks = _Timed(trace, took)
    start = time.perf_counter()
    lines = list(harvest(params, HarvestCounts(), lambda commits, _name, _n: commits))
    took["all"] = time.perf_counter() - start
    harvest_rows.trace_hunks = trace
    for change in map(Change.model_validate_json, lines):
        size = len(change.commits)
        divided = original_parts(change.commits, new_paths(change.files), change.diff)
        found["n", size] += 1
        found["files", size] += not any(each.hunks for each in change.commits)
        found["hunks", size] += not divided.mixed
        if not divided.mixed and any(map(any, (p.values() for p in divided.parts))):
            split.append((change, divided.parts))
    return found, took, split


def _params(path: str, commits: int) -> HarvestParams:
    values = yaml.safe_load((ROOT / "params.yaml").read_text())["harvest"] | {
        "sources": [{"path": path}],
        "windows_per_commit": max(SIZES),
        "max_window_commits": max(SIZES),
        "composites_per_commit": 0.0,
        "max_commits_per_source": commits,
        "max_per_repo": None,
        "max_per_author": None,
        "max_changes": None,
        "workers": 1,
        "seed": 7,
    }
    return HarvestParams.model_validate(values)


def applies(repository: Path, change: Change, parts: Parts) -> bool:
    """Tell whether the parts of a change can be committed one after the other.

    Binary files have no patch that could be applied; their changes are left out.
    """
    patches = [patch for patch in parse_diff(change.diff) if not patch.is_binary]
    done: dict[str, list[int]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as name:
        tree = ""
        for part in parts:
            for path, hunks in part.items():
                done[path] += hunks
            text = "".join(
                patch_of_hunks(each, done[each.path])
                for each in patches
                if each.path in done
            )
            try:
                tree = _apply(repository, Path(name), change.base, text)
            except subprocess.CalledProcessError:
                return False
        whole = "".join(patch.text for patch in patches)
        is_whole = len(patches) == len(parse_diff(change.diff))
        head = f"{change.head}^{{tree}}"
        wanted = (
            _git(repository, Path(name), "rev-parse", head)
            if is_whole
            else _apply(repository, Path(name), change.base, whole)
        )
    return tree == wanted


def patch_of_hunks(patch: FilePatch, numbers: Iterable[int]) -> str:
    """Return a patch with some of its hunks, or all if no number is given.

    git looks for a hunk at its line in the new file, which the others before it move.
    """
    wanted = sorted(numbers)
    if not wanted:
        return patch.text
    grown, text = 0, "".join(patch.header)
    for number in wanted:
        hunk = patch.hunks[number - 1]
        old = int(hunk.header.split("-", 1)[1].split(" ")[0].split(",")[0])
        text += re.sub(r"\+\d+", f"+{old + grown}", hunk.header, count=1)
        text += "".join(hunk.lines)
        grown += sum({"+": 1, "-": -1}.get(line[0], 0) for line in hunk.lines)
    return text


def _apply(repository: Path, folder: Path, base: str, patch: str) -> str:
    """Return the tree that `git apply` makes of base."""
    _git(repository, folder, "read-tree", base)
    if patch:
        _git(repository, folder, "apply", "--cached", "-", given=encode(patch))
    return _git(repository, folder, "write-tree")


def _git(repository: Path, folder: Path, *arguments: str, given: bytes = b"") -> str:
    objects = subprocess.run(
        ["git", "rev-parse", "--git-path", "objects"],
        cwd=repository,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    environment = os.environ | {
        "GIT_INDEX_FILE": str(folder / "index"),
        "GIT_OBJECT_DIRECTORY": str(folder),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": str((repository / objects).resolve()),
    }
    git = subprocess.run(
        ["git", *arguments],
        cwd=repository,
        env=environment,
        input=given,
        check=True,
        capture_output=True,
    )
    return git.stdout.decode().strip()


if __name__ == "__main__":
    main()
