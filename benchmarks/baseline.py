"""Group files of repositories that nothing was learned from, and count.

Usage: python benchmarks/baseline.py data/curated.jsonl [--folds 4] [--most 300]
           [--commits 1] [--params params.yaml]

Any file of curate or split will do. In each fold a share of the repositories is
held out; of the others, the next share sets the threshold and the rest is
learned from. Noisy variants and changes of one file are left out.

Prints for each system the adjusted Rand index and the share of exact partitions
with 95 % intervals over repositories, and milliseconds of CPU a change, reading
its diff included; then the baseline by the number of commits and by repository, and
how often the type of the label's own commits is met.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import click
import numpy as np
import orjson
from tabulate import tabulate

from diffscribe.baseline.features import read_evidence
from diffscribe.baseline.messages import type_of
from diffscribe.baseline.model import Baseline, adjusted_rand_index, fit
from diffscribe.commits.path_rules import type_of_paths
from diffscribe.core.intervals import Observation, estimate
from diffscribe.core.params import load_params
from diffscribe.core.records import Plan, PlannedCommit, SplitChange

Planner = Callable[[SplitChange], Plan]


class Outcome(NamedTuple):
    """One plan of one system."""

    system: str
    repo: str
    commits: int
    ari: float
    ms: float


class Guess(NamedTuple):
    """The type of one commit by one system."""

    system: str
    repo: str
    right: bool


@click.command()
@click.argument("rows", type=click.Path(path_type=Path))
@click.option("--folds", default=4, show_default=True)
@click.option("--most", default=300, show_default=True, help="Rows of a repository.")
@click.option("--commits", default=1, show_default=True, help="The fewest of a row.")
@click.option("--params", type=click.Path(path_type=Path), default="params.yaml")
def main(rows: Path, folds: int, most: int, commits: int, params: Path) -> None:
    """Fit on some repositories of ROWS and measure on others, FOLDS times."""
    by_repo = read_rows(rows, most, commits)
    outcomes: list[Outcome] = []
    guesses: list[Guess] = []
    for held_out, tuning, training in folds_of(by_repo, folds):
        started = time.perf_counter()
        baseline = fit(training, tuning, load_params(params).baseline)
        click.echo(
            f"{len(training)} rows learned in {time.perf_counter() - started:.1f} s, "
            f"threshold {baseline.grouping.threshold}"
        )
        outcomes += group_all(baseline, held_out)
        guesses += guess_types(baseline, training, held_out)
    click.echo(tabulate(summary(outcomes), headers="keys"))
    click.echo(tabulate(parts(outcomes), headers="keys"))
    click.echo(tabulate(types(guesses), headers="keys"))


def read_rows(path: Path, most: int, commits: int) -> dict[str, list[SplitChange]]:
    """Return the changes by repository; which of many is decided by their ids."""
    by_repo: dict[str, list[SplitChange]] = defaultdict(list)
    with path.open("rb") as lines:
        for line in lines:
            values = {"parent_id": None, "junk": (), **orjson.loads(line)}
            row = SplitChange.model_validate(values)
            if row.parent_id is None and len(row.label.plan.commits) >= commits:
                by_repo[row.repo].append(row)
    return {
        repo: sorted(by_repo[repo], key=lambda row: row.id)[:most]
        for repo in sorted(by_repo)
    }


def folds_of(
    by_repo: dict[str, list[SplitChange]], folds: int
) -> Iterator[tuple[list[SplitChange], list[SplitChange], list[SplitChange]]]:
    """Yield what is held out, what sets the threshold, and what is learned from."""
    repos = list(by_repo)
    for fold in range(folds):
        held_out, tuning = repos[fold::folds], repos[(fold + 1) % folds :: folds]
        learned = [repo for repo in repos if repo not in {*held_out, *tuning}]
        yield tuple(
            [row for repo in names for row in by_repo[repo]]
            for names in (held_out, tuning, learned)
        )


def group_all(baseline: Baseline, rows: Sequence[SplitChange]) -> Iterator[Outcome]:
    """Yield what each system makes of each change of two files or more."""
    systems: dict[str, Planner] = {
        "baseline": lambda row: baseline.plan(paths_of(row), row.diff),
        "one commit": lambda row: by(row, lambda _: ""),
        "one per file": lambda row: by(row, lambda path: path),
        "one per directory": lambda row: by(
            row, lambda p: str(PurePosixPath(p).parent)
        ),
    }
    for row in rows:
        if len(row.files) > 1:
            target = row.label.plan
            for system, plan_of in systems.items():
                started = time.process_time()
                plan = plan_of(row)
                ms = (time.process_time() - started) * 1000
                index = adjusted_rand_index(target, plan)
                yield Outcome(system, row.repo, len(target.commits), index, ms)


def by(row: SplitChange, key: Callable[[str], str]) -> Plan:
    """Return one commit for each key that paths have."""
    groups: dict[str, list[str]] = defaultdict(list)
    for path in paths_of(row):
        groups[key(path)].append(path)
    return Plan(
        commits=tuple(
            PlannedCommit(files=tuple(files), type="chore", subject="update files")
            for files in groups.values()
        )
    )


def paths_of(row: SplitChange) -> list[str]:
    """Return the changed paths."""
    return [file.path for file in row.files]


def guess_types(
    baseline: Baseline, training: Sequence[SplitChange], rows: Sequence[SplitChange]
) -> Iterator[Guess]:
    """Yield how each system types the commits of the labels."""
    known = [commit.type for row in training for commit in row.label.plan.commits]
    most_common = max(sorted(set(known)), key=known.count)
    for row in rows:
        files = {each.path: each for each in read_evidence(paths_of(row), row.diff)}
        for commit in row.label.plan.commits:
            answers = {
                "baseline": type_of(
                    baseline.types, [files[path] for path in commit.files]
                ),
                "majority": most_common,
                "paths": type_of_paths(commit.files) or most_common,
            }
            for system, answer in answers.items():
                yield Guess(system, row.repo, answer == commit.type)


def summary(outcomes: Sequence[Outcome]) -> Iterator[dict[str, object]]:
    """Yield a row for each system."""
    for system in dict.fromkeys(each.system for each in outcomes):
        own = [each for each in outcomes if each.system == system]
        ms = np.array([each.ms for each in own])
        yield {
            "system": system,
            "changes": len(own),
            "ARI": interval([(each.repo, each.ari) for each in own]),
            "exact": interval([(each.repo, float(each.ari == 1)) for each in own]),
            "CPU ms mean": round(float(ms.mean()), 2),
            "CPU ms p95": round(float(np.quantile(ms, 0.95)), 2),
        }


def parts(outcomes: Sequence[Outcome]) -> Iterator[dict[str, object]]:
    """Yield a row for each number of commits, and each repository."""
    own = [each for each in outcomes if each.system == "baseline"]
    for name in ("commits", "repo"):
        for value in sorted({getattr(each, name) for each in own}):
            some = [each for each in own if getattr(each, name) == value]
            yield {
                "baseline on": f"{value} commits" if name == "commits" else value,
                "changes": len(some),
                "ARI": round(float(np.mean([each.ari for each in some])), 3),
                "exact": round(float(np.mean([each.ari == 1 for each in some])), 3),
            }


def types(guesses: Sequence[Guess]) -> Iterator[dict[str, object]]:
    """Yield a row for each system."""
    for system in dict.fromkeys(each.system for each in guesses):
        own = [each for each in guesses if each.system == system]
        yield {
            "types by": system,
            "commits": len(own),
            "accuracy": interval([(each.repo, float(each.right)) for each in own]),
        }


def interval(values: Sequence[tuple[str, float]]) -> str:
    """Return a mean and the ends of its 95 % interval over repositories."""
    each = estimate([Observation(repo, value) for repo, value in values], (-1.0, 1.0))
    return f"{each.value:.3f} [{each.low:.3f}, {each.high:.3f}]"


if __name__ == "__main__":
    main()
