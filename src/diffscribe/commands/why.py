"""The verb `why`: follow one change, or one commit, through what the stages wrote."""

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click
import orjson
from pydantic import ValidationError

from diffscribe.commits.grammar import format_header
from diffscribe.core.cli import INPUT, Command
from diffscribe.core.errors import InputError, RecordError, shown
from diffscribe.core.files import first_problem
from diffscribe.core.records import Change, Plan

T = TypeVar("T")

MIN_PREFIX_CHARS = 6
SPLITS = ("train", "validation", "test")
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
    harvested = list(_rows(folder / "harvested.jsonl", wanted, Change.model_validate))
    if not harvested:
        yield f"no change or commit begins with {wanted}; harvest dropped:"
        yield from _counts(reports, "harvest")
    for change in harvested:
        yield from _follow(folder, reports, change)


def _follow(folder: Path, reports: Path, change: Change) -> Iterator[str]:
    id_ = change.id
    commits = ", ".join(each.sha[:_SHORT] for each in change.commits)
    yield f"change {id_[:_SHORT]} of {shown(change.repo)}"
    yield f"  harvest  {len(change.files)} files of the commits {commits}"
    if not any(_rows(folder / "labeled.jsonl", id_, _names)):
        failures = _rows(folder / "label_failures.jsonl", id_, _failure)
        if (failure := next(failures, None)) is not None:
            yield f"  label    failed: {failure}"
            return
        yield "  label    no label; the reasons are only counted:"
        yield from _counts(reports, "label")
        return
    yield "  label    has a plan"
    rejected = next(_rows(folder / "rejected.jsonl", id_, _rejected), None)
    if rejected is not None:
        yield from rejected
        return
    curated = next(_rows(folder / "curated.jsonl", id_, _curated), None)
    if curated is None:
        yield "  curate   knows nothing of it; run it again"
        return
    yield from curated
    for place, stage, unit in (
        ("splits", "split", "rows"),
        ("sft", "render", "samples"),
    ):
        found = {
            split: len(list(_rows(folder / place / f"{split}.jsonl", id_, _names)))
            for split in SPLITS
        }
        text = ", ".join(f"{n} {unit} in {split}" for split, n in found.items() if n)
        yield f"  {stage:<8} {text or 'dropped, or not yet run; only counted:'}"
        if not text:
            yield from _counts(reports, stage)
            return


def _failure(row: dict[str, Any]) -> str:
    return f"{row['reason']}: {shown(row['words'])}"


def _rejected(row: dict[str, Any]) -> list[str]:
    return [*_headers(row["change"]), f"  curate   rejected: {row['reason']}"]


def _curated(row: dict[str, Any]) -> list[str]:
    cluster = row.get("cluster", "")[:_SHORT] or "?"
    return [*_headers(row), f"  curate   kept, in cluster {cluster}"]


def _headers(change: dict[str, Any]) -> Iterator[str]:
    plan = Plan.model_validate(change["label"]["plan"])
    for commit in plan.commits:
        yield f"           {shown(format_header(commit))}"


def _counts(reports: Path, stage: str) -> Iterator[str]:
    path = reports / f"{stage}.json"
    if not path.is_file():
        yield f"           no {path}: the stage has not run"
        return
    with _named(f"{path}"):
        drops = dict(_drops(json.loads(path.read_bytes())))
    listed = ", ".join(f"{name} {count}" for name, count in drops.items())
    yield f"           {listed or 'nothing was dropped'}"


def _drops(values: dict[str, Any], above: str = "") -> Iterator[tuple[str, int]]:
    """Yield what a report counts as dropped, but for zeros."""
    for key, value in values.items():
        name = f"{above}{key}"
        if isinstance(value, dict):
            yield from _drops(value, f"{name}.")
        elif ("dropped" in name or "rejected" in name) and value:
            yield name, value


def _rows(path: Path, wanted: str, read: Callable[[dict[str, Any]], T]) -> Iterator[T]:
    """Yield what is read of the rows of a change or a commit; none without a file."""
    if not path.is_file():
        return
    needle = f'"{wanted}'.encode()
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            # Parsing every line would take a hundred times as long.
            if needle in line:
                with _named(f"{path}:{number}"):
                    row = orjson.loads(line)
                    is_it = any(name.startswith(wanted) for name in _names(row))
                    found = [read(row)] if is_it else []
                yield from found


def _names(row: dict[str, Any]) -> list[str]:
    change = row.get("change", row)
    shas = (commit["sha"] for commit in change.get("commits", ()))
    return [change["id"], change.get("parent_id") or "", *shas]


@contextlib.contextmanager
def _named(place: str) -> Iterator[None]:
    """Turn what goes wrong with values of another form into RecordError.

    Raises:
        RecordError: naming the place.
    """
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        reason = str(error)
        if isinstance(error, ValidationError):
            reason = first_problem(error)
        elif isinstance(error, LookupError):
            reason = f"no {reason}"
        raise RecordError(
            f"{place}: not what a stage writes: {reason}; run the stage that writes "
            "this file again"
        ) from error
