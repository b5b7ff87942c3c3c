"""The evaluation as tables, for the terminal and for Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from diffscribe.evaluation.bootstrap import Estimate
from diffscribe.evaluation.claims import claims
from diffscribe.evaluation.grid import (
    NOTHING,
    Row,
    decimal,
    grid,
    in_width,
    number,
    percent,
)
from diffscribe.evaluation.metrics import (
    HEADLINE,
    Difference,
    Evaluation,
    SystemResult,
)
from diffscribe.evaluation.plots import write_plots
from diffscribe.evaluation.scoring.all import SCORES
from diffscribe.jsonl import write_json, write_jsonl
from diffscribe.records import Prediction, Score

TITLES = {
    "valid": "valid\nplans %",
    "type": "type\naccuracy %",
    "ari": "grouping\n(ARI) %",
    "exact_partition": "exact\ngroups %",
    "junk": "junk\nrouted %",
    "grounded": "grounded\nmessages %",
    "cc_valid": "conven-\ntional %",
    "chrf": "words\n(chrF) %",
}
OVER_ALL = (
    ("types", "macro_f1", "higher", "mean F1 of the target's types"),
    ("types", "type_entropy_bits", "", "0 if the type is always the same"),
    ("text", "distinct_subjects", "higher", "different subjects over messages"),
)
"""What is said of all answers at once, in the same table."""
_IN_PERCENT = 1.0


def write_report(
    folder: Path,
    predictions: Sequence[Prediction],
    scores: Sequence[Score],
    evaluation: Evaluation,
) -> None:
    """Fill a folder with every answer, score and metric, the table and the plots."""
    write_jsonl(folder / "predictions.jsonl", predictions)
    write_jsonl(folder / "scores.jsonl", scores)
    write_json(folder / "metrics.json", evaluation.model_dump(mode="json"))
    write_plots(folder / "plots", evaluation)
    (folder / "table.md").write_text(markdown(evaluation), encoding="utf-8")


def table(evaluation: Evaluation, columns: int) -> str:
    """Return one row a system for a terminal of so many columns.

    Scores are in percent, each with the ends of its 95 % interval. What does not
    fit beside each other comes below, with the systems again; 160 columns hold all.
    """
    rows = _rows(evaluation.systems)
    return "\n\n".join(grid(part, "simple") for part in in_width(rows, columns))


def markdown(evaluation: Evaluation) -> str:
    """Return the headline, the paired differences, and every measure there is."""
    student = evaluation.systems[0].system
    return "\n\n".join(
        (
            "# Evaluation",
            grid(_rows(evaluation.systems)),
            "In brackets the 95 % interval. ARI is the adjusted Rand index of how "
            "files are grouped: 0 is chance. The controls are rules without a model.",
            f"{student} minus each other, paired by sample, in points:",
            _differences(evaluation.differences),
            claims(evaluation),
            "## Every measure",
            "Means over the samples that a measure applies to; shares in percent, "
            "counts as they are, `lower` where less is better. An answer that failed "
            "has the worst value, save in three of the seeds', which leave it out. "
            "docs/evaluation.md says how each can mislead.",
            _measures(evaluation.systems),
            "## By the number of commits",
            _slices(evaluation.systems[0], "commits"),
            "## By the size of the diff, in characters",
            _slices(evaluation.systems[0], "diff_chars"),
            "## Types",
            f"Of {student}: what was answered (columns) to which type (rows).",
            _confusion(evaluation.systems[0]) + "\n",
        )
    )


def summary(evaluation: Evaluation) -> str:
    """Return the main student's scores in one line."""
    main = evaluation.systems[0]
    values = ", ".join(
        f"{name} {percent(main.scores[name].value)}"
        for name in ("valid", "type", "ari", "junk")
    )
    return f"{main.system} on {main.n} samples: {values} (%)"


def _rows(results: Iterable[SystemResult]) -> list[Row]:
    return [
        {
            "system": result.system,
            "n": str(result.n),
            **_cells(result.scores),
            "tok/s": number(result.tokens_per_s),
            "MB": number(result.size_mb),
        }
        for result in results
    ]


def _differences(differences: Iterable[Difference]) -> str:
    rows = [{"minus": each.other, **_cells(each.scores)} for each in differences]
    return grid(rows)


def _measures(results: Sequence[SystemResult]) -> str:
    rows = [
        {
            "family": measure.family,
            "measure": f"`{name}`",
            "better": measure.better,
            **{each.system: _mean(each.scores[name], measure.high) for each in results},
            "what it is": measure.meaning,
        }
        for name, measure in SCORES.items()
    ]
    rows += [
        {
            "family": family,
            "measure": f"`{name}`",
            "better": better,
            **{
                each.system: decimal(getattr(each.aggregates, name)) for each in results
            },
            "what it is": meaning,
        }
        for family, name, better, meaning in OVER_ALL
    ]
    return grid(rows)


def _slices(result: SystemResult, by: str) -> str:
    slices: Mapping[str, Mapping[str, float | None]] = getattr(
        result.aggregates, f"by_{by}"
    )
    rows = [
        {by.replace("_", " "): name, "n": f"{row['n']:.0f}"}
        | {key: decimal(value) for key, value in row.items() if key != "n"}
        for name, row in slices.items()
    ]
    return grid(rows)


def _confusion(result: SystemResult) -> str:
    counts = result.aggregates.confusion
    answers = sorted({answer for row in counts.values() for answer in row})
    rows = [
        {"target": type_} | {each: str(row.get(each, 0)) for each in answers}
        for type_, row in counts.items()
    ]
    return grid(rows)


def _cells(scores: Mapping[str, Estimate]) -> Row:
    return {TITLES[name]: _cell(scores[name]) for name in HEADLINE}


def _cell(score: Estimate) -> str:
    if score.value is None:
        return NOTHING
    ends = f"{percent(score.low)},{percent(score.high)}"
    return f"{percent(score.value)} [{ends}]"


def _mean(score: Estimate, high: float) -> str:
    return percent(score.value) if high == _IN_PERCENT else decimal(score.value)
