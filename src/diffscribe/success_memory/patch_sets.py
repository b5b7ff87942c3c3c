"""Find the script of a success whose line has a hash only. Nothing is guessed.

Patch sets are folders that an agent wrote, such as `.autopatches/<name>/`. Everything
in them is untrusted: no link is followed, and no name in a file is used as a path.
"""

import ast
import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, NamedTuple

from diffscribe.core.errors import InputError
from diffscribe.success_memory.collect import LineError, instant, script_text
from diffscribe.success_memory.records import Memory

META = "patch_meta.json"
MAX_FILE_BYTES: Final = 2**20
"""A longer file is no script."""
MAX_DEPTH: Final = 20
MAX_DELAY_S: Final = 10
"""Patch sets are saved right after the line is logged."""
DIGESTS = ("sha256", "sha1", "md5")
_DIGITS: Final = 19
"""The most of Python's own hash of a string."""


class Found(StrEnum):
    """Where the script of a success comes from, or why there is none."""

    STORED = "stored"
    DIGEST = "digest"
    PATCH_SET = "patch_set"
    SALTED_HASH = "salted_hash"
    """Recomputed with the seed that params name."""
    UNCORRELATABLE = "uncorrelatable_salted_hash"
    AMBIGUOUS = "ambiguous"
    NO_SCRIPT = "no_script"


class PatchSet(NamedTuple):
    """What one folder of patch sets says of itself, and the scripts below it."""

    at: str
    """'' if unknown."""
    issue: str
    patch_source: str
    scripts: tuple[str, ...]
    """Texts of its Python files that import libcst."""


class PatchSets(NamedTuple):
    """All patch sets, with what makes a script findable."""

    sets: Sequence[PatchSet]
    by_digest: Mapping[str, str]
    """The text of each file, by each digest of its bytes or its stripped text."""
    links: int
    """Links that were not followed."""


NONE = PatchSets((), {}, 0)


def read_patch_sets(root: Path) -> PatchSets:
    """Return what lies below the folder, in the order of the names.

    Raises:
        InputError: if there is no such folder.
    """
    if not root.is_dir():
        raise InputError(
            f"collect.patch_sets: '{root}' is no folder; name the one that holds the "
            "patch sets, or null if none were kept"
        )
    sets: list[PatchSet] = []
    by_digest: dict[str, str] = {}
    links = 0
    for folder in sorted(os.scandir(root), key=lambda entry: entry.name):
        if folder.is_symlink():
            links += 1
        if not folder.is_dir(follow_symlinks=False):
            continue
        texts: list[str] = []
        meta: dict[str, Any] = {}
        for path in _files(Path(folder.path)):
            content = _read(path)
            if content is None:
                links += path.is_symlink()
                continue
            text = content.decode("utf-8", "replace")
            if path.name == META and path.parent == Path(folder.path):
                meta = _meta(text)
            for variant in (content, content.strip()):
                for name in DIGESTS:
                    by_digest.setdefault(_digest(name, variant), text)
            if path.suffix == ".py" and imports_libcst(text):
                texts.append(text)
        sets.append(_patch_set(meta, tuple(texts)))
    return PatchSets(sets, by_digest, links)


def find_script(
    memory: Memory,
    sets: PatchSets,
    rehash: Callable[[Sequence[str]], Sequence[int]] | None = None,
) -> tuple[str | None, Found]:
    """Return the script of a success and where it is from, or None and why.

    `rehash` computes Python's hash of texts as the agent's Python did, if that can be.
    """
    if memory.script is not None:
        return memory.script, Found.STORED
    logged = memory.script_hash or ""
    if text := sets.by_digest.get(logged.lower()):
        return script_text(text), Found.DIGEST
    candidates = {
        script_text(script)
        for each in sets.sets
        if _belongs(each, memory)
        for script in each.scripts
    }
    if len(candidates) == 1:
        return candidates.pop(), Found.PATCH_SET
    if _is_salted(logged):
        if rehash is None:
            return None, Found.AMBIGUOUS if candidates else Found.UNCORRELATABLE
        known = {text for each in sets.sets for text in each.scripts}
        texts = sorted(known | {text.strip() for text in known})
        hashes = zip(texts, rehash(texts), strict=True)
        same = {script_text(text) for text, value in hashes if value == int(logged)}
        if len(same) == 1:
            return same.pop(), Found.SALTED_HASH
    return None, Found.AMBIGUOUS if candidates else Found.NO_SCRIPT


def imports_libcst(text: str) -> bool:
    """Tell whether a text is Python that imports libcst."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return any(
        name.partition(".")[0] == "libcst"
        for node in ast.walk(tree)
        for name in _imported(node)
    )


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level:
        return [node.module or ""]
    return []


def _belongs(patch_set: PatchSet, memory: Memory) -> bool:
    """Tell whether a set was saved for a success, by all that both say."""
    if not patch_set.at:
        return False
    delay = datetime.fromisoformat(patch_set.at) - datetime.fromisoformat(memory.at)
    return (
        0 <= delay.total_seconds() <= MAX_DELAY_S
        and patch_set.issue == memory.issue
        and patch_set.patch_source == memory.patch_source
    )


def _is_salted(logged: str) -> bool:
    digits = logged.removeprefix("-")
    return digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS


def _files(folder: Path) -> Iterator[Path]:
    """Yield all paths below a folder that are no folders, sorted; links too."""
    for parent, folders, names in os.walk(folder, followlinks=False):
        here = Path(parent)
        if len(here.relative_to(folder).parts) >= MAX_DEPTH:
            folders.clear()
        linked = [name for name in folders if (here / name).is_symlink()]
        folders[:] = sorted(set(folders) - set(linked))
        for name in sorted([*names, *linked]):
            yield here / name


def _read(path: Path) -> bytes | None:
    """Return the bytes of a regular file of usual size; None of anything else."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_FILE_BYTES:
            return None
        return file.read(MAX_FILE_BYTES)


def _digest(name: str, content: bytes) -> str:
    return hashlib.new(name, content, usedforsecurity=False).hexdigest()


def _meta(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _patch_set(meta: Mapping[str, Any], scripts: tuple[str, ...]) -> PatchSet:
    spec = meta.get("original_spec")
    issue = spec.get("issue_description") if isinstance(spec, dict) else None
    try:
        at = instant(meta.get("generation_timestamp_utc"))
    except LineError:
        at = ""
    return PatchSet(at, str(issue or ""), str(meta.get("patch_source") or ""), scripts)
