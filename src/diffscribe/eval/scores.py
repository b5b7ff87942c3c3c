"""All families together: one prediction to one Score."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from diffscribe.core.params import HouseParams
from diffscribe.core.records import Prediction, Score
from diffscribe.eval import score_format as form
from diffscribe.eval import score_grounding as grounding
from diffscribe.eval import score_junk as junk
from diffscribe.eval import score_plan as plan
from diffscribe.eval import score_seeds as seeds
from diffscribe.eval import score_text as text
from diffscribe.eval import score_types as types
from diffscribe.eval.cases import Case, cluster_of
from diffscribe.eval.measure import Measure

SCORES: Mapping[str, Measure] = MappingProxyType(
    plan.MEASURES
    | types.MEASURES
    | grounding.MEASURES
    | text.MEASURES
    | junk.MEASURES
    | form.MEASURES
    | seeds.MEASURES
)
"""Every measure by its name, in the order of tables."""


def score_all(
    cases: Iterable[Case], predictions: Iterable[Prediction], house: HouseParams
) -> list[Score]:
    """Return one score a prediction, in the order of the predictions."""
    by_id = {case.id: case for case in cases}
    return [score(by_id[each.sample_id], each, house) for each in predictions]


def score(case: Case, prediction: Prediction, house: HouseParams) -> Score:
    """Return how good one prediction is, by all SCORES."""
    values = (
        plan.scores(case, prediction)
        | types.scores(case, prediction)
        | grounding.scores(case, prediction)
        | text.scores(case, prediction)
        | junk.scores(case, prediction)
        | form.scores(case, prediction, house)
        | seeds.scores(case, prediction)
    )
    findings = (
        plan.findings(case, prediction)
        | types.findings(case, prediction)
        | grounding.findings(case, prediction)
        | text.findings(prediction)
        | junk.findings(case, prediction)
        | form.findings(prediction, house)
    )
    return Score(
        sample_id=case.id,
        repo=case.repo,
        cluster=cluster_of(case),
        system=prediction.system,
        values={name: values[name] for name in SCORES},
        findings={name: words for name, words in findings.items() if words},
    )
