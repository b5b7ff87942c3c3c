"""Collect the patterns of all .gitignore files of a tree."""

import re
from collections.abc import Mapping
from typing import Any

from diffscribe.errors import SourceError
from diffscribe.history.objects import require_trees, sizes_of
from diffscribe.history.source import OpenSource
from diffscribe.history.trees import Entry

NAME = b".gitignore"
REGULAR_FILE_MODES = ("100644", "100664", "100755")
MAX_FILE_BYTES = 2**20
MAX_FILES = 10_000
MAX_DEPTH = 500
"""Git itself walks deeper; no project needs it, and Python cannot."""

Ignores = Mapping[bytes, tuple[str, ...]]
"""The patterns of each .gitignore, by its folder with a slash; the root is ''."""


def read_ignores(source: OpenSource, tree: str) -> Ignores:
    """Return the .gitignore files of a tree.

    Raises:
        SourceError: if the tree is deeper, or has more of them, than any project.
    """
    without: set[Any] = set()
    found: dict[bytes, str] = {}

    def collect(sha: Any, folder: bytes, depth: int) -> None:
        if depth > MAX_DEPTH or len(found) > MAX_FILES:
            raise SourceError(
                f"{source.path}: tree {tree} is nested deeper than {MAX_DEPTH} folders "
                f"or has more than {MAX_FILES} .gitignore files; leave the source out"
            )
        before = len(found)
        for entry in source.read(sha):
            name = entry.raw_name
            if entry.type_str == "tree":
                if entry.id not in without:
                    collect(entry.id, folder + name + b"/", depth + 1)
            elif name == NAME and f"{entry.filemode:o}" in REGULAR_FILE_MODES:
                found[folder] = str(entry.id)
        if len(found) == before:
            without.add(sha)

    require_trees(source, tree)
    collect(tree, b"", 0)
    return _patterns(source, found)


def next_ignores(
    source: OpenSource, before: Ignores, entries: tuple[Entry, ...]
) -> Ignores:
    """Return what the .gitignore files are after a commit with these entries."""
    touched = [
        entry
        for entry in entries
        if entry.path.endswith(NAME) and entry.path[: -len(NAME)][-1:] in (b"", b"/")
    ]
    if not touched:
        return before
    folders = {entry.path[: -len(NAME)]: entry for entry in touched}
    kept = {folder: before[folder] for folder in before if folder not in folders}
    blobs = {
        folder: entry.blob
        for folder, entry in folders.items()
        if entry.mode in REGULAR_FILE_MODES
    }
    return kept | _patterns(source, blobs)


def joined(ignores: Ignores) -> tuple[str, ...]:
    """Return all patterns relative to the root, in git's order.

    A later pattern wins over an earlier one.
    """
    patterns: list[str] = []
    for folder in sorted(ignores):
        text = folder.decode("utf-8", "replace").rstrip("/")
        patterns += (anchor(each, text) if text else each for each in ignores[folder])
    return tuple(patterns)


def _patterns(
    source: OpenSource, blobs: Mapping[bytes, str]
) -> dict[bytes, tuple[str, ...]]:
    """Read files by folder; one too large for a .gitignore has no patterns."""
    sizes = sizes_of(source, blobs.values()) if blobs else {}
    return {
        folder: tuple(parse_patterns(source.read(blob).data))
        if sizes.get(blob, 0) <= MAX_FILE_BYTES
        else ()
        for folder, blob in blobs.items()
    }


def parse_patterns(content: bytes) -> list[str]:
    """Return the patterns of a .gitignore file without comments and blanks."""
    lines = content.decode("utf-8-sig", "replace").split("\n")
    stripped = [_strip(line.removesuffix("\r")) for line in lines]
    return [line for line in stripped if line and not line.startswith("#")]


def anchor(pattern: str, folder: str) -> str:
    """Return a pattern of a folder's .gitignore as its parent would say it.

    Source: gitignore(5): a slash at the start or in the middle ties a pattern
    to the folder of its file, without one it holds at any depth below.
    """
    negation = "!" if pattern.startswith("!") else ""
    bare = pattern.removeprefix("!")
    depth = "" if "/" in bare.rstrip("/") else "**/"
    literal = re.sub(r"([*?\[\\])", r"\\\1", folder)
    return f"{negation}/{literal}/{depth}{bare.removeprefix('/')}"


def _strip(line: str) -> str:
    """Cut trailing spaces unless a backslash keeps the first of them."""
    kept = line.rstrip(" ")
    backslashes = len(kept) - len(kept.rstrip("\\"))
    return kept + " " if backslashes % 2 and len(kept) < len(line) else kept
