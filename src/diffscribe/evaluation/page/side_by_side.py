"""Which answers are put side by side, in which order: drawn, hidden, repeatable."""

import hashlib
import json
from collections.abc import Mapping, Sequence

from diffscribe.commits.plan import plan_json
from diffscribe.evaluation.aggregates import commits_of, size_of
from diffscribe.evaluation.cases import Case, cluster_of
from diffscribe.evaluation.page.ballot import TARGET, Ballot
from diffscribe.records import Prediction
from diffscribe.strata import stratified


def drawn(cases: Sequence[Case], count: int | None) -> list[Case]:
    """Return the cases to vote on, in their order; None draws from all clusters.

    Of a change and its variants one is taken. Repository, number of commits, type
    of the first commit and size of the diff have their share.
    """
    one: dict[str, Case] = {}
    for case in cases:
        other = one.get(cluster_of(case))
        if other is None or _digest(case.id) < _digest(other.id):
            one[cluster_of(case)] = case
    strata = ((case.id, _stratum(case)) for case in one.values())
    ids = stratified(strata, len(one) if count is None else count, "side by side")
    return [case for case in cases if case.id in ids]


def pairs(systems: Sequence[str]) -> list[tuple[str, str]]:
    """Return who is compared: the first system with each base and with the target."""
    main, *others = systems
    bases = [name for name in others if name.startswith("base")]
    return [(main, other) for other in (*bases, TARGET)]


def ballots(
    cases: Sequence[Case],
    answers: Mapping[str, Mapping[str, Prediction]],
    pairs: Sequence[tuple[str, str]],
) -> list[Ballot]:
    """Return one ballot a case and pair.

    Which of two is A hangs on the case's id and their names alone, and is A for
    each of them equally often.

    Args:
        cases: those to vote on.
        answers: by system, then by id of the case; the target has none.
        pairs: of systems.
    """
    return [ballot_of(case, answers, pair) for pair in pairs for case in cases]


def ballot_of(
    case: Case, answers: Mapping[str, Mapping[str, Prediction]], pair: tuple[str, str]
) -> Ballot:
    """Return the ballot of a case and two systems, in whichever order."""
    one, other = sorted(pair)
    is_turned = int(_digest(case.id, one, other)[-1], 16) % 2
    first, second = (other, one) if is_turned else (one, other)
    texts = [answer_text(case, answers, system) for system in (first, second)]
    return Ballot(
        ballot=_digest(case.id, first, second, case.diff, *texts),
        sample_id=case.id,
        first=first,
        second=second,
    )


def answer_text(
    case: Case, answers: Mapping[str, Mapping[str, Prediction]], system: str
) -> str:
    """Return all that a voter sees of an answer: its plan, or else its text."""
    if system == TARGET:
        return plan_json(case.target)
    prediction = answers[system][case.id]
    return plan_json(prediction.plan) if prediction.plan else prediction.text


def _stratum(case: Case) -> tuple[str, str, str, str]:
    commits = case.target.commits
    first = commits[0].type if commits else ""
    return case.repo, commits_of(case), first, size_of(case)


def _digest(*texts: str) -> str:
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()
