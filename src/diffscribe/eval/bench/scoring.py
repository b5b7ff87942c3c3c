"""The outputs of a run, scored and summed up; no model is needed for it."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from diffscribe.core.engine import in_order
from diffscribe.core.files import write_json, write_jsonl
from diffscribe.core.intervals import Estimate
from diffscribe.core.params import HouseParams
from diffscribe.core.records import Prediction, Score
from diffscribe.eval.answers import read_answer
from diffscribe.eval.bench.run_records import Output
from diffscribe.eval.cases import Case
from diffscribe.eval.metrics import mean_of
from diffscribe.eval.scores import SCORES, score

SCORES_FILE = "scores.jsonl"
METRICS = "metrics.json"
RESAMPLES = 2000
SEED = 7
CUT_OFF = "length"
CHUNK = 250
MANY_CHUNKS = 8


def write_scores(
    folder: Path,
    system: str,
    cases: Sequence[Case],
    outputs: Sequence[Output],
    house: HouseParams,
) -> None:
    """Write what each output is worth, and all of them; the same again each time."""
    jobs = [
        _Job(cases[at : at + CHUNK], outputs[at : at + CHUNK], system, house)
        for at in range(0, len(cases), CHUNK)
    ]
    # Processes take a second to start.
    workers = 1 if len(jobs) < MANY_CHUNKS else os.cpu_count() or 1
    errors: Counter[str] = Counter()
    scores: list[Score] = []
    for _, (failed, scored) in in_order(_scored, jobs, workers):
        errors.update(failed)
        scores += scored
    write_jsonl(folder / SCORES_FILE, scores)
    write_json(folder / METRICS, _metrics(system, errors, scores, house))


class _Job(NamedTuple):
    """As many cases as one process scores at a time."""

    cases: Sequence[Case]
    outputs: Sequence[Output]
    system: str
    house: HouseParams


def _scored(job: _Job) -> tuple[list[str], list[Score]]:
    """Return why there are no plans, and the scores."""
    predictions = [
        prediction_of(case, output, job.system)
        for case, output in zip(job.cases, job.outputs, strict=True)
    ]
    scores = [
        score(case, prediction, job.house)
        for case, prediction in zip(job.cases, predictions, strict=True)
    ]
    return [each.error for each in predictions if each.error is not None], scores


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
    return {name: mean_of(scores, name, RESAMPLES, SEED) for name in SCORES}


def _metrics(
    system: str,
    errors: Counter[str],
    scores: Sequence[Score],
    house: HouseParams,
) -> dict[str, object]:
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
