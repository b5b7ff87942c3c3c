"""Family types: type, scope and breaking mark of commits, one to one."""

from diffscribe.evaluation.cases import Case
from diffscribe.evaluation.scoring.measure import Measure
from diffscribe.records import Plan, Prediction

MEASURES = {
    "type": Measure("types", "commits whose aligned commit has their type"),
}


def scores(case: Case, prediction: Prediction) -> dict[str, float | None]:
    """Return MEASURES of one answer."""
    plan = prediction.plan or Plan(commits=())
    return {"type": type_accuracy(case.target, plan)}


def type_accuracy(target: Plan, plan: Plan) -> float:
    """Return the share of the target's commits whose partner has their type.

    Partners are the one-to-one alignment that shares the most files; of equal
    alignments the one with the fewest equal types counts, so that guessing many
    types for many small commits does not pay. No shared file, no partner.
    """
    if not plan.commits:
        return 0.0
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    shared = np.array(
        [[len({*t.files} & {*p.files}) for p in plan.commits] for t in target.commits]
    )
    same = np.array([[t.type == p.type for p in plan.commits] for t in target.commits])
    same &= shared > 0
    # One shared file outweighs every tie-break together.
    weights = shared * (len(target.commits) + 1) - same
    rows, columns = linear_sum_assignment(weights, maximize=True)
    return float(same[rows, columns].sum() / len(target.commits))
