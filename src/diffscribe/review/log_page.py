"""The page of an evaluation on logs: the table, and each case with all its answers."""

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from diffscribe.core.compare import Comparison
from diffscribe.core.records import Score
from diffscribe.core.tables import cell
from diffscribe.logs.evaluation import Judged, LogAnswer, LogEvaluation
from diffscribe.review.page import html_table, whole_page


class ShownCase(NamedTuple):
    """A case as a reader sees it."""

    id: str
    kind: str
    prompt: str
    target: str


def write_log_page(
    path: Path,
    title: str,
    cases: Sequence[ShownCase],
    evaluation: LogEvaluation,
    judged: Judged,
    answers: Sequence[LogAnswer],
    scores: Sequence[Score],
) -> None:
    """Write one file of HTML without network or script."""
    answered = {(each.sample_id, each.system): each for each in answers}
    scored = {(each.sample_id, each.system): each for each in scores}
    systems = [each.system for each in evaluation.systems]
    shown = "\n".join(
        _case(
            case,
            {name: answered[case.id, name] for name in systems},
            {name: scored[case.id, name] for name in systems},
            judged,
        )
        for case in cases
    )
    body = (
        f"<h1>{html.escape(title)}</h1>\n"
        f"<p>{len(cases)} cases · {len(systems)} systems</p>\n"
        f"{_means(evaluation, judged)}\n"
        "<p>In percent, in brackets the 95 % interval over clusters of cases.</p>\n"
        f"<h2>Differences</h2>\n{_differences(evaluation, judged)}\n"
        "<p>The first system minus each other, in points; better or worse only after "
        "Holm's correction.</p>\n"
        f"<h2>Cases</h2>\n{shown}"
    )
    path.write_text(whole_page(title, body), encoding="utf-8")


def _means(evaluation: LogEvaluation, judged: Judged) -> str:
    names = judged.headline
    rows = [
        [
            each.system,
            each.n,
            *(cell(each.scores[name], judged.measures[name].high) for name in names),
        ]
        for each in evaluation.systems
    ]
    return html_table(["system", "n", *_titles(judged)], rows)


def _differences(evaluation: LogEvaluation, judged: Judged) -> str:
    rows = [
        [other, *(_said(found[name]) for name in judged.headline)]
        for other, found in evaluation.comparisons.items()
    ]
    return html_table(["minus", *_titles(judged)], rows)


def _titles(judged: Judged) -> list[str]:
    return [judged.titles[name].replace("\n", " ") for name in judged.headline]


def _said(found: Comparison) -> str:
    word = "" if found.verdict == "not shown" else f" {found.verdict}"
    return f"{cell(found.difference)}{word}"


def _case(
    case: ShownCase,
    answers: Mapping[str, LogAnswer],
    scores: Mapping[str, Score],
    judged: Judged,
) -> str:
    rows = [
        [
            system,
            each.text if each.error is None else f"{each.error}\n{each.text}",
            ", ".join(
                f"{name} {value:g}"
                for name in judged.measures
                if (value := scores[system].values[name]) is not None
            ),
        ]
        for system, each in answers.items()
    ]
    rows = [["target", case.target, ""], *rows]
    return (
        f'<details class="card"><summary>{html.escape(case.id[:12])} · '
        f"{html.escape(case.kind)}</summary><pre>{html.escape(case.prompt)}</pre>"
        f"{html_table(['who', 'answer', 'scores'], rows)}</details>"
    )
