"""The verb `forget`: take a repository out of all that was written, and prove it.

Rows go line by line, from data/ and the votes of the gate. What was learned from
them or shows them (models, reports, exports, copies in DVC's cache, artifacts of
MLflow) goes as a whole, as the next run makes it again. Teachers' answers, batches and
traces about the repository go too. Then every file that is left is searched.
"""

import difflib
import re
import shutil
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Set
from pathlib import Path
from typing import Any, NamedTuple

import click
import orjson
from pydantic import ValidationError, model_validator

from diffscribe.asking.batch import forget_requests
from diffscribe.asking.upkeep import forget_answers
from diffscribe.core.cli import Command, say
from diffscribe.core.errors import RecordError, printable
from diffscribe.core.files import first_problem, read_json, write_json, write_lines
from diffscribe.core.records import Record
from diffscribe.core.tracking import forget_traces

ROWS = (
    *("data/*.jsonl", "data/splits/*.jsonl", "data/sft/*.jsonl"),
    "reports/gate/*.jsonl",
)
"""Files with a row, or a person's vote on a row, in each line."""
COUNTS = ("metrics/*.json", "reports/*.json")
LEARNED = (
    *("data/exports", "data/README.md", "data/benchmarks", "models/*"),
    *("reports/*/*", "mlruns/*/artifacts", "mlruns/*/*/artifacts"),
    *("mlartifacts/*/artifacts", "mlartifacts/*/*/artifacts"),
)
"""What may hold a repository without naming it."""
SHIPPED = "models/diffscribe-135m"
BASE = "models/base"
COPIES = (".dvc/cache", ".dvc/tmp", "mlruns", "mlartifacts")
"""Copies of what stages wrote; a file that names the repository goes."""
TEACHERS = ".cache"
LEDGER = f"{TEACHERS}/teacher.sqlite"
BATCHES = f"{TEACHERS}/batches"
WRITTEN = ("data", "metrics", "models", "reports", *COPIES)

_DIGEST = re.compile(rb"(?=([0-9a-f]{64}))")
"""A digest at any place: in a database other digits may stand right before it."""
_BLOCK_BYTES = 2**24
_CLOSE_NAMES = 5
_MEND_AND_FORGET = (
    "remove the file or run the stage that writes it, then forget again; nothing was "
    "removed"
)


class Forgotten(NamedTuple):
    """What was taken out, and what the search of all that is left found."""

    rows: int
    answers: int
    """Answers of teachers in the ledger."""
    requests: int
    """Requests to teachers in batches that are not collected."""
    sent: tuple[str, ...]
    """Files and batches of a service that still hold some of these requests."""
    reports: int
    """Reports that counted it by name."""
    removed: tuple[str, ...]
    """Files and folders that went as a whole."""
    scanned_files: int
    found: tuple[str, ...]
    """Files that still hold the repository: none if all went well."""
    others: tuple[str, ...]
    """The other repositories that rows are of."""


class _RowLabel(Record, extra="ignore"):
    prompt_sha256: str | None = None


class _Row(Record, extra="ignore"):
    """What is read of a row, or of the change in a rejected one."""

    id: str
    repo: str
    label: _RowLabel | None = None

    @model_validator(mode="before")
    @classmethod
    def _unwrap(cls, value: Any) -> Any:
        return value.get("change", value) if isinstance(value, dict) else value


class _Seen(NamedTuple):
    """The rows of a repository."""

    rows: Counter[Path]
    """Number of its rows in each file."""
    ids: set[bytes]
    keys: set[str]
    """Keys of the answers that are its labels."""
    others: set[str]
    """The other repositories that rows are of."""


@click.command(cls=Command)
@click.argument("repo")
def forget_command(repo: str) -> None:
    """Take a repository out of everything that was written.

    REPO is its name as rows have it, such as github.com/owner/name. Exits with 1 if a
    file still holds it at the end.
    """
    result = forget(Path(), repo)
    traces = forget_traces(repo)
    say(
        f"forget: {result.rows} rows of {repo}, {result.answers} answers, "
        f"{result.requests} requests of batches and {traces} traces removed"
    )
    counts = (result.rows, result.answers, result.requests, result.reports, traces)
    if not any((*counts, *result.removed, *result.found)):
        close = difflib.get_close_matches(repo, result.others, _CLOSE_NAMES)
        hint = f"; close to it: {', '.join(close)}" if close else ""
        say(printable(f"forget: nothing was found under the name {repo}{hint}"))
    if result.sent:
        say(
            f"forget: the service still holds requests: {', '.join(result.sent)}; "
            "delete them there, what it answers is ignored here"
        )
    for path in result.removed:
        say(f"forget: {path} removed")
    for path in result.found:
        say(f"forget: {path} still holds it", err=True)
    say(
        f"forget: {result.scanned_files} files scanned, {len(result.found)} hold it; "
        "take it out of harvest.sources, or the next harvest brings it back; "
        "'dvc gc --workspace' drops older models from DVC's cache"
    )
    sys.exit(1 if result.found else 0)


def forget(root: Path, repo: str) -> Forgotten:
    """Remove a repository from a workplace and search what is left for it.

    Rows go last: until then a second run finds all that a first one left. The search
    looks for the repository's name in quotes, for the ids of its rows and for the keys
    of its answers.

    Raises:
        RecordError: naming file and line, if a row or a report cannot be read; then
            nothing was removed.
        StorageError: if another process reads the ledger.
        ToolError: if another process works on a batch.
    """
    seen = _see(root, repo)
    counts = {path: read_json(path) for path in _glob(root, COUNTS)}
    keys, answers, requests, sent = _forget_teachers(root, repo, seen.keys)
    reports = 0
    for path, before in counts.items():
        # Totals stay until the next run.
        if (after := _without_source(before, repo)) != before:
            write_json(path, after)
            reports += 1
    names = _spellings(repo)

    def has(path: Path) -> bool:
        return holds(path, names, seen.ids)

    kept = {root / SHIPPED, root / BASE, *_glob(root, ROWS)}
    learned = [path for path in _glob(root, LEARNED) if path not in kept]
    removed = [path for path in learned if seen.rows or any(map(has, _files([path])))]
    clones = root / "data" / "clones"
    removed += [
        path
        for path in sorted(clones.rglob("*"))
        if path.is_dir()
        and str(path.relative_to(clones)).removesuffix(".git").lower() == repo.lower()
    ]
    removed += filter(has, _files(root / name for name in COPIES))
    gone = [path for path in removed if _remove(path)]
    for path in seen.rows:
        lines = _lines(path)
        write_lines(path, (line for line, row in lines if row.repo != repo))
    # Two repositories may ask the same, so a key may stand in the other's rows.
    written = _files(root / name for name in WRITTEN)
    sought = [(path, seen.ids) for path in written]
    sought += [(path, seen.ids | keys) for path in _files([root / TEACHERS])]
    found = [path for path, digests in sought if holds(path, names, digests)]
    return Forgotten(
        rows=seen.rows.total(),
        answers=answers,
        requests=requests,
        sent=sent,
        reports=reports,
        removed=tuple(str(path.relative_to(root)) for path in gone),
        scanned_files=len(sought),
        found=tuple(str(path.relative_to(root)) for path in found),
        others=tuple(sorted(seen.others)),
    )


def holds(path: Path, words: Collection[bytes], digests: Set[bytes]) -> bool:
    """Return whether a file has one of these words, or a digest written in hex.

    It is read block by block, with an overlap as long as what is sought.
    """
    overlap = max(64, *map(len, words)) - 1
    before = b""
    with path.open("rb") as content:
        while block := content.read(_BLOCK_BYTES):
            text = before + block
            if any(word in text for word in words):
                return True
            if any(found[1] in digests for found in _DIGEST.finditer(text)):
                return True
            before = text[-overlap:]
    return False


def _spellings(repo: str) -> tuple[bytes, ...]:
    """Return how JSON names a repository, compact or not.

    A name without a slash may be a word such as test, so it counts beside a key only.
    """
    name = orjson.dumps(repo)
    if "/" in repo:
        return (name,)
    keys = (b'"repo":', b'"about":')
    return tuple(key + space + name for key in keys for space in (b"", b" "))


def _see(root: Path, repo: str) -> _Seen:
    seen = _Seen(Counter(), set(), set(), set())
    for path in _glob(root, ROWS):
        for _, row in _lines(path):
            if row.repo != repo:
                seen.others.add(row.repo)
            else:
                seen.rows[path] += 1
                seen.ids.add(row.id.encode())
                if row.label and row.label.prompt_sha256:
                    seen.keys.add(row.label.prompt_sha256)
    return seen


def _lines(path: Path) -> Iterator[tuple[bytes, _Row]]:
    """Yield the lines of a file of rows, each with what is read of it."""
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                row = _Row.model_validate_json(line.rstrip(b"\n"))
            except ValidationError as error:
                raise RecordError(
                    f"{path}:{number}: not a row: {first_problem(error)}; "
                    f"{_MEND_AND_FORGET}"
                ) from error
            yield line, row


def _forget_teachers(
    root: Path, repo: str, keys: set[str]
) -> tuple[set[bytes], int, int, tuple[str, ...]]:
    """Return all keys that are gone, the number of each kind, and what was sent."""
    ledger = root / LEDGER
    answers = forget_answers(ledger, repo, keys) if ledger.exists() else set()
    folders = sorted(path for path in (root / BATCHES).glob("*") if path.is_dir())
    batches = [forget_requests(folder, repo, keys | answers) for folder in folders]
    requests = {key for batch in batches for key in batch.keys}
    sent = tuple(each for batch in batches for each in batch.ids)
    all_keys = {key.encode() for key in keys | answers | requests}
    return all_keys, len(answers), len(requests), sent


def _without_source(value: Any, repo: str) -> Any:
    if not isinstance(value, dict):
        return value
    rest = {name: _without_source(each, repo) for name, each in value.items()}
    if isinstance(rest.get("by_source"), dict):
        # Elsewhere the same word may name a count: a repository may be called test.
        rest["by_source"].pop(repo, None)
    return rest


def _remove(path: Path) -> bool:
    """Remove a file or a folder, and return whether there was one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
        return True
    was_there = path.exists()
    path.unlink(missing_ok=True)
    return was_there


def _glob(root: Path, patterns: Iterable[str]) -> list[Path]:
    """Return the paths that fit, sorted for each pattern; hidden ones do not count."""
    paths = (path for pattern in patterns for path in sorted(root.glob(pattern)))
    return [path for path in paths if not path.name.startswith(".")]


def _files(places: Iterable[Path]) -> list[Path]:
    """Return the files at these paths and below them."""
    paths = (path for place in places for path in (place, *sorted(place.rglob("*"))))
    return [path for path in paths if path.is_file()]
