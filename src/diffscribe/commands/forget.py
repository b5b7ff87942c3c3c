"""Take a repository out of everything the pipeline wrote, and prove it is gone."""

import json
import re
import shutil
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Set
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from diffscribe.asking.batch import forget_requests
from diffscribe.asking.ledger import forget_answers
from diffscribe.core.errors import RecordError
from diffscribe.core.files import write_json, write_lines

_DIGEST = re.compile(rb"(?=([0-9a-f]{64}))")
"""At every place: in a database other digits may stand right before it."""
_BLOCK_BYTES = 2**24


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


ROWS = (
    *("data/*.jsonl", "data/splits/*.jsonl", "data/sft/*.jsonl"),
    "reports/gate/*.jsonl",
)
LEARNED = (
    *(
        "data/exports",
        "data/README.md",
        "data/benchmarks",
        "reports/bench",
        "reports/data",
        "reports/eval",
        "reports/gate/compare.html",
        "reports/gate/index.html",
        "reports/gate/label.json",
        "reports/judge",
        "reports/train",
    ),
    *("models/adapter", "models/merged", "models/gguf"),
)
"""What may hold a repository without saying where; a new run makes it again."""
COPIES = (".dvc/cache", ".dvc/tmp")
"""DVC's copies of what stages wrote, here and in experiments that were cut short."""
TEACHERS = ".cache"
LEDGER = f"{TEACHERS}/teacher.sqlite"
BATCHES = f"{TEACHERS}/batches"
WRITTEN = ("data", "metrics", "models", "reports", *COPIES)


class Forgotten(NamedTuple):
    """What was taken out, and what a scan of all that is left found."""

    rows: int
    answers: int
    """Of teachers, in the ledger."""
    requests: int
    """To teachers, in batches that are not collected."""
    sent: tuple[str, ...]
    """Files and batches of a service that still hold some of these requests."""
    removed: tuple[str, ...]
    """Files and folders that went as a whole."""
    scanned_files: int
    found: tuple[str, ...]
    """Files that still hold the repository: none if all went well."""


class _Seen(NamedTuple):
    """What there is of a repository."""

    rows: Counter[Path]
    """How many in each file."""
    ids: set[bytes]
    keys: set[str]
    """Of the answers that are its labels."""


def forget(root: Path, repo: str, base_is_scratch: bool) -> Forgotten:
    """Remove a repository's rows, clones, cached rows and what learned from them.

    What teachers were asked and answered goes too, and a base from scratch, as
    it saw the training split. Rows go last: until then a second run finds all
    that a first one left. The scan is a search of its own: it looks for the name
    of the repository as rows write it, for the ids of its rows and for the keys
    of its answers.

    Raises:
        RecordError: naming file and line, if a row cannot be read.
        StorageError: if another process reads the ledger.
        ToolError: if another process works on a batch.
    """
    seen = _seen(root, repo)
    keys, answers, requests, sent = _forget_teachers(root, repo, seen.keys)
    for path in sorted(root.glob("metrics/*.json")):
        _without_counts(path, repo)
    learned = (*LEARNED, "models/base") if base_is_scratch else LEARNED
    names = tuple(orjson.dumps({key: repo})[1:-1] for key in ("repo", "about"))

    def has(path: Path) -> bool:
        return holds(path, names, seen.ids)

    removed = [
        root / name
        for name in learned
        if seen.rows or any(map(has, _files(root, [name])))
    ]
    removed += _clones(root / "data" / "clones", repo)
    removed += filter(has, _files(root, COPIES))
    gone = [path for path in removed if _remove(path)]
    for path in seen.rows:
        write_lines(path, (line for line, of_it in _lines(path, repo) if not of_it))
    # Two repositories may ask the same, so a key may stand in the other's rows.
    sought = [(path, seen.ids) for path in _files(root, WRITTEN)]
    sought += [(path, seen.ids | keys) for path in _files(root, (TEACHERS,))]
    found = [path for path, digests in sought if holds(path, names, digests)]
    return Forgotten(
        rows=seen.rows.total(),
        answers=answers,
        requests=requests,
        sent=sent,
        removed=tuple(str(path.relative_to(root)) for path in gone),
        scanned_files=len(sought),
        found=tuple(str(path.relative_to(root)) for path in found),
    )


def _seen(root: Path, repo: str) -> _Seen:
    seen = _Seen(Counter(), set(), set())
    for path in (path for pattern in ROWS for path in sorted(root.glob(pattern))):
        for _, change in _lines(path, repo):
            if change:
                seen.rows[path] += 1
                seen.ids.add(change["id"].encode())
                label = change.get("label") or {}
                seen.keys.update(filter(None, [label.get("prompt_sha256")]))
    return seen


def _lines(path: Path, repo: str) -> Iterator[tuple[bytes, dict[str, Any] | None]]:
    """Yield the lines of a file of rows, with the change if it is of a repository."""
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise RecordError(
                    f"{path}:{number}: not JSON: {error}; remove the file or run the "
                    "stage that writes it, then forget again"
                ) from error
            change = row.get("change", row)
            yield line, change if change.get("repo") == repo else None


def _forget_teachers(
    root: Path, repo: str, keys: set[str]
) -> tuple[set[bytes], int, int, tuple[str, ...]]:
    """Return all keys that are gone, how many of either kind, and what was sent."""
    ledger = root / LEDGER
    answers = forget_answers(ledger, repo, keys) if ledger.exists() else set()
    folders = sorted(path for path in (root / BATCHES).glob("*") if path.is_dir())
    batches = [forget_requests(folder, repo, keys | answers) for folder in folders]
    requests = {key for batch in batches for key in batch.keys}
    sent = tuple(each for batch in batches for each in batch.ids)
    all_keys = {key.encode() for key in keys | answers | requests}
    return all_keys, len(answers), len(requests), sent


def _without_counts(path: Path, repo: str) -> None:
    """Rewrite metrics that count by repository; the totals stay until the next run."""
    before = json.loads(path.read_text(encoding="utf-8"))
    after = _without_source(before, repo)
    if after != before:
        write_json(path, after)


def _without_source(value: Any, repo: str) -> Any:
    if not isinstance(value, dict):
        return value
    rest = {name: _without_source(each, repo) for name, each in value.items()}
    if isinstance(rest.get("by_source"), dict):
        # Elsewhere the same word may name a count: a repository may be called test.
        rest["by_source"].pop(repo, None)
    return rest


def _clones(folder: Path, repo: str) -> list[Path]:
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_dir()
        and str(path.relative_to(folder)).removesuffix(".git").lower() == repo.lower()
    ]


def _remove(path: Path) -> bool:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
        return True
    there = path.exists()
    path.unlink(missing_ok=True)
    return there


def _files(root: Path, names: Iterable[str]) -> list[Path]:
    return [
        path
        for name in names
        for path in (root / name, *sorted((root / name).rglob("*")))
        if path.is_file()
    ]
