"""Collect the patterns of all .gitignore files of a tree."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from diffscribe.core.errors import SourceError
from diffscribe.doors.repository import OpenSource, require_trees, sizes_of

ABSENT = "000000"
FOLDER = "40000"
SUBMODULE = "160000"
SYMLINK = "120000"


class TreeEntry(NamedTuple):
    """A path whose content or mode differs; a rename is two of them."""

    path: bytes
    old_mode: str
    """In octal, of six digits; ABSENT if the file was added."""
    mode: str
    """ABSENT if the file was deleted."""
    old_blob: str
    """sha in hex, of zeros if absent."""
    blob: str

    @property
    def is_added(self) -> bool:
        """Whether base does not have the file."""
        return self.old_mode == ABSENT

    @property
    def is_deleted(self) -> bool:
        """Whether head does not have the file."""
        return self.mode == ABSENT

    @property
    def has_blobs(self) -> bool:
        """Whether a diff reads what lies there."""
        return self.blob != self.old_blob and SUBMODULE not in (
            self.mode,
            self.old_mode,
        )


def parse_entries(listing: bytes) -> tuple[TreeEntry, ...]:
    """Return the entries of `--raw -z --no-renames`, in git's order."""
    fields = listing.lstrip(b"\0\n").rstrip(b"\0").split(b"\0")
    entries = []
    for numbers, path in zip(fields[::2], fields[1::2], strict=False):
        old_mode, mode, old_blob, blob, _ = numbers[1:].decode().split(" ")
        entries.append(TreeEntry(path, old_mode, mode, old_blob, blob))
    return tuple(entries)


def squashed(lists: Iterable[Iterable[TreeEntry]]) -> tuple[TreeEntry, ...]:
    """Return in what the first base and the last head differ, sorted by path.

    The lists are those of commits that follow each other, or share no path.
    """
    first_list, *more = lists
    if not more:
        return tuple(first_list)
    by_path: dict[bytes, TreeEntry] = {}
    for entry in (each for entries in (first_list, *more) for each in entries):
        first = by_path.get(entry.path, entry)
        by_path[entry.path] = entry._replace(
            old_mode=first.old_mode, old_blob=first.old_blob
        )
    net = (by_path[path] for path in sorted(by_path))
    return tuple(
        entry
        for entry in net
        if (entry.mode, entry.blob) != (entry.old_mode, entry.old_blob)
    )


def write_tree(repository: Any, base: Any, entries: Iterable[TreeEntry]) -> Any:
    """Write the tree that base becomes by the entries, and return its id.

    Raises:
        pygit2.GitError: if an entry has a name or mode that no checkout makes.
        UnicodeError: if a path is no UTF-8.
    """
    changed = [(entry.path.decode().split("/"), entry) for entry in entries]
    return _write(repository, base, changed)


def _write(
    repository: Any, base: Any, changed: list[tuple[list[str], TreeEntry]]
) -> Any:
    """Write one folder and what is below it; None if nothing is left in it."""
    builder = repository.TreeBuilder(*[] if base is None else [base])
    below: dict[str, list[tuple[list[str], TreeEntry]]] = {}
    come = []
    for (name, *rest), entry in changed:
        if rest:
            below.setdefault(name, []).append((rest, entry))
        elif entry.is_deleted:
            builder.remove(name)
        else:
            come.append((name, entry))
    for name, inner in below.items():
        old = base[name] if base is not None and name in base else None
        tree = old if old is not None and old.type_str == "tree" else None
        written = _write(repository, tree, inner)
        if written is not None:
            builder.insert(name, written, int(FOLDER, 8))
        elif tree is not None:
            builder.remove(name)
    # A file may stand now where a folder was.
    for name, entry in come:
        builder.insert(name, entry.blob, int(entry.mode, 8))
    return builder.write() if len(builder) else None


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
    source: OpenSource, before: Ignores, entries: tuple[TreeEntry, ...]
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
