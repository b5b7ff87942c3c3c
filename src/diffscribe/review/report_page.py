"""The page of an evaluation: overview, samples, and pairs of plans for blind votes."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from diffscribe.commits.grammar import format_header
from diffscribe.commits.plan import plan_json
from diffscribe.core.ballots import Ballot, digest
from diffscribe.core.draw import stratified
from diffscribe.core.errors import RecordError
from diffscribe.core.files import write_jsonl
from diffscribe.core.intervals import Estimate
from diffscribe.core.records import Prediction, Score
from diffscribe.eval.cases import Case, cluster_of, file_changes
from diffscribe.eval.metrics import (
    LARGEST,
    MOST_COMMITS,
    SIZES,
    Difference,
    Evaluation,
    SystemResult,
    commits_of,
    mean_of,
    size_of,
)
from diffscribe.eval.scores import HEADLINE, SCORES
from diffscribe.review.page import asset, shown_change, shown_plan, whole_page

TARGET = "target"
"""Stands for a system: the plan of the history, or of the teacher."""
Answers = Mapping[str, Mapping[str, Prediction]]
"""By system, then by id of the case; the target has none."""
A = TypeVar("A", Prediction, Score)


def write_page(
    folder: Path,
    cases: Sequence[Case],
    predictions: Sequence[Prediction],
    scores: Sequence[Score],
    evaluation: Evaluation,
    page_samples: int | None,
    compared: Sequence[str] | None = None,
) -> None:
    """Write index.html, and ballots.jsonl with the pairs of plans it asks to vote on.

    Args:
        folder: an existing folder.
        cases: all of them.
        predictions: of all systems to all cases, those of the main system first.
        scores: of the predictions.
        evaluation: of all systems.
        page_samples: how many cases are put side by side; None for all.
        compared: the systems that the first is put beside, apart from the target;
            None for those whose name begins with `base`.
    """
    answers, measured = by_system(predictions), by_system(scores)
    ballots = ballots_of(cases, answers, page_samples, compared)
    report = {
        **overview(cases, measured, evaluation),
        "samples": [listed(case) for case in cases],
        "values": {
            name: [
                [own[case.id].values[name] for case in cases]
                for own in measured.values()
            ]
            for name in HEADLINE
        },
        "ballots": [ballot.model_dump() for ballot in ballots],
    }
    # Each sample is an element of its own, which is parsed when it is shown.
    samples = {
        f"sample-{at}": shown(
            case,
            {system: own[case.id] for system, own in answers.items()},
            {system: own[case.id] for system, own in measured.items()},
        )
        for at, case in enumerate(cases)
    }
    page = whole_page(
        "Evaluation",
        asset("report.html"),
        asset("report.js"),
        {"report": report, **samples},
    )
    (folder / "index.html").write_text(page, encoding="utf-8")
    write_jsonl(folder / "ballots.jsonl", ballots)


def by_system(each: Iterable[A]) -> Mapping[str, Mapping[str, A]]:
    """Return answers or scores by system, then by id of the case."""
    systems: dict[str, dict[str, A]] = {}
    for one in each:
        systems.setdefault(one.system, {})[one.sample_id] = one
    return systems


class Slice(NamedTuple):
    """Some of the cases."""

    kind: str
    name: str
    ids: frozenset[str]


KINDS = ("repository", "language", "commits", "diff size", "type", "junk")
_NAMES = (*map(str, range(MOST_COMMITS)), f"{MOST_COMMITS} or more")
_ORDER = {name: at for at, name in enumerate((*_NAMES, *SIZES.values(), LARGEST))}


def slices(cases: Sequence[Case]) -> list[Slice]:
    """Return the parts of the cases by each of KINDS, in the order of tables.

    A case is in one part of a kind; in one of each of its languages and types.
    """
    ids: dict[tuple[str, str], set[str]] = defaultdict(set)
    for case in cases:
        for kind, names in names_of(case).items():
            for name in names:
                ids[kind, name].add(case.id)
    ordered = sorted(
        ids, key=lambda each: (KINDS.index(each[0]), _ORDER.get(each[1], 0), each)
    )
    return [Slice(*each, frozenset(ids[each])) for each in ordered]


def names_of(case: Case) -> dict[str, tuple[str, ...]]:
    """Return the parts that a case is in, by kind."""
    commits = case.target.commits
    return {
        "repository": (case.repo,),
        "language": case.languages or ("other",),
        "commits": (commits_of(case),),
        "diff size": (size_of(case),),
        "type": tuple(sorted({commit.type for commit in commits})),
        "junk": ("with junk" if case.junk else "without",),
    }


def overview(
    cases: Sequence[Case],
    scores: Mapping[str, Mapping[str, Score]],
    evaluation: Evaluation,
) -> dict[str, Any]:
    """Return what the first view shows; scores are by system and id of the case."""
    parts = slices(cases)
    return {
        "measures": {name: each._asdict() for name, each in SCORES.items()},
        "headline": HEADLINE,
        "systems": [_system(result) for result in evaluation.systems],
        "differences": [_difference(each) for each in evaluation.differences],
        "slices": [(part.kind, part.name, len(part.ids)) for part in parts],
        "parts": {
            system: [_on_part(part, own) for part in parts]
            for system, own in scores.items()
        },
    }


def _on_part(part: Slice, scores: Mapping[str, Score]) -> list[list[float | None]]:
    own = [scores[id_] for id_ in sorted(part.ids)]
    return [_ends(mean_of(own, name)) for name in HEADLINE]


def _system(result: SystemResult) -> dict[str, Any]:
    return {
        **result.model_dump(exclude={"aggregates", "scores"}),
        "scores": {name: _ends(each) for name, each in result.scores.items()},
    }


def _difference(difference: Difference) -> dict[str, Any]:
    return {
        "system": difference.system,
        "other": difference.other,
        "comparisons": {
            name: {
                **each.model_dump(include={"verdict", "p_holm", "wins", "losses"}),
                "difference": _ends(each.difference),
            }
            for name, each in difference.comparisons.items()
        },
    }


def _ends(score: Estimate) -> list[float | None]:
    """Return value, low, high and n."""
    ends = (score.value, score.low, score.high)
    return [*(None if each is None else round(each, 4) for each in ends), score.n]


def listed(case: Case) -> dict[str, Any]:
    """Return what the list and its filters need of a case."""
    commits = case.target.commits
    return {
        "id": case.id,
        "title": format_header(commits[0]) if commits else "junk alone",
        "files": len(case.files),
        "chars": len(case.diff),
        **{kind.replace(" ", "_"): names for kind, names in names_of(case).items()},
    }


def shown(
    case: Case, predictions: Mapping[str, Prediction], scores: Mapping[str, Score]
) -> dict[str, Any]:
    """Return a case whole: the change, and each plan with what was said of it.

    Predictions and scores are by system; values are in the order of SCORES.
    """
    try:
        files = file_changes(case.diff, case.files)
    except RecordError:
        files = ()
    return {
        **shown_change(case.files, files, case.diff, case.originals, case.gitignore),
        "junk": case.junk,
        "plans": {
            TARGET: {"plan": shown_plan(case.target)},
            **{
                system: _answer(prediction, scores[system])
                for system, prediction in predictions.items()
            },
        },
    }


def _answer(prediction: Prediction, score: Score) -> dict[str, Any]:
    plan = prediction.plan
    is_told = plan is not None and plan_json(plan) == prediction.text
    tokens, seconds = prediction.completion_tokens, prediction.latency_s
    return {
        "plan": shown_plan(plan) if plan else None,
        "error": prediction.error,
        "text": None if is_told else prediction.text,
        "about": f"{tokens} tokens in {seconds:.3g} s" if tokens else "",
        "values": [
            None if (value := score.values[name]) is None else round(value, 3)
            for name in SCORES
        ],
        "findings": score.findings,
    }


def ballots_of(
    cases: Sequence[Case],
    answers: Answers,
    count: int | None,
    compared: Sequence[str] | None = None,
) -> list[Ballot]:
    """Return what a person is asked to vote on, a ballot for each pair and case.

    Args:
        cases: all of them.
        answers: of all systems to all cases, the main system first.
        count: how many cases are drawn; None for all.
        compared: the systems that the first is put beside, apart from the target;
            None for those whose name begins with `base`.
    """
    first, *others = answers
    if compared is None:
        compared = [name for name in others if name.startswith("base")]
    pairs = [(first, other) for other in (*compared, TARGET)]
    chosen = drawn(cases, count)
    return [ballot_of_pair(case, answers, pair) for pair in pairs for case in chosen]


def drawn(cases: Sequence[Case], count: int | None) -> list[Case]:
    """Return the cases to vote on, in their order; None draws from all clusters.

    Of a change and its variants one is taken. Repository, number of commits, type
    of the first commit and size of the diff have their share.
    """
    one: dict[str, Case] = {}
    for case in cases:
        other = one.get(cluster_of(case))
        if other is None or digest(case.id) < digest(other.id):
            one[cluster_of(case)] = case
    strata = ((case.id, _stratum(case)) for case in one.values())
    ids = stratified(strata, len(one) if count is None else count, "side by side")
    return [case for case in cases if case.id in ids]


def _stratum(case: Case) -> tuple[str, str, str, str]:
    commits = case.target.commits
    first = commits[0].type if commits else ""
    return case.repo, commits_of(case), first, size_of(case)


def ballot_of_pair(case: Case, answers: Answers, pair: Sequence[str]) -> Ballot:
    """Return the ballot of a case and two systems, in whichever order.

    The case's id and the names of the systems alone decide which is A, and each is A
    about equally often.
    """
    one, other = sorted(pair)
    is_turned = int(digest(case.id, one, other)[-1], 16) % 2
    systems = (other, one) if is_turned else (one, other)
    texts = [answer_text(case, answers, system) for system in systems]
    return Ballot(
        ballot=digest(case.id, *systems, case.diff, *texts),
        id=case.id,
        repo=case.repo,
        systems=systems,
    )


def answer_text(case: Case, answers: Answers, system: str) -> str:
    """Return all that a voter sees of an answer: its plan, or else its text."""
    if system == TARGET:
        return plan_json(case.target)
    prediction = answers[system][case.id]
    return plan_json(prediction.plan) if prediction.plan else prediction.text
