"""All systems at once: their scores with intervals, and figures of each."""

from collections.abc import Mapping, Sequence
from math import isinf
from typing import Any

from diffscribe.evaluation.aggregates import Aggregates
from diffscribe.evaluation.bootstrap import Estimate
from diffscribe.evaluation.cases import Case
from diffscribe.evaluation.metrics import HEADLINE, Difference, Evaluation, SystemResult
from diffscribe.evaluation.page.ballot import TARGET
from diffscribe.evaluation.page.distributions import (
    SHOWN_TYPES,
    confusion,
    distributions,
    length_bands,
)
from diffscribe.evaluation.page.slices import reliability, slices
from diffscribe.evaluation.scoring.all import SCORES
from diffscribe.evaluation.scoring.measure import Measure
from diffscribe.records import Prediction, Score

_RESAMPLES = 500
"""Of a slice's intervals: there are many, and none decides anything."""


def overview(
    cases: Sequence[Case],
    answers: Mapping[str, Mapping[str, Prediction]],
    scores: Mapping[str, Mapping[str, Score]],
    evaluation: Evaluation,
    seed: int,
) -> dict[str, Any]:
    """Return what the first view shows.

    Args:
        cases: all of them.
        answers: by system, then by id of the case.
        scores: likewise.
        evaluation: of all systems.
        seed: of the intervals of slices.
    """
    parts = slices(cases)
    aggregates = {each.system: each.aggregates for each in evaluation.systems}
    figures: dict[str, dict[str, Any]] = {
        TARGET: {"distributions": distributions(case.target for case in cases)}
    }
    for system, own in answers.items():
        measured = reliability(
            scores[system].values(), parts, HEADLINE, _RESAMPLES, seed
        )
        plans = (each.plan for each in own.values() if each.plan)
        figures[system] = {
            "confusion": confusion(aggregates[system].confusion),
            "said": _said(aggregates[system]),
            "distributions": distributions(plans),
            "slices": [[_ends(each[name]) for name in HEADLINE] for each in measured],
        }
    return {
        "measures": {name: _measure(measure) for name, measure in SCORES.items()},
        "headline": HEADLINE,
        "systems": [_system(result) for result in evaluation.systems],
        "differences": [_difference(each) for each in evaluation.differences],
        "slices": [(part.kind, part.name, len(part.ids)) for part in parts],
        "types": SHOWN_TYPES,
        "length_bands": length_bands(),
        "figures": figures,
    }


def _said(aggregates: Aggregates) -> dict[str, float | None]:
    """Return what the page says above the figures of a system."""
    return {
        "macro-F1 of types": aggregates.macro_f1,
        "without a plan": aggregates.failures,
        "prompts that did not fit": aggregates.prompt_overflows,
        "different subjects": aggregates.distinct_subjects,
    }


def _measure(measure: Measure) -> dict[str, Any]:
    """Return a measure for JSON, which has no infinity."""
    high = None if isinf(measure.high) else measure.high
    return {**measure._asdict(), "high": high}


def _system(result: SystemResult) -> dict[str, Any]:
    return {
        "system": result.system,
        "n": result.n,
        "scores": {name: _ends(each) for name, each in result.scores.items()},
        "tokens_per_s": result.tokens_per_s,
        "latency_p50_s": result.latency_p50_s,
        "latency_p95_s": result.latency_p95_s,
        "size_mb": result.size_mb,
    }


def _difference(difference: Difference) -> dict[str, Any]:
    return {
        "system": difference.system,
        "other": difference.other,
        "scores": {name: _ends(each) for name, each in difference.scores.items()},
        "comparisons": {
            name: each.model_dump(include={"verdict", "p_holm", "wins", "losses"})
            for name, each in difference.comparisons.items()
        },
    }


def _ends(score: Estimate) -> list[float | int | None]:
    """Return value, low, high and n."""
    ends = (score.value, score.low, score.high)
    return [*(None if each is None else round(each, 4) for each in ends), score.n]
