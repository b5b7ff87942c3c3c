"""The page of an evaluation: overview, samples, and pairs of plans for blind votes.

The overview is plain HTML. Samples and votes are drawn by report.js from the JSON that
is embedded in the page.
"""

import html
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any, TypeVar

from diffscribe.commits.grammar import format_header
from diffscribe.commits.plan import plan_json
from diffscribe.core.ballots import Ballot, digest
from diffscribe.core.compare import Comparison, mean_of
from diffscribe.core.draw import stratified
from diffscribe.core.errors import RecordError
from diffscribe.core.files import write_jsonl
from diffscribe.core.records import Prediction, Score
from diffscribe.core.tables import cell, number
from diffscribe.eval.cases import Case, cluster_of, file_changes
from diffscribe.eval.metrics import (
    Evaluated,
    Evaluation,
    Slice,
    slice_names,
    slices,
)
from diffscribe.eval.scores import HEADLINE, SCORES
from diffscribe.review.page import (
    asset,
    html_table,
    private_note,
    shown_change,
    shown_plan,
    whole_page,
)
from diffscribe.review.votes import p_value

TARGET = "target"
"""Stands for a system: the plan of the history, or of the teacher."""
Answers = Mapping[str, Mapping[str, Prediction]]
"""By system, then by id of the case; the target has none."""
A = TypeVar("A", Prediction, Score)


def write_page(
    folder: Path,
    evaluated: Evaluated,
    page_samples: int | None,
    compared: Sequence[str] | None = None,
) -> None:
    """Write index.html, and ballots.jsonl with the pairs of plans it asks to vote on.

    The pairs are those of `ballots_of`.
    """
    cases, predictions, scores, evaluation = evaluated
    answers, measured = by_system(predictions), by_system(scores)
    ballots = ballots_of(cases, answers, page_samples, compared)
    parts = slices(cases)
    report = {
        "measures": {name: each._asdict() for name, each in SCORES.items()},
        "systems": list(answers),
        "samples": [_list_entry(case, parts) for case in cases],
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
        f"sample-{at}": whole_case(
            case,
            {system: own[case.id] for system, own in answers.items()},
            {system: own[case.id] for system, own in measured.items()},
        )
        for at, case in enumerate(cases)
    }
    first, *others = answers
    named = [f"{part.kind}: {part.name} ({len(part.ids)})" for part in parts]
    body = Template(asset("report.html")).substitute(
        overview(measured, parts, evaluation),
        about=f"{len(cases)} samples of {len({case.repo for case in cases})} "
        f"repositories · {len(answers)} systems{private_note(cases)}",
        parts=_options(["", *map(str, range(len(parts)))], words=["all", *named]),
        scores=_options(HEADLINE, "ari"),
        firsts=_options(answers, first),
        others=_options(
            answers, next((name for name in others if name.startswith("base")), first)
        ),
        pairs=_options(dict.fromkeys(" and ".join(sorted(b.systems)) for b in ballots)),
    )
    page = whole_page(
        "Evaluation", body, asset("report.js"), {"report": report, **samples}
    )
    (folder / "index.html").write_text(page, encoding="utf-8")
    write_jsonl(folder / "ballots.jsonl", ballots)


def by_system(each: Iterable[A]) -> Mapping[str, Mapping[str, A]]:
    """Return answers or scores by system, then by id of the case."""
    systems: dict[str, dict[str, A]] = {}
    for one in each:
        systems.setdefault(one.system, {})[one.sample_id] = one
    return systems


def _options(
    values: Iterable[str], chosen: str = "", words: Iterable[str] | None = None
) -> str:
    values = list(values)
    return "".join(
        f'<option value="{html.escape(value)}"'
        f"{' selected' if value == chosen else ''}>{html.escape(text)}</option>"
        for value, text in zip(values, words or values, strict=True)
    )


# Overview -----------------------------------------------------------------------------

SPEED = {
    "tokens_per_s": "tokens/s",
    "latency_p50_s": "p50 s",
    "latency_p95_s": "p95 s",
    "size_mb": "MB",
}


def overview(
    scores: Mapping[str, Mapping[str, Score]],
    parts: Sequence[Slice],
    evaluation: Evaluation,
) -> dict[str, str]:
    """Return the HTML of the first view, by the places of report.html.

    Scores are by system and id of the case.
    """
    systems, differences = evaluation.systems, evaluation.differences
    main = systems[0].system
    headline = []
    for each in systems:
        values = [cell(each.scores[name]) for name in HEADLINE]
        speed = [number(getattr(each, key)) for key in SPEED]
        headline.append((each.system, each.n, *values, *speed))
    every = [
        (name, of.meaning, *(cell(each.scores[name], of.high) for each in systems))
        for name, of in SCORES.items()
    ]
    minus = []
    for one in differences:
        found = one.comparisons
        tested = [_difference(found[n]) if n in found else "-" for n in HEADLINE]
        name = one.other if one.system == main else f"{one.other}, of {one.system}"
        minus.append((name, *tested))
    names = [each.system for each in systems]
    return {
        "headline": html_table(("system", "n", *HEADLINE, *SPEED.values()), headline),
        "every": html_table(("score", "what it is", *names), every),
        "main": html.escape(main),
        "minus": html_table(("minus", *HEADLINE), minus)
        if minus
        else "<p>There is no other system.</p>",
        "by_part": "\n".join(
            f"<details{' open' if system == main else ''}><summary>"
            f"{html.escape(system)}</summary>{_parts(parts, own)}</details>"
            for system, own in scores.items()
        ),
    }


def _difference(found: Comparison) -> str:
    verdict = "" if found.verdict == "not shown" else f"{found.verdict}, "
    return f"{cell(found.difference)}\n{verdict}p {p_value(found.p_holm)}"


def _parts(parts: Iterable[Slice], scores: Mapping[str, Score]) -> str:
    rows = []
    for part in parts:
        own = [scores[id_] for id_ in sorted(part.ids)]
        means = [cell(mean_of(own, name, SCORES[name])) for name in HEADLINE]
        rows.append((f"{part.kind}: {part.name}", len(part.ids), *means))
    return html_table(("part", "n", *HEADLINE), rows)


# Samples ------------------------------------------------------------------------------


def _list_entry(case: Case, parts: Sequence[Slice]) -> dict[str, Any]:
    """Return what the list and its filters need of a case."""
    commits = case.target.commits
    return {
        "id": case.id,
        "title": format_header(commits[0]) if commits else "junk alone",
        "repo": case.repo,
        "languages": ", ".join(case.languages),
        "parts": [at for at, part in enumerate(parts) if case.id in part.ids],
    }


def whole_case(
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


# Blind votes --------------------------------------------------------------------------


def ballots_of(
    cases: Sequence[Case],
    answers: Answers,
    count: int | None,
    compared: Sequence[str] | None = None,
) -> list[Ballot]:
    """Return what a person is asked to vote on, a ballot for each pair and case.

    The first system is put beside those compared, None for those whose name begins with
    `base`, and beside the target. `count` cases are drawn, None for all.
    """
    first, *others = answers
    if compared is None:
        compared = [name for name in others if name.startswith("base")]
    pairs = [(first, other) for other in (*compared, TARGET)]
    chosen = cases_to_vote_on(cases, count)
    return [ballot_of_pair(case, answers, pair) for pair in pairs for case in chosen]


def cases_to_vote_on(cases: Sequence[Case], count: int | None) -> list[Case]:
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


def _stratum(case: Case) -> tuple[str, ...]:
    commits, names = case.target.commits, slice_names(case)
    first = commits[0].type if commits else ""
    return case.repo, *names["commits"], first, *names["diff size"]


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
