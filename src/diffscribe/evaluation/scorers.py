"""One prediction against its sample: the four scores.

Each is 0 to 1, 0 for an answer without a plan, and does not depend on the order
of commits or files. A plan that is not valid still gets the other three.
"""

from collections import Counter
from collections.abc import Iterable

from diffscribe.commits.gitignore import ignored
from diffscribe.commits.plan import plan_problem
from diffscribe.evaluation.selection import cluster_of
from diffscribe.records import Plan, Prediction, Sample, Score


def score_all(
    samples: Iterable[Sample], predictions: Iterable[Prediction]
) -> list[Score]:
    """Return one score a prediction, in the order of the predictions."""
    by_id = {sample.id: sample for sample in samples}
    return [score(by_id[each.sample_id], each) for each in predictions]


def score(sample: Sample, prediction: Prediction) -> Score:
    """Return how good one prediction is."""
    plan = prediction.plan
    return Score(
        sample_id=sample.id,
        cluster=cluster_of(sample),
        system=prediction.system,
        valid=float(plan is not None and plan_problem(plan, sample.files) is None),
        type_accuracy=type_accuracy(sample.target, plan) if plan else 0.0,
        ari=ari(sample.target, plan) if plan else 0.0,
        junk_routed=junk_routed(sample, plan or Plan(commits=())),
    )


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


def ari(target: Plan, plan: Plan) -> float:
    """Return the adjusted Rand index of the grouping of the target's files.

    A file that the plan leaves out or commits twice is a group of its own, and
    the index is scaled by the share of files committed exactly once, so that
    leaving files out never pays. Worse than chance is 0. If all files belong
    together, or all apart, the index is 1 for the same grouping and else 0
    (Hubert and Arabie 1985, as in scikit-learn).
    """
    from sklearn.metrics import adjusted_rand_score

    times = Counter(path for commit in plan.commits for path in commit.files)
    group = {path: i for i, commit in enumerate(plan.commits) for path in commit.files}
    files = [
        (path, i) for i, commit in enumerate(target.commits) for path in commit.files
    ]
    alone = len(plan.commits)
    predicted = [
        group[path] if times[path] == 1 else alone + n
        for n, (path, _) in enumerate(files)
    ]
    once = sum(times[path] == 1 for path, _ in files) / len(files)
    index = adjusted_rand_score([i for _, i in files], predicted)
    return max(0.0, float(index)) * once


def junk_routed(sample: Sample, plan: Plan) -> float | None:
    """Return the share of junk left to .gitignore, or None if there is no junk.

    A junk file counts if no commit has it and a pattern matches it. Patterns
    that also match a real file of the change are not counted.
    """
    if not sample.junk:
        return None
    real = set(sample.files) - set(sample.junk)
    careful = [pattern for pattern in plan.gitignore if not ignored([pattern], real)]
    committed = {path for commit in plan.commits for path in commit.files}
    return len(ignored(careful, sample.junk) - committed) / len(sample.junk)
