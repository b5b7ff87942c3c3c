"""What is said of all answers of a system at once: confusions, lengths, slices."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Literal

from diffscribe.core.intervals import (
    LEVEL,
    Estimate,
    Observation,
    estimate,
    holm,
    mcnemar,
    minimum_detectable_effect,
    paired_bootstrap,
)
from diffscribe.core.records import Plan, PlannedCommit, Prediction, Record, Score
from diffscribe.eval.cases import TOO_LONG, Case
from diffscribe.eval.score_format import header_of
from diffscribe.eval.score_types import Pair, align
from diffscribe.eval.scores import SCORES

NO_TYPE = "none"
"""Stands for the type of a commit that has no partner, or none."""
SIZES = {1_000: "up to 1,000", 4_000: "up to 4,000", 16_000: "up to 16,000"}
LARGEST = "above 16,000"
"""Characters of the diff, in slices."""
MOST_COMMITS = 4
SLICED = ("valid", "ari", "exact_partition", "moves", "type", "grounded", "chrf")
_OVERFLOW = re.compile(r"HTTP 4\d\d: .*context", re.DOTALL)


class Lengths(Record):
    """Of headers in characters; None without a message."""

    p50: float | None
    p95: float | None
    longest: int | None


class Aggregates(Record):
    """What the mean of no score says; every answer counts, failed ones too."""

    confusion: dict[str, dict[str, int]]
    """Aligned commits: the target's type, then the type that was answered."""
    macro_f1: float | None
    """Mean over the target's types of their F1; None if the target has no type."""
    types: dict[str, int]
    """How often each type was answered."""
    type_entropy_bits: float
    """0 if it is always the same type."""
    header_chars: Lengths
    messages_with_body: float | None
    """Share of messages; None without a message."""
    distinct_subjects: float | None
    """Different subjects over messages; near 0 if it always says the same."""
    failures: float
    """Share of answers without a plan."""
    prompt_overflows: float
    """Share of prompts that did not fit the context."""
    by_commits: dict[str, dict[str, float | None]]
    """Means of SLICED, and n, by commits of the target, from `1` to `4 or more`."""
    by_diff_chars: dict[str, dict[str, float | None]]
    """The same by size of the diff."""


def aggregate(
    cases: Mapping[str, Case],
    predictions: Sequence[Prediction],
    scores: Sequence[Score],
) -> Aggregates:
    """Return what is said of one system's answers; cases are by id."""
    pairs = [pair for each in predictions for pair in _pairs(cases, each)]
    messages = [c for each in predictions if each.plan for c in each.plan.commits]
    types = Counter(commit.type or NO_TYPE for commit in messages)
    subjects = {commit.subject.strip().lower() for commit in messages}
    bodies = [bool(commit.body.strip()) for commit in messages]
    return Aggregates(
        confusion=confusion(pairs),
        macro_f1=macro_f1(confusion(pairs)),
        types=dict(sorted(types.items())),
        type_entropy_bits=entropy_bits(types),
        header_chars=_lengths(messages),
        messages_with_body=_mean(bodies),
        distinct_subjects=len(subjects) / len(messages) if messages else None,
        failures=_mean([each.plan is None for each in predictions]) or 0.0,
        prompt_overflows=_mean([is_overflow(each) for each in predictions]) or 0.0,
        by_commits=_sliced(scores, {k: commits_of(case) for k, case in cases.items()}),
        by_diff_chars=_sliced(scores, {k: size_of(case) for k, case in cases.items()}),
    )


def confusion(pairs: Sequence[Pair]) -> dict[str, dict[str, int]]:
    """Return how often a type of the target was answered by which; NO_TYPE if none."""
    counts: dict[str, Counter[str]] = {}
    for target, partner in pairs:
        answered = partner.type if partner and partner.type else NO_TYPE
        counts.setdefault(target.type, Counter())[answered] += 1
    return {type_: dict(sorted(counts[type_].items())) for type_ in sorted(counts)}


def macro_f1(counts: Mapping[str, Mapping[str, int]]) -> float | None:
    """Return the mean over the target's types of 2 hits / (occurrences + answers).

    A type that is never answered has 0. One that is answered and not in the
    target takes from the others' recall alone. 0 to 1; None without a type.
    """
    if not counts:
        return None
    answered: Counter[str] = Counter()
    for row in counts.values():
        answered.update(row)
    f1 = [
        2 * row.get(type_, 0) / (sum(row.values()) + answered[type_])
        for type_, row in counts.items()
    ]
    return sum(f1) / len(f1)


def entropy_bits(counts: Mapping[str, int]) -> float:
    """Return Shannon's entropy of a distribution; 0 if it is empty or one value."""
    n = sum(counts.values())
    shares = [count / n for count in counts.values() if count]
    return abs(sum(share * math.log2(share) for share in shares))


def is_overflow(prediction: Prediction) -> bool:
    """Tell a prompt that is longer than the context, or than its own limit."""
    error = prediction.error or ""
    return error == TOO_LONG or _OVERFLOW.match(error) is not None


def commits_of(case: Case) -> str:
    """Return the slice of a case by commits of its target."""
    n = len(case.target.commits)
    return str(n) if n < MOST_COMMITS else f"{MOST_COMMITS} or more"


def size_of(case: Case) -> str:
    """Return the slice of a case by characters of its diff."""
    return next((SIZES[most] for most in SIZES if len(case.diff) <= most), LARGEST)


def _pairs(cases: Mapping[str, Case], prediction: Prediction) -> list[Pair]:
    plan = prediction.plan or Plan(commits=())
    pairs = align(cases[prediction.sample_id].target, plan)
    return [pair for pair in pairs if pair.target.type]


def _lengths(commits: Sequence[PlannedCommit]) -> Lengths:
    if not commits:
        return Lengths(p50=None, p95=None, longest=None)
    import numpy as np

    chars = [len(header_of(commit)) for commit in commits]
    p50, p95 = np.quantile(chars, (0.5, 0.95))
    return Lengths(p50=float(p50), p95=float(p95), longest=max(chars))


def _sliced(
    scores: Sequence[Score], slice_of: Mapping[str, str]
) -> dict[str, dict[str, float | None]]:
    """Return n and means by slice; every slice of any case is there, in order."""
    order = [*map(str, range(1, MOST_COMMITS)), f"{MOST_COMMITS} or more"]
    order += [*SIZES.values(), LARGEST]
    present = set(slice_of.values())
    rows: dict[str, list[Score]] = {name: [] for name in order if name in present}
    for score in scores:
        rows[slice_of[score.sample_id]].append(score)
    return {name: _means(group) for name, group in rows.items()}


def _means(scores: Sequence[Score]) -> dict[str, float | None]:
    means: dict[str, float | None] = {"n": float(len(scores))}
    return means | {name: _of(scores, name) for name in SLICED}


def _of(scores: Sequence[Score], name: str) -> float | None:
    return _mean([v for each in scores if (v := each.values[name]) is not None])


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


class Comparison(Record):
    """One measure of two systems, on the samples it applies to."""

    wins: int
    """Changes, with their variants, on which the first is better."""
    losses: int
    ties: int
    p: float
    """Of the paired bootstrap: that the means are the same."""
    p_mcnemar: float | None
    """Of the exact test of wins against losses; None if scores are not yes or no."""
    p_holm: float
    """The first p, for all comparisons of the evaluation at once."""
    detectable: float | None
    """What true difference is found 4 times in 5; None if nothing differs."""
    verdict: Literal["better", "worse", "not shown"]
    """Better or worse only if p_holm is below 0.05, and thus no 0 in the interval."""


def compare(
    scores: Sequence[Score],
    others: Mapping[str, Sequence[Score]],
    names: Sequence[str],
    resamples: int,
    seed: int,
) -> dict[str, dict[str, Comparison]]:
    """Return, by other system and measure, how a system compares to the others.

    All of them are one family for Holm's correction. With so many resamples no p is
    below 1 / (resamples + 1): more than resamples / 20 comparisons and nothing can
    be shown between repositories.
    """
    alone = [
        (other, name, _compare(scores, theirs, name, resamples, seed))
        for other, theirs in others.items()
        for name in names
    ]
    adjusted = holm([each.p for _, _, each in alone])
    found: dict[str, dict[str, Comparison]] = {other: {} for other in others}
    for (other, name, each), p in zip(alone, adjusted, strict=True):
        found[other][name] = each.model_copy(
            update={
                "p_holm": p,
                "verdict": each.verdict if p < LEVEL else "not shown",
            }
        )
    return found


def paired(
    scores: Iterable[Score], others: Iterable[Score], name: str
) -> list[Observation]:
    """Return first minus second where both have the measure, in the first's order."""
    of_id = {score.sample_id: score.values[name] for score in others}
    return [
        Observation(score.cluster, mine - theirs, score.repo)
        for score in scores
        if (mine := score.values[name]) is not None
        and (theirs := of_id[score.sample_id]) is not None
    ]


def by_change(differences: Iterable[Observation]) -> tuple[int, int, int]:
    """Return how many changes are above 0, below and at it, variants added up."""
    totals: dict[str, float] = defaultdict(float)
    for each in differences:
        totals[each.cluster] += each.value
    above = sum(total > 0 for total in totals.values())
    below = sum(total < 0 for total in totals.values())
    return above, below, len(totals) - above - below


def most_apart(name: str) -> tuple[float, float]:
    """Return the bounds of a difference of a measure."""
    most = SCORES[name].high - SCORES[name].low
    return (-most, most)


def _compare(
    scores: Sequence[Score],
    others: Sequence[Score],
    name: str,
    resamples: int,
    seed: int,
) -> Comparison:
    """Return a comparison that knows of no other yet."""
    differences = paired(scores, others, name)
    bounds = most_apart(name)
    found = estimate(differences, bounds, resamples, seed)
    p = paired_bootstrap(differences, bounds, resamples, seed)
    sign = 1 if SCORES[name].better == "higher" else -1
    above, below, ties = by_change(differences)
    wins, losses = (above, below)[::sign]
    yes_no = {score.values[name] for score in (*scores, *others)} <= {0.0, 1.0, None}
    return Comparison(
        wins=wins,
        losses=losses,
        ties=ties,
        p=p,
        p_mcnemar=mcnemar(wins, losses) if yes_no else None,
        p_holm=p,
        detectable=minimum_detectable_effect(found),
        verdict="better" if sign * (found.value or 0.0) > 0 else "worse",
    )


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
