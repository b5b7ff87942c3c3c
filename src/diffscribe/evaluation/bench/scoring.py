"""The outputs of a run, scored and summed up; no model is needed for it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from diffscribe.evaluation.answers import read_answer
from diffscribe.evaluation.bench.run_records import Output
from diffscribe.evaluation.bootstrap import Estimate, estimate
from diffscribe.evaluation.cases import Case
from diffscribe.evaluation.clusters import Observation
from diffscribe.evaluation.scoring.all import SCORES, score
from diffscribe.jsonl import write_json, write_jsonl
from diffscribe.params import HouseParams
from diffscribe.records import Prediction, Score

SCORES_FILE = "scores.jsonl"
METRICS = "metrics.json"
RESAMPLES = 2000
SEED = 7
CUT_OFF = "length"


def write_scores(
    folder: Path,
    system: str,
    cases: Sequence[Case],
    outputs: Sequence[Output],
    house: HouseParams,
) -> None:
    """Write what each output is worth, and all of them; the same again each time."""
    predictions = [
        prediction_of(case, output, system)
        for case, output in zip(cases, outputs, strict=True)
    ]
    scores = [
        score(case, prediction, house)
        for case, prediction in zip(cases, predictions, strict=True)
    ]
    write_jsonl(folder / SCORES_FILE, scores)
    write_json(folder / METRICS, _metrics(system, predictions, scores, house))


def prediction_of(
    case: Case, output: Output, system: str, latency_s: float = 0.0
) -> Prediction:
    """Return an output with the plan in it, or why there is none."""
    plan, error = None, output.error
    if error is None:
        plan, error = read_answer(case, output.text)
        if plan is None and output.finish_reason == CUT_OFF:
            error = f"cut off after {output.completion_tokens} tokens: {error}"
    return Prediction(
        sample_id=case.id,
        system=system,
        text=output.text,
        plan=plan,
        error=error,
        latency_s=latency_s,
        prompt_tokens=output.prompt_tokens,
        completion_tokens=output.completion_tokens,
    )


def estimates(scores: Sequence[Score]) -> dict[str, Estimate]:
    """Return the mean of each of SCORES with its interval."""
    return {
        name: estimate(
            _observed(scores, name), (measure.low, measure.high), RESAMPLES, SEED
        )
        for name, measure in SCORES.items()
    }


def _observed(scores: Iterable[Score], name: str) -> list[Observation]:
    return [
        Observation(each.cluster, value, each.repo)
        for each in scores
        if (value := each.values[name]) is not None
    ]


def _metrics(
    system: str,
    predictions: Sequence[Prediction],
    scores: Sequence[Score],
    house: HouseParams,
) -> dict[str, object]:
    errors = Counter(each.error for each in predictions if each.error is not None)
    return {
        "system": system,
        "n": len(scores),
        "without_plan": errors.total(),
        "errors": dict(errors.most_common(20)),
        "house": house.model_dump(mode="json"),
        "scores": {
            name: each.model_dump(mode="json")
            for name, each in estimates(scores).items()
        },
    }
