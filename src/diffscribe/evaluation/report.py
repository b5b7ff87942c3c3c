"""The evaluation as a table, for the terminal and for Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from diffscribe.evaluation.bootstrap import Estimate
from diffscribe.evaluation.metrics import (
    HEADLINE,
    Difference,
    Evaluation,
    SystemResult,
)
from diffscribe.jsonl import write_json, write_jsonl
from diffscribe.records import Prediction, Score

TITLES = ("valid\nplans %", "type\naccuracy %", "grouping\n(ARI) %", "junk\nrouted %")
NOTHING = "-"


def write_report(
    folder: Path,
    predictions: Sequence[Prediction],
    scores: Sequence[Score],
    evaluation: Evaluation,
) -> None:
    """Fill a folder with every answer, every score, all metrics and the table."""
    write_jsonl(folder / "predictions.jsonl", predictions)
    write_jsonl(folder / "scores.jsonl", scores)
    write_json(folder / "metrics.json", evaluation.model_dump(mode="json"))
    (folder / "table.md").write_text(markdown(evaluation), encoding="utf-8")


def table(evaluation: Evaluation) -> str:
    """Return one row a system for the terminal, at most 100 columns wide.

    Scores are in percent, each with the ends of its 95 % interval.
    """
    return _table(_rows(evaluation.systems), "simple")


def markdown(evaluation: Evaluation) -> str:
    """Return the table, the paired differences, and how to read them."""
    student = evaluation.systems[0].system
    return "\n\n".join(
        (
            _table(_rows(evaluation.systems), "github"),
            "In brackets the 95 % interval. ARI is the adjusted Rand index of how "
            "files are grouped: 0 is chance. The controls are rules without a model.",
            f"{student} minus each other, paired by sample, in points:",
            _differences(evaluation.differences),
            "An interval that holds 0 shows no difference.\n",
        )
    )


def summary(evaluation: Evaluation) -> str:
    """Return the main student's scores in one line."""
    main = evaluation.systems[0]
    values = ", ".join(
        f"{name} {_percent(main.scores[name].value)}" for name in HEADLINE
    )
    return f"{main.system} on {main.n} samples: {values} (%)"


def _rows(results: Iterable[SystemResult]) -> list[dict[str, str]]:
    return [
        {
            "system": result.system,
            "n": str(result.n),
            **_cells(result.scores),
            "tok/s": _number(result.tokens_per_s),
            "MB": _number(result.size_mb),
        }
        for result in results
    ]


def _differences(differences: Iterable[Difference]) -> str:
    rows = [{"minus": each.other, **_cells(each.scores)} for each in differences]
    return _table(rows, "github")


def _table(rows: list[dict[str, str]], style: str) -> str:
    from tabulate import tabulate

    if style == "github":
        rows = [{key.replace("\n", " "): row[key] for key in row} for row in rows]
    align = ["left", *("right" for _ in list(rows[0])[1:])]
    return tabulate(
        rows, headers="keys", tablefmt=style, disable_numparse=True, colalign=align
    )


def _cells(scores: Mapping[str, Estimate]) -> dict[str, str]:
    return {
        title: _cell(scores[name]) for name, title in zip(HEADLINE, TITLES, strict=True)
    }


def _cell(score: Estimate) -> str:
    if score.value is None:
        return NOTHING
    ends = f"{_percent(score.low)},{_percent(score.high)}"
    return f"{_percent(score.value)} [{ends}]"


def _percent(share: float | None) -> str:
    return NOTHING if share is None else f"{round(100 * share)}"


def _number(value: float | None) -> str:
    if value is None:
        return NOTHING
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"
