"""Runs as tables for a terminal, as wide as it is."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from diffscribe.core.errors import shown
from diffscribe.eval.bench.files import (
    JOURNAL,
    MANIFEST,
    RUN,
    read_manifest,
    read_metrics,
    read_run,
    read_run_file,
)
from diffscribe.eval.bench.run_records import RunFile
from diffscribe.eval.measure import Measure
from diffscribe.eval.scores import SCORES

LISTED = ("valid", "type", "ari", "cc_valid", "chrf", "grounded", "junk")
"""Scores of a list; as many as fit."""
NOTHING = "-"
NAME_DIGITS = 8
MAX_CHARS = 22
"""Of a name in a narrow column."""

Row = dict[str, str]


def runs_table(runs: Path, columns: int) -> str:
    """Return one row a run: what it asked, how far it is, and its main scores.

    Args:
        runs: the folder of the runs.
        columns: the width of the terminal; 80 have the essentials.
    """
    folders = [path.parent for path in runs.glob(f"*/{RUN}")]
    if not folders:
        return f"no run in '{runs}' yet; 'bench.py run' makes one"
    rows = [_run_row(folder) for folder in folders]
    rows.sort(key=lambda row: (row["cases"], row["system"], row["run"]))
    return fitting(rows, columns)


def run_table(folder: Path, columns: int) -> str:
    """Return what a run is and all its scores, each with its 95 % interval.

    Raises:
        InputError: if there is no such run, or it is not over.
    """
    run = read_run(folder).run
    manifest, metrics = read_manifest(folder), read_metrics(folder)
    rows = [
        _score_row(name, measure, metrics["scores"][name])
        for name, measure in SCORES.items()
        if name in metrics["scores"]
    ]
    return "\n\n".join(
        (
            "\n".join(cut(line, columns) for line in _facts(run, manifest, metrics)),
            fitting(rows, columns),
        )
    )


def fitting(rows: Sequence[Row], columns: int) -> str:
    """Return rows as a table, without those last columns that do not fit.

    The first is aligned left; so are those whose cells are words.
    """
    from tabulate import tabulate

    names = list(rows[0])
    while True:
        words = [not any(_is_number(row[name]) for row in rows) for name in names]
        text = tabulate(
            [[row[name] for name in names] for row in rows],
            headers=names,
            disable_numparse=True,
            colalign=["left" if each else "right" for each in words],
        )
        if len(names) < 3 or max(map(len, text.splitlines())) <= columns:
            return text
        names.pop()


def number(measure: Measure, value: float | None, signed: bool = False) -> str:
    """Return a share in per cent, a count as it is, and `-` if there is none."""
    if value is None:
        return NOTHING
    sign = "+" if signed else ""
    return f"{100 * value:{sign}.1f}" if measure.high == 1 else f"{value:{sign}.2f}"


def cut(text: str, most: int) -> str:
    """Return a text that fits, and drives no terminal."""
    text = shown(text)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _run_row(folder: Path) -> Row:
    run = read_run_file(folder)
    row = {
        "run": folder.name[:NAME_DIGITS],
        "system": cut(run.system, MAX_CHARS),
        "cases": cut(run.case_file, MAX_CHARS),
        "n": str(run.cases),
        "state": _state(folder),
    }
    scores = read_metrics(folder)["scores"] if row["state"] == "done" else {}
    return row | {
        name: number(SCORES[name], scores.get(name, {}).get("value"))
        for name in LISTED
        if name in SCORES
    }


def _state(folder: Path) -> str:
    """Return `done`, or how many answers there are."""
    try:
        lines = (folder / JOURNAL).read_bytes().count(b"\n")
    except OSError:
        return "done" if (folder / MANIFEST).exists() else "0 asked"
    return f"{lines} asked"


def _score_row(name: str, measure: Measure, value: Mapping[str, Any]) -> Row:
    ends = (number(measure, value["low"]), number(measure, value["high"]))
    return {
        "score": name,
        "value": number(measure, value["value"]),
        "95 % interval": f"{ends[0]} to {ends[1]}" if value["n"] else NOTHING,
        "n": str(value["n"]),
        "better": measure.better,
        "meaning": measure.meaning,
    }


def _facts(
    run: RunFile, manifest: Mapping[str, Any], metrics: Mapping[str, Any]
) -> list[str]:
    tokens, models = manifest["tokens"], " ".join(manifest["models"])
    speed = manifest["tokens_per_s"]
    settings = ", ".join(f"{key} {value}" for key, value in run.settings.items())
    lines = [
        f"{manifest['run']}: {run.system} (answered as: {models or 'not said'})",
        f"cases    {run.cases} of {run.case_file}, {run.case_format}",
        f"asked    {settings}",
        f"tokens   {tokens['prompt']:,} in prompts, {tokens['completion']:,} answered",
        f"time     {manifest['wall_s']:.1f} s in {manifest['sessions']} sessions, "
        f"{speed or 0:.0f} tokens/s, p50 {manifest['latency_p50_s']:.2f} s, "
        f"p95 {manifest['latency_p95_s']:.2f} s",
        f"failed   {manifest['failed']} requests; "
        f"{metrics['without_plan']} of {metrics['n']} answers hold nothing to score",
    ]
    errors = list(metrics["errors"].items())[:3]
    return lines + [f"         {count} x {error}" for error, count in errors]


def _is_number(cell: str) -> bool:
    return cell.replace(".", "", 1).replace("-", "", 1).isdigit()
