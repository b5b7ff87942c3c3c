"""Write an evaluation as tables for the terminal and Markdown, and as plots for DVC."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from diffscribe.core.files import write_json, write_jsonl
from diffscribe.core.tables import (
    Row,
    cell,
    grid,
    measures_table,
    number,
    percent,
    terminal_grid,
    verdict_line,
)
from diffscribe.core.tracking import TrackedRun
from diffscribe.eval.metrics import Difference, Evaluated, Evaluation, SystemResult
from diffscribe.eval.scores import HEADLINE, MEASURES, SEEDS

TITLES = {
    "valid": "valid\nplans %",
    "ari": "grouping\n(ARI) %",
    "exact_partition": "exact\ngroups %",
    "junk": "junk\nrouted %",
    "type": "type\naccuracy %",
    "grounded": "grounded\nmessages %",
    "style": "in\nstyle %",
    "chrf": "words\n(chrF) %",
}


def write_report(folder: Path, evaluated: Evaluated) -> None:
    """Fill a folder with every answer, score and metric, the table and the plots."""
    evaluation = evaluated.evaluation
    write_jsonl(folder / "predictions.jsonl", evaluated.predictions)
    write_jsonl(folder / "scores.jsonl", evaluated.scores)
    write_json(folder / "metrics.json", evaluation.model_dump(mode="json"))
    write_plots(folder / "plots", evaluation)
    (folder / "table.md").write_text(markdown(evaluation), encoding="utf-8")


def log_evaluation(
    run: TrackedRun,
    folder: Path,
    evaluated: Evaluated,
    metrics: Mapping[str, object],
) -> None:
    """Mirror metrics, the models that were asked and the figures of a report."""
    run.log_metrics(metrics)
    models = {f"model.{p.system}": p.model for p in evaluated.predictions if p.model}
    run.set_tags(models)
    run.log_report(folder)


def terminal_table(evaluation: Evaluation, columns: int) -> str:
    """Return a table with a row for each system, at most `columns` wide.

    Scores are in percent, each with the ends of its 95 % interval; 160 columns hold
    all.
    """
    return terminal_grid(headline_rows(evaluation.systems), columns)


def summary(evaluation: Evaluation) -> str:
    """Return the main student's scores in one line."""
    main = evaluation.systems[0]
    values = ", ".join(
        f"{name} {percent(main.scores[name].value)}"
        for name in ("valid", "type", "ari", "junk")
    )
    return f"{main.system} on {main.n} samples: {values} (%)"


def markdown(evaluation: Evaluation) -> str:
    """Return the headline, the paired differences, and every measure there is."""
    main = evaluation.systems[0]
    return "\n\n".join(
        (
            "# Evaluation",
            grid(headline_rows(evaluation.systems)),
            "In brackets the 95 % interval. ARI is the adjusted Rand index of how "
            "files and hunks are grouped: 0 is chance. The controls are rules "
            "without a model.",
            verdicts_text(evaluation),
            "## Every measure",
            "Means over the samples that a measure applies to, in percent; `lower` "
            "where less is better. An answer that failed has the worst value. "
            "docs/eval.md says how each can mislead.",
            measures_table(MEASURES, evaluation.systems),
            "## The seeds' own numbers",
            "Of git-smart-commit (the first four, of which three leave failed answers "
            "out) and of joco, as they define them; only to compare with theirs.",
            measures_table(SEEDS, evaluation.systems),
            "## By the number of commits",
            _slices("commits", main.by_commits),
            "## By the size of the diff, in characters",
            _slices("diff chars", main.by_diff_chars),
            "## Types",
            f"Of {main.system}: what was answered (columns) to which type (rows).",
            _confusion(main.confusion) + "\n",
        )
    )


def verdicts_text(evaluation: Evaluation) -> str:
    """Return what the intervals are about, and which measures are better or worse."""
    student = evaluation.systems[0]
    families = groupby(evaluation.differences, lambda each: each.system)
    return "\n\n".join(
        [
            scope_line(student),
            *filter(None, map(_overflows, evaluation.systems)),
            *(_family(system, list(each)) for system, each in families),
        ]
    )


def _family(system: str, differences: Sequence[Difference]) -> str:
    """Return how one system compares to others."""
    compared = sum(len(each.comparisons) for each in differences)
    rows = [
        {"minus": each.other}
        | {
            TITLES[name]: cell(found.difference)
            for name, found in each.comparisons.items()
        }
        for each in differences
    ]
    return "\n\n".join(
        [
            "\n".join(
                verdict_line(each.system, each.other, each.comparisons)
                for each in differences
            ),
            f"{system} minus each other, paired by sample, in points. `Better` "
            "and `worse` are said only where p is below 0.05 after Holm's correction "
            f"over all {compared} comparisons of this table:",
            grid(rows),
        ]
    )


def _overflows(result: SystemResult) -> str:
    """Return a line on prompts that were too long for a system, or nothing."""
    share = result.prompt_overflows
    if not share:
        return ""
    return (
        f"Of {result.system} {100 * share:.0f} % of the prompts were longer than its "
        "context, or than their own limit, and count as failed; give it more context "
        "or shorter prompts."
    )


def scope_line(student: SystemResult) -> str:
    """Return what the intervals are about: other repositories, or these only."""
    measured = next(
        (each for name in HEADLINE if (each := student.scores[name]).n),
        student.scores[HEADLINE[0]],
    )
    if measured.scope == "repositories":
        return (
            "The intervals are about other repositories like these "
            f"{measured.clusters}: repositories are the clusters."
        )
    return (
        "The intervals are about other changes of these repositories only: there are "
        f"fewer than six, so the {measured.clusters} changes are the clusters."
    )


def write_plots(folder: Path, evaluation: Evaluation) -> None:
    """Fill a folder with one file a figure."""
    systems = evaluation.systems
    folder.mkdir(parents=True, exist_ok=True)
    # DVC counts the rows itself: one for each aligned commit of the main student.
    confusion = [
        {"actual": actual, "predicted": predicted}
        for actual, row in systems[0].confusion.items()
        for predicted, n in row.items()
        for _ in range(n)
    ]
    write_json(folder / "confusion.json", confusion)
    for name, by, measures in (
        ("grouping_by_commits", "commits", ("ari", "exact_partition")),
        ("reliability_by_diff_size", "diff_chars", ("valid", "grounded")),
    ):
        write_json(folder / f"{name}.json", _slice_rows(systems, by, measures))


def _slice_rows(
    systems: Sequence[SystemResult], by: str, measures: tuple[str, ...]
) -> list[dict[str, Any]]:
    """Return a row for each slice and system that has a value, slices together.

    `bar` names both, as DVC colours by experiment and has nothing left for systems.
    """
    return [
        {by: name, "system": each.system, "bar": f"{name}: {each.system}"}
        | {measure: means[measure] for measure in measures}
        for name in getattr(systems[0], f"by_{by}")
        for each in systems
        for means in [getattr(each, f"by_{by}")[name]]
        if means[measures[0]] is not None
    ]


def headline_rows(results: Iterable[SystemResult]) -> list[Row]:
    """Return a row for each system: n, the measures of HEADLINE, speed and size."""
    return [
        {
            "system": result.system,
            "n": str(result.n),
            **{TITLES[name]: cell(result.scores[name]) for name in HEADLINE},
            "tok/s": number(result.tokens_per_s),
            "MB": number(result.size_mb),
        }
        for result in results
    ]


def _slices(by: str, slices: Mapping[str, Mapping[str, float | None]]) -> str:
    rows = []
    for name, means in slices.items():
        values = {key: percent(value) for key, value in means.items() if key != "n"}
        rows.append({by: name, "n": f"{means['n']:.0f}", **values})
    return grid(rows)


def _confusion(counts: Mapping[str, Mapping[str, int]]) -> str:
    answers = sorted({answer for row in counts.values() for answer in row})
    rows = [
        {"target": type_} | {each: str(row.get(each, 0)) for each in answers}
        for type_, row in counts.items()
    ]
    return grid(rows)
