"""Family types: type, scope and breaking mark of commits, one to one.

Every measure is a share of the target's commits, so that commits which have no
partner count as wrong. Where the target says no type, as of a message that is not
conventional, there is nothing to compare with.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

from diffscribe.core.records import Plan, PlannedCommit, Prediction
from diffscribe.eval.cases import Case
from diffscribe.eval.measure import Measure

MEASURES = {
    "type": Measure("types", "commits whose aligned commit has their type"),
    "scope": Measure("types", "commits whose aligned commit has their scope, or none"),
    "scope_presence": Measure("types", "commits that agree whether there is a scope"),
    "breaking_recall": Measure("types", "breaking commits that are marked so"),
    "breaking_agrees": Measure("types", "commits that agree whether they break"),
}


class Pair(NamedTuple):
    """A commit of the target and its partner."""

    target: PlannedCommit
    partner: PlannedCommit | None


def scores(case: Case, prediction: Prediction) -> dict[str, float | None]:
    """Return MEASURES of one answer."""
    pairs = align(case.target, prediction.plan or Plan(commits=()))
    if not all(pair.target.type for pair in pairs):
        return dict.fromkeys(MEASURES)
    breaking = [pair for pair in pairs if pair.target.breaking]
    return {
        "type": _share(pairs, lambda t, p: t.type == p.type),
        "scope": _share(pairs, lambda t, p: _scope(t) == _scope(p)),
        "scope_presence": _share(pairs, lambda t, p: bool(t.scope) == bool(p.scope)),
        "breaking_recall": _share(breaking, lambda _, p: p.breaking),
        "breaking_agrees": _share(pairs, lambda t, p: t.breaking == p.breaking),
    }


def findings(case: Case, prediction: Prediction) -> dict[str, tuple[str, ...]]:
    """Return the types that are not the target's, as `fix, not feat`."""
    pairs = align(case.target, prediction.plan or Plan(commits=()))
    wrong = [
        f"{pair.partner.type or 'none'}, not {pair.target.type}"
        for pair in pairs
        if pair.partner and pair.target.type not in ("", pair.partner.type)
    ]
    return {"types": tuple(wrong)}


def type_accuracy(target: Plan, plan: Plan) -> float:
    """Return the share of the target's commits whose partner has their type."""
    return _share(align(target, plan), lambda t, p: t.type == p.type) or 0.0


@lru_cache(maxsize=16)
def align(target: Plan, plan: Plan) -> tuple[Pair, ...]:
    """Return each of the target's commits with its partner, in their order.

    Partners are the one-to-one alignment that shares the most files; of equal
    alignments the one with the fewest equal types counts, so that guessing many
    types for many small commits does not pay; of those still equal, their content
    decides, not their order. No shared file, no partner.
    (The assignment problem, Kuhn 1955, as scipy solves it.)
    """
    partners: list[PlannedCommit | None] = [None] * len(target.commits)
    if plan.commits:
        for row, column in _assignment(target, plan):
            partners[row] = plan.commits[column]
    return tuple(map(Pair, target.commits, partners))


def _assignment(target: Plan, plan: Plan) -> list[tuple[int, int]]:
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    ours, theirs = _by_content(target), _by_content(plan)
    expected = [target.commits[at] for at in ours]
    given = [plan.commits[at] for at in theirs]
    files = [set(each.files) for each in given]
    shared = np.array([[len({*t.files} & each) for each in files] for t in expected])
    same = np.array([[t.type == p.type for p in given] for t in expected])
    # One shared file outweighs every tie-break together.
    weights = shared * (len(expected) + 1) - (same & (shared > 0))
    rows, columns = linear_sum_assignment(weights, maximize=True)
    return [
        (ours[r], theirs[c]) for r, c in zip(rows, columns, strict=True) if shared[r, c]
    ]


def _by_content(plan: Plan) -> list[int]:
    """Return the places of commits in an order that theirs does not change."""

    def content(at: int) -> tuple[list[str], str]:
        commit = plan.commits[at]
        return sorted(commit.files), commit.model_dump_json(exclude={"files"})

    return sorted(range(len(plan.commits)), key=content)


def _share(
    pairs: Sequence[Pair], agree: Callable[[PlannedCommit, PlannedCommit], bool]
) -> float | None:
    if not pairs:
        return None
    return sum(bool(p and agree(t, p)) for t, p in pairs) / len(pairs)


def _scope(commit: PlannedCommit) -> str:
    return (commit.scope or "").strip().lower()
