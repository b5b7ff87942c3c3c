"""All families together: one prediction to one Score."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from diffscribe.evaluation.cases import Case, cluster_of
from diffscribe.evaluation.scoring import junk, plan, types
from diffscribe.evaluation.scoring.measure import Measure
from diffscribe.records import Prediction, Score

SCORES: Mapping[str, Measure] = MappingProxyType(
    plan.MEASURES | types.MEASURES | junk.MEASURES
)
"""Every measure by its name, in the order of tables."""


def score_all(cases: Iterable[Case], predictions: Iterable[Prediction]) -> list[Score]:
    """Return one score a prediction, in the order of the predictions."""
    by_id = {case.id: case for case in cases}
    return [score(by_id[each.sample_id], each) for each in predictions]


def score(case: Case, prediction: Prediction) -> Score:
    """Return how good one prediction is, by all SCORES."""
    values = (
        plan.scores(case, prediction)
        | types.scores(case, prediction)
        | junk.scores(case, prediction)
    )
    return Score(
        sample_id=case.id,
        repo=case.repo,
        cluster=cluster_of(case),
        system=prediction.system,
        values=values,
        findings=plan.findings(case, prediction),
    )
