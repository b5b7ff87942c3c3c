"""Take a repository out of everything the pipeline wrote, and prove it is gone."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from diffscribe.errors import RecordError
from diffscribe.jsonl import whole_file, write_json

ROWS = (
    *("data/*.jsonl", "data/splits/*.jsonl", "data/sft/*.jsonl"),
    "reports/gate/*.jsonl",
)
LEARNED = (
    *(
        "data/exports",
        "data/README.md",
        "reports/data",
        "reports/eval",
        "reports/gate/compare.html",
        "reports/gate/index.html",
        "reports/gate/label.json",
        "reports/train",
    ),
    *("models/adapter", "models/merged", "models/gguf"),
)
"""What holds a repository without saying where; a new run makes it again."""
CACHE = ".dvc/cache"
WRITTEN = ("data", "metrics", "models", "reports", CACHE)
_DIGEST = re.compile(rb"[0-9a-f]{64}")
_BLOCK_BYTES = 2**24


class Forgotten(NamedTuple):
    """What was taken out, and what a scan of all that is left found."""

    rows: int
    removed: tuple[str, ...]
    """Files and folders that went as a whole."""
    scanned_files: int
    found: tuple[str, ...]
    """Files that still hold the repository: none if all went well."""


def forget(root: Path, repo: str, base_is_scratch: bool) -> Forgotten:
    """Remove a repository's rows, clones, cached rows and what learned from them.

    A base from scratch saw the training split, so it goes too. The scan is a
    search of its own: it looks for the name of the repository as rows write it,
    and for the id of every row that was removed, in every file that is left.
    """
    ids: set[bytes] = set()
    rows = sum(
        _without(path, repo, ids)
        for pattern in ROWS
        for path in sorted(root.glob(pattern))
    )
    for path in sorted(root.glob("metrics/*.json")):
        _without_counts(path, repo)
    learned = (*LEARNED, "models/base") if base_is_scratch else LEARNED
    removed = [root / name for name in learned] if rows else []
    removed += _clones(root / "data" / "clones", repo)
    needle = orjson.dumps({"repo": repo})[1:-1]
    removed += [path for path in _files(root / CACHE) if _holds(path, needle, ids)]
    gone = [path for path in removed if _remove(path)]
    left = [path for name in WRITTEN for path in _files(root / name)]
    found = [path for path in left if _holds(path, needle, ids)]
    return Forgotten(
        rows,
        tuple(str(path.relative_to(root)) for path in gone),
        len(left),
        tuple(str(path.relative_to(root)) for path in found),
    )


def _without(path: Path, repo: str, ids: set[bytes]) -> int:
    """Rewrite a file of rows without a repository; return how many went."""
    kept, gone = [], 0
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise RecordError(
                    f"{path}:{number}: not JSON: {error}; remove the file or run the "
                    "stage that writes it, then forget again"
                ) from error
            change: dict[str, Any] = row.get("change", row)
            if change.get("repo") == repo:
                gone += 1
                ids.add(change["id"].encode())
            else:
                kept.append(line)
    if gone:
        with whole_file(path) as partial:
            partial.write_bytes(b"".join(kept))
    return gone


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


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _holds(path: Path, needle: bytes, ids: set[bytes]) -> bool:
    """Search a file block by block, with an overlap as long as what is sought."""
    overlap = max(len(needle), 64) - 1
    before = b""
    with path.open("rb") as content:
        while block := content.read(_BLOCK_BYTES):
            text = before + block
            if needle in text or not ids.isdisjoint(_DIGEST.findall(text)):
                return True
            before = text[-overlap:]
    return False
