"""Family seeds: the four metrics of git-smart-commit, under their own names.

They are here so that numbers of that project can be compared, and for no other
purpose: an answer without a plan is left out of three of them, a label's commit is
compared with the best of all predicted ones, so that overlapping commits and many
guesses pay, and `*` routes all junk. The gaming tests show each of these.
(eval.py of fiddlerwoaroof/git-smart-commit, in our words.)
"""

from pathlib import PurePosixPath

from diffscribe.core.records import Plan, PlannedCommit, Prediction
from diffscribe.eval.cases import Case
from diffscribe.eval.measure import Measure

MEASURES = {
    "parse_rate": Measure("seeds", "answers that were read"),
    "file_grouping_f1": Measure("seeds", "best Jaccard index, no F1, of each commit"),
    "type_accuracy": Measure("seeds", "types that occur in any predicted commit"),
    "junk_routing": Measure("seeds", "junk that a pattern matches somehow"),
}


def scores(case: Case, prediction: Prediction) -> dict[str, float | None]:
    """Return MEASURES of one answer; all but the first None if it was not read."""
    plan = prediction.plan
    if case.task == "message":
        return dict.fromkeys(MEASURES)
    if plan is None or not plan.commits:
        return dict.fromkeys(MEASURES) | {"parse_rate": 0.0}
    return {
        "parse_rate": 1.0,
        "file_grouping_f1": file_grouping_f1(case.target, plan),
        "type_accuracy": type_accuracy(case.target, plan),
        "junk_routing": junk_routing(case, plan),
    }


def file_grouping_f1(target: Plan, plan: Plan) -> float:
    """Return the mean over the target's commits of the best Jaccard index.

    max |A and B| / |A or B| over the predicted commits B: one-sided, and a
    predicted commit may be the best of many. 0 to 1.
    """
    sets = [set(commit.files) for commit in plan.commits]
    best = [
        max(len(files & each) / len(files | each) for each in sets)
        for files in (set(commit.files) for commit in target.commits)
    ]
    return sum(best) / len(best)


def type_accuracy(target: Plan, plan: Plan) -> float:
    """Return the share of the target's commits whose type any commit has."""
    predicted = {commit.type for commit in plan.commits}
    return sum(each.type in predicted for each in target.commits) / len(target.commits)


def junk_routing(case: Case, plan: Plan) -> float | None:
    """Return the share of junk that is in no commit and matched; None without junk.

    Matched as there: `*x` by the end, `x/` by a folder of the path or its
    beginning, else the path, its name or its end.
    """
    if not case.junk:
        return None
    routed = [
        path
        for path in case.junk
        if not _is_committed(path, plan.commits)
        and any(_matches(path, pattern) for pattern in plan.gitignore)
    ]
    return len(routed) / len(case.junk)


def _is_committed(path: str, commits: tuple[PlannedCommit, ...]) -> bool:
    return any(path in commit.files for commit in commits)


def _matches(path: str, pattern: str) -> bool:
    if pattern.startswith("*"):
        return path.endswith(pattern[1:])
    if pattern.endswith("/"):
        return pattern[:-1] in path.split("/") or path.startswith(pattern)
    name = PurePosixPath(path).name
    return pattern in (path, name) or path.endswith(f"/{pattern}")
