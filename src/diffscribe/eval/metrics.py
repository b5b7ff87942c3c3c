"""Sum up all answers of a system, and compare it with others."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from diffscribe.commits.junk_kinds import is_held_out
from diffscribe.core.compare import Comparison, compare_systems, mean_of
from diffscribe.core.intervals import Estimate
from diffscribe.core.records import Plan, Prediction, Record, Score
from diffscribe.eval.cases import GROUPS_GIVEN, RERANK, TOO_LONG, Case
from diffscribe.eval.messages import Aligned, align
from diffscribe.eval.scores import HEADLINE, SCORES, measures_of

NO_PLAN = Plan(commits=())
NO_TYPE = "none"
"""The type of a commit without a type, and of a missing partner."""
SIZES = {1_000: "up to 1,000", 4_000: "up to 4,000", 16_000: "up to 16,000"}
LARGEST = "above 16,000"
"""The slice of diffs with more characters than all SIZES."""
MOST_COMMITS = 4
KINDS = ("repository", "language", "commits", "diff size", "type", "junk")
"""What the cases are sliced by."""
_NAMES = (*map(str, range(MOST_COMMITS)), f"{MOST_COMMITS} or more")
_ORDER = {name: at for at, name in enumerate((*_NAMES, *SIZES.values(), LARGEST))}
OF_MESSAGES = tuple(name for name in HEADLINE if SCORES[name].family == "message")
OF_GROUPING = ("ari", "exact_partition")
SLICED = ("valid", "ari", "exact_partition", "moves", "type", "grounded", "chrf")
_OVERFLOW = re.compile(r"HTTP 4\d\d: .*context", re.DOTALL)


class Slice(NamedTuple):
    """Some of the cases."""

    kind: str
    name: str
    ids: frozenset[str]


def slices(cases: Iterable[Case]) -> list[Slice]:
    """Return the slices of the cases by each of KINDS, in the order of tables.

    A case is in one slice of a kind; in one of each of its languages and types; with
    junk also in that of kinds which training has, or which it never saw.
    """
    ids: dict[tuple[str, str], set[str]] = defaultdict(set)
    for case in cases:
        for kind, names in slice_names(case).items():
            for name in names:
                ids[kind, name].add(case.id)
    ordered = sorted(
        ids, key=lambda each: (KINDS.index(each[0]), _ORDER.get(each[1], 0), each)
    )
    return [Slice(*each, frozenset(ids[each])) for each in ordered]


def slice_names(case: Case) -> dict[str, tuple[str, ...]]:
    """Return the names of the slices that a case is in, by kind."""
    n = len(case.target.commits)
    commits = str(n) if n < MOST_COMMITS else f"{MOST_COMMITS} or more"
    size = next((SIZES[most] for most in SIZES if len(case.diff) <= most), LARGEST)
    kinds = "new" if any(map(is_held_out, case.junk)) else "known"
    return {
        "repository": (case.repo,),
        "language": case.languages or ("other",),
        "commits": (commits,),
        "diff size": (size,),
        "type": tuple(sorted({commit.type for commit in case.target.commits})),
        "junk": ("with junk", f"of {kinds} kinds") if case.junk else ("without",),
    }


class SystemResult(Record):
    """One row of the table."""

    system: str
    n: int
    scores: dict[str, Estimate]
    """By the names of SCORES."""
    tokens_per_s: float | None
    """Answer tokens a second of latency, prompt included; None without tokens."""
    latency_p50_s: float | None
    """Median of the answered requests; None without one, as the next."""
    latency_p95_s: float | None
    size_mb: float | None
    """Of the GGUF, in 10^6 bytes; None for a control."""
    prompt_overflows: float
    """Share of prompts that did not fit the context."""
    confusion: dict[str, dict[str, int]]
    """Aligned commits: the target's type, then the type that was answered."""
    by_commits: dict[str, dict[str, float | None]]
    """Means of SLICED, and n, by commits of the target, from `1` to `4 or more`."""
    by_diff_chars: dict[str, dict[str, float | None]]
    """The same by size of the diff."""


class Difference(Record):
    """How a system compares to another on the same samples, by measures of HEADLINE."""

    system: str
    other: str
    comparisons: dict[str, Comparison]


class Evaluation(Record):
    """The results of all systems, in the order they were given."""

    systems: tuple[SystemResult, ...]
    differences: tuple[Difference, ...]


class Evaluated(NamedTuple):
    """What systems answered, and what it is worth."""

    cases: Sequence[Case]
    predictions: Sequence[Prediction]
    """Those of a system stand together, of the main one first."""
    scores: Sequence[Score]
    """One a prediction, in their order."""
    evaluation: Evaluation


def evaluate(
    cases: Iterable[Case],
    scores: Sequence[Score],
    predictions: Sequence[Prediction],
    sizes_bytes: Mapping[str, int],
    compared: Collection[str] | None = None,
) -> Evaluation:
    """Return the results of each system, and the first against the others.

    Of the systems that are told the target's groups the first is compared with the
    others of them, by measures of messages alone. The one that chooses among the
    baseline's groupings is compared with the baseline by measures of grouping alone.

    Scores and predictions of a system stand together, of the main one first. It is
    compared with those named; None for all but those that are told the groups, and
    students, which are the same one otherwise.
    """
    measured = {name: list(own) for name, own in groupby(scores, lambda s: s.system)}
    answers = {
        name: list(own) for name, own in groupby(predictions, lambda p: p.system)
    }
    by_id = {case.id: case for case in cases}
    parts = slices(by_id.values())
    main, *others = measured
    if compared is None:
        compared = [
            name
            for name in others
            if not name.startswith("student-") and not name.endswith(GROUPS_GIVEN)
        ]
    given = [name for name in others if name.endswith(GROUPS_GIVEN)]
    families: list[tuple[str, Collection[str], tuple[str, ...]]]
    families = [(main, compared, HEADLINE)]
    families += [(given[0], given[1:], OF_MESSAGES)] if given else []
    if {RERANK, "control-baseline"} <= measured.keys():
        families.append((RERANK, ["control-baseline"], OF_GROUPING))
    return Evaluation(
        systems=tuple(
            _result(by_id, parts, own, answers[system], sizes_bytes.get(system))
            for system, own in measured.items()
        ),
        differences=tuple(
            Difference(system=first, other=other, comparisons=found)
            for first, rivals, names in families
            for other, found in compare_systems(
                measured[first],
                {name: measured[name] for name in rivals},
                measures_of(names),
            ).items()
        ),
    )


def headline(evaluation: Evaluation) -> dict[str, float | None]:
    """Return the eight numbers of metrics/eval.json: the student's means by HEADLINE.

    Each is 0 to 1 with three digits, which a table of experiments has room for; None
    where there is nothing to measure, as without junk.
    """
    student = evaluation.systems[0]
    values = {name: student.scores[name].value for name in HEADLINE}
    return {k: None if v is None else round(v, 3) for k, v in values.items()}


def confusion(pairs: Iterable[Aligned]) -> dict[str, dict[str, int]]:
    """Return how often a type of the target was answered by which; NO_TYPE if none."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for target, partner in pairs:
        counts[target.type][(partner and partner.type) or NO_TYPE] += 1
    return {type_: dict(sorted(counts[type_].items())) for type_ in sorted(counts)}


def is_overflow(prediction: Prediction) -> bool:
    """Tell a prompt that is longer than the context, or than its own limit."""
    error = prediction.error or ""
    return error == TOO_LONG or _OVERFLOW.match(error) is not None


def _result(
    cases: Mapping[str, Case],
    parts: Iterable[Slice],
    scores: Sequence[Score],
    predictions: Sequence[Prediction],
    size_bytes: int | None,
) -> SystemResult:
    import numpy as np

    latencies_s = [each.latency_s for each in predictions if each.latency_s]
    tokens = sum(prediction.completion_tokens for prediction in predictions)
    p50_s = p95_s = None
    if latencies_s:
        p50_s, p95_s = map(float, np.quantile(latencies_s, (0.5, 0.95)))
    return SystemResult(
        system=scores[0].system,
        n=len(scores),
        scores={name: mean_of(scores, name, SCORES[name]) for name in SCORES},
        tokens_per_s=tokens / sum(latencies_s) if tokens and latencies_s else None,
        latency_p50_s=p50_s,
        latency_p95_s=p95_s,
        size_mb=size_bytes / 1e6 if size_bytes is not None else None,
        prompt_overflows=_mean([is_overflow(each) for each in predictions]) or 0.0,
        confusion=confusion(
            pair
            for each in predictions
            for pair in align(cases[each.sample_id].target, each.plan or NO_PLAN)
            if pair.target.type
        ),
        by_commits=_sliced(scores, parts, "commits"),
        by_diff_chars=_sliced(scores, parts, "diff size"),
    )


def _sliced(
    scores: Sequence[Score], parts: Iterable[Slice], kind: str
) -> dict[str, dict[str, float | None]]:
    """Return n and means by the names of the slices of a kind."""
    found: dict[str, dict[str, float | None]] = {}
    for part in parts:
        if part.kind == kind:
            own = [each.values for each in scores if each.sample_id in part.ids]
            measured = {
                name: [v for each in own if (v := each[name]) is not None]
                for name in SLICED
            }
            means = {name: _mean(values) for name, values in measured.items()}
            found[part.name] = {"n": float(len(own)), **means}
    return found


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
