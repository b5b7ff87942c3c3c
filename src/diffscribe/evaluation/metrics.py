"""Scores of samples to numbers of systems, and differences between systems."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby

from diffscribe.evaluation.aggregates import Aggregates, aggregate
from diffscribe.evaluation.bootstrap import Estimate, estimate
from diffscribe.evaluation.cases import Case
from diffscribe.evaluation.clusters import Observation
from diffscribe.evaluation.comparison import Comparison, compare, most_apart, paired
from diffscribe.evaluation.scoring.all import SCORES
from diffscribe.records import Prediction, Record, Score

HEADLINE = (
    *("valid", "type", "ari", "exact_partition"),
    *("junk", "grounded", "cc_valid", "chrf"),
)
"""The scores in metrics/eval.json and in the first table."""


class SystemResult(Record):
    """One row of the table."""

    system: str
    n: int
    scores: dict[str, Estimate]
    """By the names of SCORES."""
    tokens_per_s: float | None
    """Answer tokens a second of latency, prompt included; None if no tokens."""
    latency_p50_s: float
    latency_p95_s: float
    size_mb: float | None
    """Of the GGUF, in 10^6 bytes; None for a control."""
    aggregates: Aggregates


class Difference(Record):
    """How much better the student is than another system, on the same samples."""

    system: str
    other: str
    scores: dict[str, Estimate]
    comparisons: dict[str, Comparison]
    """Of HEADLINE."""


class Evaluation(Record):
    """All that is said of the systems, in the order they were given."""

    systems: tuple[SystemResult, ...]
    differences: tuple[Difference, ...]


def evaluate(
    cases: Iterable[Case],
    scores: Sequence[Score],
    predictions: Sequence[Prediction],
    sizes_bytes: Mapping[str, int],
    resamples: int,
    seed: int,
    compared: Collection[str] | None = None,
) -> Evaluation:
    """Return the results of each system, and the first minus the others.

    Args:
        cases: that all systems answered.
        scores: those of a system stand together, of the main one first.
        predictions: the same.
        sizes_bytes: of the GGUFs, by system.
        resamples: of every interval.
        seed: of the draws.
        compared: the systems that the first is compared with; None for all but
            students, which are the same one in other quantization types.
    """
    of_system = {
        system: list(group) for system, group in groupby(scores, lambda s: s.system)
    }
    answers = {
        system: list(group)
        for system, group in groupby(predictions, lambda p: p.system)
    }
    by_id = {case.id: case for case in cases}
    main, *others = of_system
    if compared is None:
        compared = [name for name in others if not name.startswith("student-")]
    rivals = {name: of_system[name] for name in compared}
    comparisons = compare(of_system[main], rivals, HEADLINE, resamples, seed)
    return Evaluation(
        systems=tuple(
            _result(
                own,
                answers[system],
                aggregate(by_id, answers[system], own),
                sizes_bytes.get(system),
                resamples,
                seed,
            )
            for system, own in of_system.items()
        ),
        differences=tuple(
            _difference(of_system[main], theirs, comparisons[other], resamples, seed)
            for other, theirs in rivals.items()
        ),
    )


def mean_of(scores: Iterable[Score], name: str, resamples: int, seed: int) -> Estimate:
    """Return the mean of one of SCORES with its interval, where there is a value."""
    measure = SCORES[name]
    observed = (
        Observation(score.cluster, value, score.repo)
        for score in scores
        if (value := score.values[name]) is not None
    )
    return estimate(observed, (measure.low, measure.high), resamples, seed)


def headline(evaluation: Evaluation) -> dict[str, object]:
    """Return metrics/eval.json; null where there is nothing to measure.

    `<system>.<score>` is 0 to 1 and `<score>_low` to `<score>_high` its 95 %
    interval, over `n` samples, or the `n_junk` that have junk; beside them are
    `tokens_per_s` and `size_mb`. `difference.<system>.<score>` is `student`
    minus that system, paired by sample, with its interval.
    """
    student = evaluation.systems[0]
    rows = {
        result.system: {
            **_with_ends(result.scores),
            "tokens_per_s": result.tokens_per_s,
            "size_mb": result.size_mb,
        }
        for result in evaluation.systems
    }
    differences = {
        each.other: _with_ends(each.scores) for each in evaluation.differences
    }
    return {
        "n": student.n,
        "n_junk": student.scores["junk"].n,
        "student": student.system,
        "difference": differences,
        **rows,
    }


def _with_ends(scores: Mapping[str, Estimate]) -> dict[str, float | None]:
    return {
        key: number
        for name in HEADLINE
        for key, number in (
            (name, scores[name].value),
            (f"{name}_low", scores[name].low),
            (f"{name}_high", scores[name].high),
        )
    }


def _result(
    scores: Sequence[Score],
    predictions: Sequence[Prediction],
    aggregates: Aggregates,
    size_bytes: int | None,
    resamples: int,
    seed: int,
) -> SystemResult:
    import numpy as np

    latencies_s = [prediction.latency_s for prediction in predictions]
    waited_s = sum(latencies_s)
    tokens = sum(prediction.completion_tokens for prediction in predictions)
    p50_s, p95_s = np.quantile(latencies_s, (0.5, 0.95))
    return SystemResult(
        system=scores[0].system,
        n=len(scores),
        scores={name: mean_of(scores, name, resamples, seed) for name in SCORES},
        tokens_per_s=tokens / waited_s if tokens and waited_s else None,
        latency_p50_s=float(p50_s),
        latency_p95_s=float(p95_s),
        size_mb=size_bytes / 1e6 if size_bytes is not None else None,
        aggregates=aggregates,
    )


def _difference(
    scores: Sequence[Score],
    others: Sequence[Score],
    comparisons: dict[str, Comparison],
    resamples: int,
    seed: int,
) -> Difference:
    return Difference(
        system=scores[0].system,
        other=others[0].system,
        scores={
            name: estimate(
                paired(scores, others, name), most_apart(name), resamples, seed
            )
            for name in SCORES
        },
        comparisons=comparisons,
    )
