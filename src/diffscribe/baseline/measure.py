"""How good a baseline is on labeled rows, before any evaluation."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from diffscribe.baseline.commit_types import type_of
from diffscribe.baseline.evidence import read_evidence
from diffscribe.baseline.model import Baseline
from diffscribe.records import Plan, SplitChange


class Measured(NamedTuple):
    """Means; None where there is nothing to measure."""

    changes: int
    """Of two files or more."""
    ari: float | None
    """Adjusted Rand index of the grouping, over changes."""
    exact_partition: float | None
    commits: int
    type_accuracy: float | None
    """Over the label's own commits: the grouping plays no part."""

    def metrics(self) -> dict[str, Any]:
        """Return the numbers, rounded."""
        return {
            name: round(value, 4) if isinstance(value, float) else value
            for name, value in self._asdict().items()
        }


def measure(baseline: Baseline, rows: Iterable[SplitChange]) -> Measured:
    """Return how well plans and types agree with labels, variants aside."""
    indices = []
    types_right = []
    for row in rows:
        if row.parent_id is not None:
            continue
        target = row.label.plan
        paths = [file.path for file in row.files]
        files = {file.path: file for file in read_evidence(paths, row.diff)}
        for commit in target.commits:
            guess = type_of(baseline.types, [files[path] for path in commit.files])
            types_right.append(float(guess == commit.type))
        if len(paths) > 1:
            indices.append(rand_index(target, baseline.plan(paths, row.diff)))
    return Measured(
        changes=len(indices),
        ari=_mean(indices),
        exact_partition=_mean([float(each == 1) for each in indices]),
        commits=len(types_right),
        type_accuracy=_mean(types_right),
    )


def rand_index(target: Plan, plan: Plan) -> float:
    """Return the adjusted Rand index of two groupings of the target's files.

    1 if they are the same. A file that the plan leaves out is a group of its own.
    """
    from sklearn.metrics import adjusted_rand_score

    wanted, given = _numbers(target), _numbers(plan)
    alone = len(plan.commits)
    return float(
        adjusted_rand_score(
            list(wanted.values()),
            [given.get(path, alone + n) for n, path in enumerate(wanted)],
        )
    )


def _numbers(plan: Plan) -> dict[str, int]:
    return {path: n for n, commit in enumerate(plan.commits) for path in commit.files}


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
