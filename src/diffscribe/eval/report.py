"""The evaluation as tables, for the terminal and for Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from diffscribe.core.files import write_json, write_jsonl
from diffscribe.core.intervals import Estimate, rule_of_three
from diffscribe.core.records import Prediction, Score
from diffscribe.eval.metrics import HEADLINE, Difference, Evaluation, SystemResult
from diffscribe.eval.scores import SCORES

NOTHING = "-"
NARROWEST = 80
"""Columns; a narrower terminal wraps."""
LEFT = ("family", "measure", "better", "what it is")
"""Columns of words, which are aligned to the left, as the first always is."""
_GAP = 2

Row = dict[str, str]


def grid(rows: Sequence[Row], style: str = "github") -> str:
    """Return rows with the keys of the first as titles; NOTHING without rows.

    A line feed in a title breaks it in a terminal and is a space in Markdown.
    """
    from tabulate import tabulate

    if not rows:
        return NOTHING
    if style == "github":
        rows = [
            {key.replace("-\n", "").replace("\n", " "): row[key] for key in row}
            for row in rows
        ]
    align = ["left" if name in LEFT else "right" for name in rows[0]]
    align[0] = "left"
    return tabulate(
        rows, headers="keys", tablefmt=style, disable_numparse=True, colalign=align
    )


def in_width(rows: Sequence[Row], columns: int) -> list[list[Row]]:
    """Take a table apart into ones that fit, each with the first column.

    What does not fit into NARROWEST even alone stays as it is.
    """
    first, *others = rows[0]
    parts: list[list[str]] = [[]]
    room = left = max(columns, NARROWEST) - _width(rows, first)
    for name in others:
        taken = _width(rows, name) + _GAP
        if taken > left and parts[-1]:
            parts.append([])
            left = room
        parts[-1].append(name)
        left -= taken
    return [
        [{key: row[key] for key in (first, *names)} for row in rows] for names in parts
    ]


def percent(share: float | None) -> str:
    """Return a share in whole percent."""
    return NOTHING if share is None else f"{round(100 * share)}"


def decimal(value: float | None) -> str:
    """Return a number with two decimals."""
    return NOTHING if value is None else f"{value:.2f}"


def number(value: float | None) -> str:
    """Return a number with three digits or more."""
    if value is None:
        return NOTHING
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _width(rows: Sequence[Row], name: str) -> int:
    lines = [*name.split("\n"), *(row[name] for row in rows)]
    return max(map(len, lines))


def claims(evaluation: Evaluation) -> str:
    """Return what is better, what intervals are about, and what would go unseen."""
    student = evaluation.systems[0]
    parts = [
        scope_line(student),
        *filter(None, map(_overflows, evaluation.systems)),
        *(_verdicts(student.system, each) for each in evaluation.differences),
        f"Better or worse is said only where p is below 0.05 after Holm's correction "
        f"over all {len(HEADLINE) * len(evaluation.differences)} comparisons of this "
        "table; the interval is then without 0. A true difference of so many points "
        "would be found 4 times in 5, a smaller one less often:",
        grid([_detectable(each) for each in evaluation.differences]),
        *_none_seen(student),
    ]
    return "\n\n".join(parts)


def scope_line(student: SystemResult) -> str:
    """Return of what the intervals are: of other repositories, or these only."""
    measured = next(
        (each for name in HEADLINE if (each := student.scores[name]).n),
        student.scores[HEADLINE[0]],
    )
    if measured.scope == "repositories":
        return (
            f"Intervals are of other repositories like these {measured.clusters}: "
            "repositories were resampled."
        )
    return (
        "Intervals are of other changes of these repositories only: with fewer than "
        f"six of them, the {measured.clusters} changes were resampled."
    )


def _overflows(result: SystemResult) -> str:
    """Return what prompts that were too long cost a system, or nothing."""
    share = result.aggregates.prompt_overflows
    if not share:
        return ""
    return (
        f"Of {result.system} {100 * share:.0f} % of the prompts were longer than its "
        "context, or than their own limit, and count as failed; give it more context "
        "or shorter prompts."
    )


def _verdicts(student: str, difference: Difference) -> str:
    """Return one line on one other system."""
    named = {
        verdict: [
            name
            for name, each in difference.comparisons.items()
            if each.verdict == verdict
        ]
        for verdict in ("better", "worse", "not shown")
    }
    words = "; ".join(
        f"{verdict}: {', '.join(names)}" for verdict, names in named.items() if names
    )
    return f"- {student} against {difference.other}: {words}."


def _detectable(difference: Difference) -> dict[str, str]:
    found = {name: each.detectable for name, each in difference.comparisons.items()}
    return {"against": difference.other} | {
        name: "-" if points is None else f"{100 * points:.1f}"
        for name, points in found.items()
    }


def _none_seen(student: SystemResult) -> list[str]:
    """Return a line on the measures without a single failure."""
    perfect = {
        name: student.scores[name]
        for name in HEADLINE
        if student.scores[name].value == 1.0 and student.scores[name].independent
    }
    if not perfect:
        return []
    words = ", ".join(
        f"{name} {100 * rule_of_three(each.independent):.1f} %"
        for name, each in perfect.items()
    )
    return [
        f"Nothing failed in {', '.join(perfect)}. That is no proof of 100 %: by the "
        f"rule of three at most this share fails, at 95 % confidence: {words}."
    ]


Rows = list[dict[str, Any]]


def write_plots(folder: Path, evaluation: Evaluation) -> None:
    """Fill a folder with one file a figure."""
    systems = evaluation.systems
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "confusion.json", confusion_rows(systems[0]))
    write_json(
        folder / "grouping_by_commits.json",
        slice_rows(systems, "commits", ("ari", "exact_partition")),
    )
    write_json(
        folder / "reliability_by_diff_size.json",
        slice_rows(systems, "diff_chars", ("valid", "grounded")),
    )


def confusion_rows(result: SystemResult) -> Rows:
    """Return a row for each aligned commit of the main student, as DVC counts them."""
    return [
        {"actual": actual, "predicted": predicted}
        for actual, row in result.aggregates.confusion.items()
        for predicted, n in row.items()
        for _ in range(n)
    ]


def slice_rows(
    systems: Sequence[SystemResult], by: str, measures: tuple[str, ...]
) -> Rows:
    """Return a row for each slice and system that has a value, slices together.

    `bar` names both, as DVC colours by experiment and has nothing left for systems.
    """
    slices: dict[str, Mapping[str, Mapping[str, float | None]]] = {
        each.system: getattr(each.aggregates, f"by_{by}") for each in systems
    }
    names = list(slices[systems[0].system])
    return [
        {by: name, "system": system, "bar": f"{name}: {system}"}
        | {each: rows[name][each] for each in measures}
        for name in names
        for system, rows in slices.items()
        if rows[name][measures[0]] is not None
    ]


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
