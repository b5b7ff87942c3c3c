"""What a person said of labels: exported by a page, kept in a file."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

from pydantic import Field

from diffscribe.commits.cleanup import strip_marks
from diffscribe.commits.grammar import parse_header, split_message
from diffscribe.commits.plan import plan_json
from diffscribe.core.draw import stratified
from diffscribe.core.errors import GateError
from diffscribe.core.files import read_exported, read_jsonl, refuse_twice, write_jsonl
from diffscribe.core.intervals import proportion_interval
from diffscribe.core.records import Change, LabeledChange, Record

VERDICTS = Path("reports/gate/verdicts.jsonl")
"""Kept by git: no stage can make it again."""

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class VerdictChoice(StrEnum):
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

    verdict: VerdictChoice
    note: str


class Judged(Record):
    """One verdict as the page exports it."""

    row: Digest
    verdict: VerdictChoice
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


class Acceptance(NamedTuple):
    """How many of the rows were accepted."""

    rows: int
    accepted: int
    rejected: int
    skipped: int
    share: float
    """Accepted of all rows: one that is skipped or not judged is not accepted."""
    low: float
    """Of the exact 95 % interval (Clopper and Pearson 1934)."""
    high: float


def require(
    labels: Iterable[LabeledChange], threshold: float, verdicts: Path = VERDICTS
) -> None:
    """Let pass if enough of these labels were accepted.

    Raises:
        GateError: if the accepted share is below the threshold.
    """
    result = acceptance(map(row_digest, labels), read_verdicts(verdicts))
    if not passes(result, threshold):
        raise GateError(
            f"the gate is closed: {acceptance_line(result)}; it opens at "
            f"{100 * threshold:g} %: run 'make gate', judge the page, and record that "
            "with 'make gate-accept FILE=verdicts.json'"
        )


def acceptance(digests: Iterable[str], verdicts: Mapping[str, Verdict]) -> Acceptance:
    """Return how many of these rows were accepted; other verdicts do not count."""
    rows = list(dict.fromkeys(digests))
    said = Counter(verdicts[row].verdict for row in rows if row in verdicts)
    accepted = said[VerdictChoice.ACCEPT]
    ends = proportion_interval(accepted, len(rows))
    return Acceptance(
        len(rows),
        accepted,
        said[VerdictChoice.REJECT],
        said[VerdictChoice.SKIP],
        accepted / len(rows) if rows else 0.0,
        ends.low,
        ends.high,
    )


def passes(acceptance: Acceptance, threshold: float) -> bool:
    """Tell whether the accepted share is at or above a threshold; no row, no pass.

    The share decides and not its interval, which with few rows is too wide to.
    """
    return acceptance.rows > 0 and acceptance.share >= threshold


def acceptance_line(result: Acceptance) -> str:
    """Return acceptance in one line."""
    open_ = result.rows - result.accepted - result.rejected - result.skipped
    return (
        f"{result.accepted} of {result.rows} rows accepted: {100 * result.share:.0f} % "
        f"(95 % interval {100 * result.low:.0f} to {100 * result.high:.0f}); "
        f"{result.rejected} rejected, {result.skipped} skipped, {open_} not judged"
    )


C = TypeVar("C", bound=Change)

_MOST_COMMITS_APART = 4


class Stratum(NamedTuple):
    """What changes have in common that are drawn in proportion."""

    repo: str
    commits: int
    """Original commits; 4 is 4 or more."""
    type: str
    """Of the first original commit; empty if it is not conventional."""


def drawn(changes: Iterable[Change], rows: int) -> frozenset[str]:
    """Return the ids of so many changes, or of all if there are not more.

    Repositories, numbers of commits and types have their share; see `stratified`.
    """
    return stratified(
        ((change.id, _stratum(change)) for change in changes), rows, "gate"
    )


def sampled(path: Path, rows: int, kind: type[C]) -> list[C]:
    """Return the rows of a file that are drawn, in the order of the file.

    The file is read twice, so that only these are in memory.
    """
    ids = drawn(read_jsonl(path, kind), rows)
    return [row for row in read_jsonl(path, kind) if row.id in ids]


def _stratum(change: Change) -> Stratum:
    first = change.commits[0].message if change.commits else ""
    header = parse_header(strip_marks(split_message(first).header))
    return Stratum(
        change.repo,
        min(len(change.commits), _MOST_COMMITS_APART),
        header.type if header else "",
    )
