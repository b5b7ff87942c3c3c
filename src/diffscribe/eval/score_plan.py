"""Family plan: is it valid, and are the files grouped as in the target.

No measure depends on the order of commits or files. An answer without a plan is
one without commits, which is the worst there is.
"""

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import NamedTuple

from diffscribe.commits.gitignore import ignored
from diffscribe.commits.plan import plan_problem
from diffscribe.core.records import Plan, Prediction
from diffscribe.eval.cases import Case
from diffscribe.eval.measure import COUNT, Measure

MEASURES = {
    "valid": Measure("plan", "every changed file exactly once, or junk"),
    "ari": Measure("plan", "adjusted Rand index of the grouping of files"),
    "ari_several": Measure("plan", "the same, where 0 and 1 are not all there is"),
    "exact_partition": Measure("plan", "files are grouped exactly as in the target"),
    "one_kept": Measure("plan", "one commit of several files stays one"),
    "b_cubed": Measure("plan", "B-cubed F1 of the grouping, each file without itself"),
    "moves": Measure("plan", "files to move to mend the grouping", "lower", high=COUNT),
    "count_error": Measure("plan", "commits too many or too few", "lower", high=COUNT),
    "paths_missing": Measure("plan", "changed files left out", "lower"),
    "paths_duplicate": Measure("plan", "changed files listed twice", "lower"),
    "paths_invented": Measure("plan", "listed files that did not change", "lower"),
}


def scores(case: Case, prediction: Prediction) -> dict[str, float | None]:
    """Return MEASURES of one answer; a single message has no files to group."""
    if case.task == "message":
        return dict.fromkeys(MEASURES)
    target, plan = case.target, prediction.plan or Plan(commits=())
    grouped = partition(target, plan)
    return {
        "valid": valid(case, prediction.plan),
        "ari": ari(target, plan),
        "ari_several": ari(target, plan) if _has_structure(target) else None,
        "exact_partition": exact_partition(grouped),
        "one_kept": exact_partition(grouped) if _is_single(target) else None,
        "b_cubed": b_cubed(grouped),
        "moves": moves(grouped),
        "count_error": float(abs(len(plan.commits) - len(target.commits))),
        **_path_scores(case, plan),
    }


def findings(case: Case, prediction: Prediction) -> dict[str, tuple[str, ...]]:
    """Return why a plan is not valid, and which paths are to blame."""
    plan = prediction.plan
    if plan is None or case.task == "message":
        return {}
    problem = plan_problem(plan, case.files)
    paths = path_errors(case, plan)
    return {
        "plan_problem": (problem.value,) if problem else (),
        "paths_missing": paths.missing,
        "paths_duplicate": paths.duplicate,
        "paths_invented": paths.invented,
    }


def valid(case: Case, plan: Plan | None) -> float:
    """Return 1 if there is a plan that holds every changed file, else 0.

    That is, in exactly one commit or matched by the patterns, without unknown
    paths, empty commits or unknown types: the gate before all other scores.
    """
    return float(plan is not None and plan_problem(plan, case.files) is None)


class Partition(NamedTuple):
    """Two groupings of the target's files, each a label a file."""

    expected: tuple[int, ...]
    given: tuple[int, ...]
    """A file that is left out or listed twice is alone, with a negative label."""
    once: float
    """The share of files that the plan commits exactly once."""


def partition(target: Plan, plan: Plan) -> Partition:
    """Return how the target's files are grouped; junk in a commit does not count."""
    times = Counter(path for commit in plan.commits for path in commit.files)
    group = {path: i for i, commit in enumerate(plan.commits) for path in commit.files}
    files = [
        (path, i) for i, commit in enumerate(target.commits) for path in commit.files
    ]
    given = tuple(
        group[path] if times[path] == 1 else -n
        for n, (path, _) in enumerate(files, start=1)
    )
    once = sum(times[path] == 1 for path, _ in files) / len(files)
    return Partition(tuple(i for _, i in files), given, once)


def ari(target: Plan, plan: Plan) -> float:
    """Return the adjusted Rand index of the grouping of the target's files.

    A file that the plan leaves out or commits twice is a group of its own, and
    the index is scaled by the share of files committed exactly once, so that
    leaving files out never pays. Worse than chance is 0. If all files belong
    together, or all apart, the index is 1 for the same grouping and else 0
    (Hubert and Arabie 1985, as in scikit-learn).
    """
    expected, given, once = partition(target, plan)
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


def exact_partition(grouped: Partition) -> float:
    """Return 1 if both groupings are the same and no file is left out, else 0."""
    expected, given, once = grouped
    pairs = set(zip(expected, given, strict=True))
    same = len(pairs) == len(set(expected)) == len(set(given))
    return float(same and once == 1.0)


def b_cubed(grouped: Partition) -> float:
    """Return the F1 of B-cubed precision and recall without the file itself.

    Precision is the mean over files of the share of the others in its given
    group that are with it in the target too, recall the same the other way
    round, F1 their harmonic mean. Counting a file as its own neighbour rewards
    groups of one; here a file alone in both groupings has 1, in one only 0.
    Scaled as `ari` is. 0 to 1; swapping the groupings swaps precision and
    recall. (Bagga and Baldwin 1998; without self, as in the repair of 2024.)
    """
    expected, given, once = grouped
    both = Counter(zip(expected, given, strict=True))
    in_expected, in_given = Counter(expected), Counter(given)

    def mean_share(sizes: Counter[int], others: Counter[int], own: int) -> float:
        total = 0.0
        for labels, n in both.items():
            size, other = sizes[labels[own]], others[labels[1 - own]]
            if size == 1:
                total += float(other == 1)
            else:
                total += n * (n - 1) / (size - 1)
        return total / len(expected)

    precision = mean_share(in_given, in_expected, 1)
    recall = mean_share(in_expected, in_given, 0)
    if precision + recall == 0.0:
        return 0.0
    return 2 * precision * recall / (precision + recall) * once


def moves(grouped: Partition) -> float:
    """Return how many files a person has to move to mend the grouping.

    That is n less the most files that stay if each given group becomes one of
    the target's or a new one; a file that is left out or listed twice always
    moves. 0 for the same grouping; n without a plan. (As MoJo's moves, without
    its joins: Tzerpos and Holt 1999.)
    """
    expected, given, _ = grouped
    pairs = zip(expected, given, strict=True)
    stay = _most_kept(Counter(pair for pair in pairs if pair[1] >= 0))
    return float(len(expected) - stay)


class PathErrors(NamedTuple):
    """What is wrong with the files of a plan, each path once and sorted."""

    missing: tuple[str, ...]
    """Changed, in no commit and matched by no pattern."""
    duplicate: tuple[str, ...]
    """Changed, and listed more than once."""
    invented: tuple[str, ...]
    """Listed, and not changed."""


def path_errors(case: Case, plan: Plan) -> PathErrors:
    """Return which paths of a case a plan misses, repeats or invents."""
    times = Counter(path for commit in plan.commits for path in commit.files)
    changed = set(case.files)
    junk = ignored(plan.gitignore, case.files)
    return PathErrors(
        missing=tuple(sorted(changed - times.keys() - junk)),
        duplicate=tuple(sorted(p for p in times.keys() & changed if times[p] > 1)),
        invented=tuple(sorted(times.keys() - changed)),
    )


def _path_scores(case: Case, plan: Plan) -> dict[str, float | None]:
    """Return the shares of PathErrors; a plan without commits has the worst."""
    if not plan.commits:
        return {"paths_missing": 1.0, "paths_duplicate": 1.0, "paths_invented": 1.0}
    errors = path_errors(case, plan)
    listed = {path for commit in plan.commits for path in commit.files}
    return {
        "paths_missing": len(errors.missing) / len(case.files),
        "paths_duplicate": len(errors.duplicate) / len(case.files),
        "paths_invented": len(errors.invented) / len(listed) if listed else 1.0,
    }


def _has_structure(target: Plan) -> bool:
    """Tell several commits of which one has several files: the index is graded."""
    sizes = [len(commit.files) for commit in target.commits]
    return len(sizes) > 1 and max(sizes) > 1


def _is_single(target: Plan) -> bool:
    return len(target.commits) == 1 and len(target.commits[0].files) > 1


def _most_kept(both: Counter[tuple[int, int]]) -> int:
    """Return the most elements that a one-to-one match of groups keeps together."""
    firsts, seconds = ({pair[side] for pair in both} for side in (0, 1))
    if min(len(firsts), len(seconds)) < 2:
        return max(both.values(), default=0)
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    rows = {label: i for i, label in enumerate(sorted(firsts))}
    columns = {label: i for i, label in enumerate(sorted(seconds))}
    shared = np.zeros((len(rows), len(columns)), dtype=int)
    for (first, second), n in both.items():
        shared[rows[first], columns[second]] = n
    best = linear_sum_assignment(shared, maximize=True)
    return int(shared[best].sum())
