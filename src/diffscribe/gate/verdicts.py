"""What a person said of labels: exported by a page, kept in a file."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from diffscribe.commits.plan import plan_json
from diffscribe.exports import read_exported, refuse_twice
from diffscribe.jsonl import read_jsonl, write_jsonl
from diffscribe.records import Change, LabeledChange, Record

VERDICTS = Path("reports/gate/verdicts.jsonl")
"""Kept by git: no stage can make it again."""

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Choice(StrEnum):
    """What a person says of a label."""

    ACCEPT = "accept"
    REJECT = "reject"
    SKIP = "skip"


class Shown(Record):
    """A row that a page put before a person, without its content."""

    row: Digest
    """As row_digest has it."""
    id: str
    repo: str
    source: str
    teacher: str | None


class Verdict(Shown):
    """What was said of it."""

    verdict: Choice
    note: str


class Judged(Record):
    """One verdict as the page exports it."""

    row: Digest
    verdict: Choice
    note: Annotated[str, Field(max_length=4000)] = ""


class Export(Record):
    """The JSON file that the page exports."""

    format: Literal["diffscribe verdicts 1"]
    verdicts: Annotated[tuple[Judged, ...], Field(min_length=1)]


def row_digest(row: LabeledChange) -> str:
    """Return the sha256 of all that a person judges: the change and its plan.

    Who made the plan and at what cost is not part of it: the same plan for the
    same change deserves the same verdict.
    """
    return _sha256([change_digest(row), plan_json(row.label.plan)])


def change_digest(row: Change) -> str:
    """Return the sha256 of what is shown of a change, without a plan."""
    commits = [[commit.message, commit.files] for commit in row.commits]
    return _sha256([row.id, row.diff, commits, row.gitignore])


def _sha256(value: list[Any]) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def shown(row: LabeledChange) -> Shown:
    """Return what is kept of a row that was put before a person."""
    label = row.label
    return Shown(
        row=row_digest(row),
        id=row.id,
        repo=row.repo,
        source=label.source,
        teacher=label.teacher,
    )


def read_export(path: Path) -> tuple[Judged, ...]:
    """Return the verdicts of a file that the page exported.

    Raises:
        InputError: if it cannot be read.
        RecordError: if it is not such a file, or has a row twice.
    """
    verdicts = read_exported(path, Export, "verdicts", "a gate page").verdicts
    refuse_twice(path, (each.row for each in verdicts), "the verdict on")
    return verdicts


def read_verdicts(path: Path = VERDICTS) -> dict[str, Verdict]:
    """Return the recorded verdicts by the digest of their row; none if no file."""
    if not path.exists():
        return {}
    return {each.row: each for each in read_jsonl(path, Verdict)}


def record(
    judged: Sequence[Judged], known: Iterable[Shown], path: Path = VERDICTS
) -> tuple[int, int]:
    """Add verdicts to the recorded ones; return how many, and how many are left out.

    Left out is what judges a row that is not known: the labels were made anew
    since. A later verdict of a row replaces the earlier.
    """
    rows = {each.row: each for each in known}
    verdicts = read_verdicts(path)
    added = [each for each in judged if each.row in rows]
    left_out = sum(each.row not in rows for each in judged)
    verdicts |= {
        each.row: Verdict(**dict(rows[each.row]), verdict=each.verdict, note=each.note)
        for each in added
    }
    if added:
        write_jsonl(path, [verdicts[row] for row in sorted(verdicts)])
    return len(added), left_out
