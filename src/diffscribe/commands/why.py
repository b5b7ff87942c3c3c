"""Follow one change, or one commit, through what the stages wrote."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from diffscribe.commits.grammar import format_header
from diffscribe.core.errors import InputError
from diffscribe.core.records import Plan

MIN_PREFIX_CHARS = 6
SPLITS = ("train", "validation", "test")
_SHORT = 12


def trace(folder: Path, metrics: Path, wanted: str) -> Iterator[str]:
    """Yield lines that say what each stage did with a change.

    `wanted` begins the id of a change, or the sha of an original commit. Stages
    but curate only count what they drop; then the counts are shown.

    Raises:
        InputError: if `wanted` is too short to mean one change.
    """
    wanted = wanted.strip().lower()
    if len(wanted) < MIN_PREFIX_CHARS or not wanted.isalnum():
        raise InputError(
            f"id '{wanted}' is no beginning of a digest; give at least "
            f"{MIN_PREFIX_CHARS} characters of a change's id or a commit's sha"
        )
    harvested = list(_rows(folder / "harvested.jsonl", wanted))
    if not harvested:
        yield f"{wanted}: harvest made no change of it, or nothing begins so"
        yield from _counts(metrics, "harvest")
    for change in harvested:
        yield from _change_lines(folder, metrics, change)


def _change_lines(folder: Path, metrics: Path, change: dict[str, Any]) -> Iterator[str]:
    id_ = change["id"]
    commits = ", ".join(each["sha"][:_SHORT] for each in change["commits"])
    yield f"change {id_[:_SHORT]} of {_plain(change['repo'])}"
    yield f"  harvest  {len(change['files'])} files of the commits {commits}"
    if not any(_rows(folder / "labeled.jsonl", id_)):
        failure = next(_rows(folder / "label_failures.jsonl", id_), None)
        if failure is not None:
            yield f"  label    failed: {failure['reason']}: {_plain(failure['words'])}"
            return
        yield "  label    no label; the reasons are only counted:"
        yield from _counts(metrics, "label")
        return
    yield "  label    has a plan"
    rejected = next(_rows(folder / "rejected.jsonl", id_), None)
    if rejected is not None:
        yield from _headers(rejected["change"])
        yield f"  curate   rejected: {rejected['reason']}"
        return
    curated = next(_rows(folder / "curated.jsonl", id_), None)
    if curated is None:
        yield "  curate   knows nothing of it; run it again"
        return
    yield from _headers(curated)
    yield f"  curate   kept, in cluster {curated.get('cluster', '')[:_SHORT] or '?'}"
    yield from _split_lines(folder, metrics, id_)


def _split_lines(folder: Path, metrics: Path, id_: str) -> Iterator[str]:
    places = {
        (stage, split): list(_rows(folder / stage / f"{split}.jsonl", id_))
        for stage in ("splits", "sft")
        for split in SPLITS
    }
    for stage, name, rows in (
        ("splits", "split", "rows"),
        ("sft", "render", "samples"),
    ):
        found = {split: len(places[stage, split]) for split in SPLITS}
        text = ", ".join(f"{n} {rows} in {split}" for split, n in found.items() if n)
        yield f"  {name:<8} {text or 'dropped, or not yet run; only counted:'}"
        if not text:
            yield from _counts(metrics, name)
            return


def _headers(change: dict[str, Any]) -> Iterator[str]:
    plan = Plan.model_validate(change["label"]["plan"])
    for commit in plan.commits:
        yield f"           {_plain(format_header(commit))}"


def _counts(metrics: Path, stage: str) -> Iterator[str]:
    path = metrics / f"{stage}.json"
    if not path.is_file():
        yield f"           no {path}: the stage has not run"
        return
    drops = dict(_drops(json.loads(path.read_text(encoding="utf-8"))))
    listed = ", ".join(f"{name} {count}" for name, count in drops.items())
    yield f"           {listed or 'nothing was dropped'}"


def _drops(values: dict[str, Any], above: str = "") -> Iterator[tuple[str, int]]:
    """Yield what a metrics file counts as dropped, but for zeros."""
    for key, value in values.items():
        name = f"{above}{key}"
        if isinstance(value, dict):
            yield from _drops(value, f"{name}.")
        elif ("dropped" in name or "rejected" in name) and value:
            yield name, value


def _rows(path: Path, wanted: str) -> Iterator[dict[str, Any]]:
    """Yield the rows that are of a change or a commit; none if no such file."""
    if not path.is_file():
        return
    needle = f'"{wanted}'.encode()
    with path.open("rb") as lines:
        for line in lines:
            # Parsing every line would take a hundred times as long.
            if needle in line:
                row = orjson.loads(line)
                if any(name.startswith(wanted) for name in _names(row)):
                    yield row


def _names(row: dict[str, Any]) -> Iterator[str]:
    change = row.get("change", row)
    yield change["id"]
    yield change.get("parent_id") or ""
    yield from (commit["sha"] for commit in change.get("commits", ()))


def _plain(text: str) -> str:
    """Return a text of a repository without what steers a terminal."""
    return "".join(
        each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text
    )
