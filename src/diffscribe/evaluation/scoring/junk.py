"""Family junk: what the patterns for .gitignore match, with git's semantics."""

from diffscribe.commits.gitignore import ignored
from diffscribe.evaluation.cases import Case
from diffscribe.evaluation.scoring.measure import Measure
from diffscribe.records import Plan, Prediction

MEASURES = {
    "junk": Measure("junk", "junk files left to .gitignore"),
}


def scores(case: Case, prediction: Prediction) -> dict[str, float | None]:
    """Return MEASURES of one answer."""
    plan = prediction.plan or Plan(commits=())
    return {"junk": junk_routed(case, plan)}


def junk_routed(case: Case, plan: Plan) -> float | None:
    """Return the share of junk left to .gitignore, or None if there is no junk.

    A junk file counts if no commit has it and a pattern matches it. Patterns
    that also match a real file of the change are not counted.
    """
    if not case.junk:
        return None
    real = set(case.files) - set(case.junk)
    careful = [pattern for pattern in plan.gitignore if not ignored([pattern], real)]
    committed = {path for commit in plan.commits for path in commit.files}
    return len(ignored(careful, case.junk) - committed) / len(case.junk)
