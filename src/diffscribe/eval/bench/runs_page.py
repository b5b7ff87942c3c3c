"""The page of an evaluation, of runs over the same cases: each run is a system."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from diffscribe.core.errors import RecordError
from diffscribe.core.files import whole_file
from diffscribe.core.params import HouseParams
from diffscribe.core.records import Prediction
from diffscribe.eval.bench.files import Stored
from diffscribe.eval.bench.scoring import RESAMPLES, SEED, prediction_of
from diffscribe.eval.metrics import evaluate
from diffscribe.eval.scores import score_all
from diffscribe.review.report_page import ballots_of, report_page
from diffscribe.review.votes import TARGET

_NAME_DIGITS = 6


def write_runs_page(
    runs: Sequence[Stored], page: Path, count: int, house: HouseParams
) -> int:
    """Write the page and return how many pairs of answers it asks to vote on.

    The first run is compared with each other one and with the target. A model that
    was asked in two ways is two systems: the name of the run tells them apart.

    Args:
        runs: those that are over, the one of interest first.
        page: the HTML file.
        count: how many cases are put side by side for blind votes.
        house: the rules that messages are scored by.

    Raises:
        RecordError: if the runs are not over the same cases, or one is there twice.
    """
    first = runs[0]
    for other in runs[1:]:
        if other.run.identity.cases_sha256 != first.run.identity.cases_sha256:
            raise RecordError(
                f"runs '{first.folder.name}' and '{other.folder.name}' are not over "
                "the same cases; run one again over the case file of the other"
            )
    names = _names(runs)
    if len({*names, TARGET}) <= len(names):
        raise RecordError(
            f"runs {', '.join(names)}: each has to be another, and none may be called "
            f"'{TARGET}', as the column of the cases is; leave one out"
        )
    predictions = [
        prediction
        for name, run in zip(names, runs, strict=True)
        for prediction in _predictions(run, name)
    ]
    scores = score_all(first.cases, predictions, house)
    evaluation = evaluate(
        first.cases, scores, predictions, {}, RESAMPLES, SEED, names[1:]
    )
    pairs = [(names[0], other) for other in (*names[1:], TARGET)]
    voted = ballots_of(first.cases, predictions, count, pairs)
    with whole_file(page) as partial:
        text = report_page(first.cases, predictions, scores, evaluation, voted, SEED)
        partial.write_text(text, encoding="utf-8")
    return len(voted)


def _names(runs: Sequence[Stored]) -> list[str]:
    times = Counter(each.run.system for each in runs)
    return [
        each.run.system
        if times[each.run.system] == 1
        else f"{each.run.system}-{each.folder.name[:_NAME_DIGITS]}"
        for each in runs
    ]


def _predictions(run: Stored, name: str) -> list[Prediction]:
    return [
        prediction_of(case, output, name, timing.latency_s)
        for case, output, timing in zip(
            run.cases, run.outputs, run.timings, strict=True
        )
    ]
