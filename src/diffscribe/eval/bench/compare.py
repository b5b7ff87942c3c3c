"""Two runs over the same cases: who is ahead, by how much, and how surely."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

from diffscribe.core.errors import InputError, RecordError
from diffscribe.core.files import read_jsonl
from diffscribe.core.intervals import (
    Estimate,
    Observation,
    estimate,
    holm,
    mcnemar,
    paired_bootstrap,
)
from diffscribe.core.records import Record, Score
from diffscribe.eval.bench.files import Stored, read_metrics
from diffscribe.eval.bench.scoring import RESAMPLES, SCORES_FILE, SEED
from diffscribe.eval.bench.slices import SLICES, sliced
from diffscribe.eval.measure import Measure
from diffscribe.eval.metrics import by_change
from diffscribe.eval.scores import SCORES

MAIN = ("valid", "type", "ari", "exact_partition", "grounded", "cc_valid", "chrf")
_NAMED = 3


class Duel(Record):
    """Two runs by one measure, over the cases to which it applies."""

    score: str
    slice: str
    """Empty: all cases."""
    n: int
    first: float
    second: float
    difference: Estimate
    """The first minus the second, paired by sample."""
    wins: int
    """Samples on which the first is better, whatever is better."""
    losses: int
    ties: int
    test: str
    """`McNemar` for yes or no, exact; else `bootstrap`."""
    p: float
    p_holm: float
    """Corrected for all measures of the family, or all slices of the kind."""


class Comparison(Record):
    """All that is said of two runs."""

    first: str
    second: str
    systems: tuple[str, str]
    n: int
    same_run: bool
    duels: tuple[Duel, ...]
    slices: dict[str, tuple[Duel, ...]]
    """By kind of slice."""


class _Pair(NamedTuple):
    cluster: str
    repo: str
    first: float
    second: float


def compare(first: Stored, second: Stored, scores: Sequence[str]) -> Comparison:
    """Return how the first run does against the second.

    Args:
        first: a run that is over.
        second: another over the same cases.
        scores: names of SCORES that are compared slice by slice; none: MAIN.

    Raises:
        RecordError: if the cases are not the same, or a sample is missing.
        InputError: if a run was scored by another version or other rules, or a name
            is none.
    """
    unknown = [name for name in scores if name not in SCORES]
    if unknown:
        raise InputError(f"no score '{unknown[0]}'; there are {', '.join(SCORES)}")
    names = scores or [name for name in MAIN if name in SCORES]
    _refuse_other_cases(first, second)
    _refuse_other_rules(first, second)
    ours, theirs = _scores(first), _scores(second)
    everything = frozenset(case.id for case in first.cases)

    def duel(name: str, slice_name: str, ids: frozenset[str]) -> Duel | None:
        return _duel(name, slice_name, _pairs(name, ours, theirs, ids))

    overall = [duel(name, "", everything) for name in SCORES]
    by_kind = {
        kind: [
            each
            for name in names
            for each in _corrected(
                duel(name, slice_name, ids)
                for slice_name, ids in sliced(first.cases, kind).items()
            )
        ]
        for kind in SLICES
    }
    families = groupby(
        (each for each in overall if each), lambda each: SCORES[each.score].family
    )
    return Comparison(
        first=first.folder.name,
        second=second.folder.name,
        systems=(first.run.system, second.run.system),
        n=len(first.cases),
        same_run=first.run.identity == second.run.identity,
        duels=tuple(each for _, family in families for each in _corrected(family)),
        slices={kind: tuple(duels) for kind, duels in by_kind.items()},
    )


def _refuse_other_cases(first: Stored, second: Stored) -> None:
    if first.run.identity.cases_sha256 == second.run.identity.cases_sha256:
        return
    ours, theirs = ({case.id: case for case in run.cases} for run in (first, second))
    problems = []
    for mine, other, run in ((ours, theirs, first), (theirs, ours, second)):
        if alone := sorted(mine.keys() - other.keys()):
            problems.append(
                f"{len(alone)} only in {run.folder.name}, such as "
                f"{', '.join(alone[:_NAMED])}"
            )
    both = sorted(ours.keys() & theirs.keys())
    if changed := [name for name in both if ours[name] != theirs[name]]:
        problems.append(
            f"{len(changed)} of the same id differ, such as "
            f"{', '.join(changed[:_NAMED])}"
        )
    if problems:
        raise RecordError(
            f"{first.folder.name} and {second.folder.name} have other cases: "
            f"{'; '.join(problems)}; run both over one file with the same --max-cases"
        )


def _refuse_other_rules(first: Stored, second: Stored) -> None:
    ours, theirs = (read_metrics(run.folder)["house"] for run in (first, second))
    if ours != theirs:
        raise InputError(
            f"{first.folder.name} and {second.folder.name} were scored by other rules "
            "of eval.house; 'bench.py rescore' both"
        )


def _scores(run: Stored) -> dict[str, Score]:
    path = run.folder / SCORES_FILE
    scores = {each.sample_id: each for each in read_jsonl(path, Score)}
    names = {frozenset(each.values) for each in scores.values()}
    if names != {frozenset(SCORES)} or len(scores) != len(run.cases):
        raise InputError(
            f"{path}: another version scored it; "
            f"'bench.py rescore {run.folder.name}' does it again"
        )
    return scores


def _pairs(
    name: str, ours: dict[str, Score], theirs: dict[str, Score], ids: frozenset[str]
) -> list[_Pair]:
    return [
        _Pair(score.cluster, score.repo, mine, other)
        for key, score in ours.items()
        if key in ids
        and (mine := score.values[name]) is not None
        and (other := theirs[key].values[name]) is not None
    ]


def _duel(name: str, slice_name: str, pairs: Sequence[_Pair]) -> Duel | None:
    if not pairs:
        return None
    measure = SCORES[name]
    sign = 1 if measure.better == "higher" else -1
    wins = sum(sign * each.first > sign * each.second for each in pairs)
    losses = sum(sign * each.first < sign * each.second for each in pairs)
    test, p = _tested(pairs, measure)
    return Duel(
        score=name,
        slice=slice_name,
        n=len(pairs),
        first=sum(each.first for each in pairs) / len(pairs),
        second=sum(each.second for each in pairs) / len(pairs),
        difference=estimate(_differences(pairs), _bounds(measure), RESAMPLES, SEED),
        wins=wins,
        losses=losses,
        ties=len(pairs) - wins - losses,
        test=test,
        p=p,
        p_holm=p,
    )


def _tested(pairs: Sequence[_Pair], measure: Measure) -> tuple[str, float]:
    differences = _differences(pairs)
    values = {value for each in pairs for value in (each.first, each.second)}
    if values <= {0.0, 1.0}:
        above, below, _ = by_change(differences)
        return "McNemar", mcnemar(above, below)
    bounds = _bounds(measure)
    return "bootstrap", paired_bootstrap(differences, bounds, RESAMPLES, SEED)


def _bounds(measure: Measure) -> tuple[float, float]:
    """Return how much less and more one value may be than another."""
    return measure.low - measure.high, measure.high - measure.low


def _differences(pairs: Iterable[_Pair]) -> list[Observation]:
    return [
        Observation(each.cluster, each.first - each.second, each.repo) for each in pairs
    ]


def _corrected(duels: Iterable[Duel | None]) -> list[Duel]:
    """Return those that are, each with its p as one of so many."""
    found = [each for each in duels if each]
    return [
        each.model_copy(update={"p_holm": p})
        for each, p in zip(found, holm([each.p for each in found]), strict=True)
    ]
