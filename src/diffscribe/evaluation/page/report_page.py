"""The page of an evaluation: overview, samples, and blind votes."""

from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

from diffscribe.evaluation.cases import Case
from diffscribe.evaluation.metrics import HEADLINE, Evaluation
from diffscribe.evaluation.page.ballot import Ballot
from diffscribe.evaluation.page.overview import overview
from diffscribe.evaluation.page.samples import listed, shown
from diffscribe.evaluation.page.side_by_side import ballots, drawn, pairs
from diffscribe.evaluation.scoring.all import SCORES
from diffscribe.jsonl import write_jsonl
from diffscribe.page import whole_page
from diffscribe.params import EvalParams
from diffscribe.records import Prediction, Score

A = TypeVar("A", Prediction, Score)

_SCRIPTS = ("overview.js", "samples.js", "side_by_side.js", "report_page.js")


def write_page(
    folder: Path,
    cases: Sequence[Case],
    predictions: Sequence[Prediction],
    scores: Sequence[Score],
    evaluation: Evaluation,
    params: EvalParams,
) -> None:
    """Write index.html, and ballots.jsonl with what it asks to vote on."""
    voted = ballots_of(cases, predictions, params.page_samples)
    page = report_page(cases, predictions, scores, evaluation, voted, params.seed)
    (folder / "index.html").write_text(page, encoding="utf-8")
    write_jsonl(folder / "ballots.jsonl", voted)


def report_page(
    cases: Sequence[Case],
    predictions: Sequence[Prediction],
    scores: Sequence[Score],
    evaluation: Evaluation,
    voted: Sequence[Ballot],
    seed: int,
) -> str:
    """Return the page; whatever a repository or a model wrote is shown as text.

    Args:
        cases: all of them.
        predictions: of all systems to all cases.
        scores: of them.
        evaluation: of all systems.
        voted: what a person is asked to vote on; see `ballots_of`.
        seed: of the intervals of slices.
    """
    answers, measured = _by_system(predictions), _by_system(scores)
    folder = files("diffscribe.evaluation.page")
    script = "".join(folder.joinpath(each).read_text("utf-8") for each in _SCRIPTS)
    report = overview(cases, answers, measured, evaluation, seed)
    report |= {
        "samples": [listed(case) for case in cases],
        "values": {
            name: [
                [own[case.id].values[name] for case in cases]
                for own in measured.values()
            ]
            for name in HEADLINE
        },
        "ballots": [ballot.model_dump() for ballot in voted],
    }
    # Each is parsed when it is shown, so that a thousand are light.
    whole = {
        f"sample-{at}": shown(
            case,
            {system: own[case.id] for system, own in answers.items()},
            {system: own[case.id] for system, own in measured.items()},
            list(SCORES),
        )
        for at, case in enumerate(cases)
    }
    return whole_page(
        "Evaluation",
        folder.joinpath("report_page.css").read_text("utf-8"),
        folder.joinpath("report_page.html").read_text("utf-8"),
        script,
        {"report": report, **whole},
    )


def ballots_of(
    cases: Sequence[Case],
    predictions: Sequence[Prediction],
    count: int | None,
    compared: Sequence[tuple[str, str]] | None = None,
) -> list[Ballot]:
    """Return what a person is asked to vote on: so many cases, or all.

    Args:
        cases: all of them.
        predictions: of all systems to all cases.
        count: how many are drawn; None for all.
        compared: who is compared with whom; None for `pairs`.
    """
    answers = _by_system(predictions)
    if compared is None:
        compared = pairs(list(answers))
    return ballots(drawn(cases, count), answers, compared)


def _by_system(each: Iterable[A]) -> Mapping[str, Mapping[str, A]]:
    """Return answers or scores by system, then by id of the case."""
    systems: dict[str, dict[str, A]] = {}
    for one in each:
        systems.setdefault(one.system, {})[one.sample_id] = one
    return systems
