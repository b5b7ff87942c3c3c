"""The figures that `dvc plots show` draws, as rows of JSON."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from diffscribe.evaluation.metrics import Evaluation, SystemResult
from diffscribe.jsonl import write_json

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
