"""What is said of all answers of a system at once: confusions, lengths, slices."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from diffscribe.evaluation.cases import Case
from diffscribe.evaluation.prompts import TOO_LONG
from diffscribe.evaluation.scoring.format import header_of
from diffscribe.evaluation.scoring.types import Pair, align
from diffscribe.records import Plan, PlannedCommit, Prediction, Record, Score

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
