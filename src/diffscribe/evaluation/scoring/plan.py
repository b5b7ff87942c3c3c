"""Family plan: is it valid, and are the files grouped as in the target.

No measure depends on the order of commits or files. An answer without a plan is
one without commits, which is the worst there is.
"""

from collections import Counter
from collections.abc import Hashable, Sequence

from diffscribe.commits.plan import plan_problem
from diffscribe.evaluation.cases import Case
from diffscribe.evaluation.scoring.measure import Measure
from diffscribe.records import Plan, Prediction

MEASURES = {
    "valid": Measure("plan", "every changed file exactly once, or junk"),
    "ari": Measure("plan", "adjusted Rand index of the grouping of files"),
}


def scores(case: Case, prediction: Prediction) -> dict[str, float | None]:
    """Return MEASURES of one answer."""
    plan = prediction.plan or Plan(commits=())
    return {
        "valid": valid(case, prediction.plan),
        "ari": ari(case.target, plan),
    }


def findings(case: Case, prediction: Prediction) -> dict[str, tuple[str, ...]]:
    """Return why a plan is not valid."""
    plan = prediction.plan
    problem = plan_problem(plan, case.files) if plan else None
    return {"plan_problem": (problem.value,)} if problem else {}


def valid(case: Case, plan: Plan | None) -> float:
    """Return 1 if there is a plan that holds every changed file, else 0.

    That is, in exactly one commit or matched by the patterns, without unknown
    paths, empty commits or unknown types: the gate before all other scores.
    """
    return float(plan is not None and plan_problem(plan, case.files) is None)


def ari(target: Plan, plan: Plan) -> float:
    """Return the adjusted Rand index of the grouping of the target's files.

    A file that the plan leaves out or commits twice is a group of its own, and
    the index is scaled by the share of files committed exactly once, so that
    leaving files out never pays. Worse than chance is 0. If all files belong
    together, or all apart, the index is 1 for the same grouping and else 0
    (Hubert and Arabie 1985, as in scikit-learn).
    """
    expected, given, once = _groups(target, plan)
    return max(0.0, rand_index(expected, given)) * once


def rand_index(first: Sequence[Hashable], second: Sequence[Hashable]) -> float:
    """Return the adjusted Rand index of two groupings, each a label an element.

    With a the ordered pairs that are together in both, d those apart in both,
    and b and c those together in one alone: 2 (ad - bc) / ((a + b)(b + d) +
    (a + c)(c + d)). 1 for equal groupings, 0 expected by chance, at least -1;
    symmetric. Fewer than two elements are grouped equally. (Hubert and Arabie
    1985, in the form of scikit-learn's pair confusion matrix.)
    """
    n = len(first)
    together = sum(k * k for k in Counter(zip(first, second, strict=True)).values())
    in_first = sum(k * k for k in Counter(first).values())
    in_second = sum(k * k for k in Counter(second).values())
    a, b, c = together - n, in_first - together, in_second - together
    if b == c == 0:
        return 1.0
    d = n * n - together - b - c
    return 2.0 * (a * d - b * c) / ((a + b) * (b + d) + (a + c) * (c + d))


def _groups(target: Plan, plan: Plan) -> tuple[list[int], list[int], float]:
    """Return the target's group of each file, the plan's, and the share there once."""
    times = Counter(path for commit in plan.commits for path in commit.files)
    group = {path: i for i, commit in enumerate(plan.commits) for path in commit.files}
    files = [
        (path, i) for i, commit in enumerate(target.commits) for path in commit.files
    ]
    alone = len(plan.commits)
    given = [
        group[path] if times[path] == 1 else alone + n
        for n, (path, _) in enumerate(files)
    ]
    once = sum(times[path] == 1 for path, _ in files) / len(files)
    return [i for _, i in files], given, once
