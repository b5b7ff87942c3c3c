"""The verb `why`: follow one change, or one commit, through what the stages wrote."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import click

from diffscribe.commits.grammar import format_header
from diffscribe.core.cli import INPUT, Command
from diffscribe.core.errors import InputError, printable
from diffscribe.core.files import read_json, read_jsonl
from diffscribe.core.records import (
    SPLITS,
    Change,
    CuratedChange,
    LabeledChange,
    Record,
    RejectedChange,
    Sample,
    SplitChange,
)
from diffscribe.label.labeler import LabelFailure

R = TypeVar("R", bound=Record)

MIN_PREFIX_CHARS = 6
_SHORT = 12


@click.command(cls=Command)
@click.argument("wanted")
@click.argument("folder", type=INPUT, default=Path("data"))
@click.argument("reports", type=INPUT, default=Path("reports"))
def why_command(wanted: str, folder: Path, reports: Path) -> None:
    """Tell what each stage did with a change or a commit.

    WANTED is the beginning of a change's id or of a commit's sha. FOLDER holds the rows
    (data by default), REPORTS what the stages counted (reports).
    """
    for line in trace(folder, reports, wanted):
        click.echo(line)


def trace(folder: Path, reports: Path, wanted: str) -> Iterator[str]:
    """Yield lines that say what each stage did with a change.

    `wanted` begins the id of a change, or the sha of an original commit. Most stages
    only count what they drop; then their counts are shown.

    Raises:
        InputError: if `wanted` is too short to mean one change.
        RecordError: naming the file, and the line of a row, that cannot be read.
    """
    wanted = wanted.strip().lower()
    if len(wanted) < MIN_PREFIX_CHARS or not wanted.isalnum():
        raise InputError(
            f"id '{wanted}' is no beginning of a digest; give at least "
            f"{MIN_PREFIX_CHARS} characters of a change's id or a commit's sha"
        )
    harvested = _rows(folder / "harvested.jsonl", wanted, Change)
    if not harvested:
        yield f"no change or commit begins with {wanted}; harvest dropped:"
        yield from _counts(reports, "harvest")
    for change in harvested:
        yield from _follow(folder, reports, change)


def _follow(folder: Path, reports: Path, change: Change) -> Iterator[str]:
    id_ = change.id
    commits = ", ".join(each.sha[:_SHORT] for each in change.commits)
    yield f"change {id_[:_SHORT]} of {printable(change.repo)}"
    yield f"  harvest  {len(change.files)} files of the commits {commits}"
    labeled = _rows(folder / "labeled.jsonl", id_, LabeledChange)
    if not labeled:
        for failure in _rows(folder / "label_failures.jsonl", id_, LabelFailure):
            yield f"  label    failed: {failure.reason}: {printable(failure.words)}"
            return
        yield "  label    no label; the reasons are only counted:"
        yield from _counts(reports, "label")
        return
    yield "  label    has a plan"
    for rejected in _rows(folder / "rejected.jsonl", id_, RejectedChange):
        yield from _headers(rejected.change)
        yield f"  curate   rejected: {rejected.reason}"
        return
    curated = _rows(folder / "curated.jsonl", id_, CuratedChange)
    if not curated:
        yield "  curate   knows nothing of it; run it again"
        return
    yield from _headers(curated[0])
    yield f"  curate   kept, in cluster {curated[0].cluster[:_SHORT]}"
    kinds: tuple[tuple[str, str, str, type[Record]], ...]
    kinds = (
        ("splits", "split", "rows", SplitChange),
        ("sft", "render", "samples", Sample),
    )
    for place, stage, unit, kind in kinds:
        found = {
            split: len(_rows(folder / place / f"{split}.jsonl", id_, kind))
            for split in SPLITS
        }
        text = ", ".join(f"{n} {unit} in {split}" for split, n in found.items() if n)
        yield f"  {stage:<8} {text or 'dropped, or not yet run; only counted:'}"
        if not text:
            yield from _counts(reports, stage)
            return


def _headers(change: LabeledChange) -> Iterator[str]:
    for commit in change.label.plan.commits:
        yield f"           {printable(format_header(commit))}"


def _counts(reports: Path, stage: str) -> Iterator[str]:
    path = reports / f"{stage}.json"
    if not path.is_file():
        yield f"           no {path}: the stage has not run"
        return
    listed = ", ".join(f"{name} {count}" for name, count in _drops(read_json(path)))
    yield f"           {listed or 'nothing was dropped'}"


def _drops(values: dict[str, Any], above: str = "") -> Iterator[tuple[str, int]]:
    """Yield what a report counts as dropped, but for zeros."""
    for key, value in values.items():
        name = f"{above}{key}"
        if isinstance(value, dict):
            yield from _drops(value, f"{name}.")
        elif ("dropped" in name or "rejected" in name) and value:
            yield name, value


def _rows(path: Path, wanted: str, kind: type[R]) -> list[R]:
    """Return the rows of a change or a commit; none without a file."""
    if not path.is_file():
        return []
    # Parsing every line would take a hundred times as long.
    rows = read_jsonl(path, kind, holding=f'"{wanted}'.encode())
    return [row for row in rows if any(n.startswith(wanted) for n in _names(row))]


def _names(row: Any) -> list[str]:
    change = getattr(row, "change", row)
    shas = [commit.sha for commit in getattr(change, "commits", ())]
    return [change.id, getattr(change, "parent_id", None) or "", *shas]
