"""Compare and write trees, and read the .gitignore files in them."""

import contextlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from diffscribe.commits.gitignore import anchor, parse_patterns
from diffscribe.core.errors import SourceError
from diffscribe.doors.git import UnreadableError
from diffscribe.doors.repository import OpenSource, read_sizes, require_trees

ABSENT = "000000"
FOLDER = "40000"
SUBMODULE = "160000"
SYMLINK = "120000"


class TreeEntry(NamedTuple):
    """A path whose content or mode differs; a rename is two entries."""

    path: bytes
    old_mode: str
    """Six octal digits; ABSENT if the file was added."""
    mode: str
    """ABSENT if the file was deleted."""
    old_blob: str
    """sha in hex; zeros if absent."""
    blob: str

    @property
    def is_added(self) -> bool:
        """Whether only the new tree has the file."""
        return self.old_mode == ABSENT

    @property
    def is_deleted(self) -> bool:
        """Whether only the old tree has the file."""
        return self.mode == ABSENT

    @property
    def has_blobs(self) -> bool:
        """Whether a diff reads the content of the path."""
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


def squash_entries(lists: Iterable[Iterable[TreeEntry]]) -> tuple[TreeEntry, ...]:
    """Return the differences of several commits together, sorted by path.

    The lists are those of commits that follow each other, or that share no path.
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


class Edit(NamedTuple):
    """Lines that stay, followed by lines that go and lines that come."""

    kept: int
    removed: int
    added: int


def read_edits(source: OpenSource, old: str, new: str) -> list[Edit]:
    """Return how one blob becomes another, from its first line to its last.

    Lines are matched as `git diff --diff-algorithm=myers` matches them, whatever the
    content. A sha of zeros is an empty file.
    """
    from pygit2.enums import DiffOption

    before, after = (
        source.read(sha, "blob") if sha.strip("0") else None for sha in (old, new)
    )
    lines = _count_lines(before)
    if before is None or after is None:
        return [Edit(0, lines, _count_lines(after))]
    if old == new:
        return [Edit(lines, 0, 0)]
    flags = DiffOption.FORCE_TEXT | DiffOption.INDENT_HEURISTIC
    edits, at = [], 0
    for hunk in before.diff(after, flags, context_lines=0, interhunk_lines=0).hunks:
        # A hunk that only adds is named by the line before it.
        start = hunk.old_start - (hunk.old_lines > 0)
        edits.append(Edit(start - at, hunk.old_lines, hunk.new_lines))
        at = start + hunk.old_lines
    return [*edits, Edit(lines - at, 0, 0)]


def _count_lines(blob: Any) -> int:
    content = blob.data if blob is not None else b""
    return content.count(b"\n") + (content[-1:] not in (b"\n", b""))


@contextlib.contextmanager
def writable_repository(source: OpenSource) -> Iterator[Any]:
    """Give a repository of our own that sees the source and takes new trees.

    The trees are gone with the block.
    """
    import pygit2

    with tempfile.TemporaryDirectory(dir=source.folder) as name:
        repository = pygit2.init_repository(name, bare=True)
        objects = f"{source.folder}/objects\n"
        with contextlib.suppress(FileNotFoundError):
            objects += (source.folder / "objects/info/alternates").read_text()
        (Path(name) / "objects/info/alternates").write_text(objects)
        yield pygit2.Repository(repository.path)


def write_tree(repository: Any, base: str, entries: Iterable[TreeEntry]) -> str | None:
    """Apply the entries to the tree `base`, write the result and return its sha.

    It is None if an entry has a name or mode that no checkout makes.
    """
    import pygit2

    try:
        changed = [(entry.path.decode().split("/"), entry) for entry in entries]
        return str(_write(repository, repository[base], changed))
    except (pygit2.GitError, UnicodeError):
        return None


def _write(
    repository: Any, base: Any, changed: list[tuple[list[str], TreeEntry]]
) -> Any:
    """Write one folder and all below it; return None if it becomes empty."""
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
    # A file may replace a folder, so folders go first.
    for name, entry in come:
        builder.insert(name, entry.blob, int(entry.mode, 8))
    return builder.write() if len(builder) else None


NAME = b".gitignore"
REGULAR_FILE_MODES = ("100644", "100664", "100755")
MAX_FILE_BYTES = 2**20
MAX_FILES = 10_000
MAX_DEPTH = 500
"""Deeper trees are refused: git can walk them, a recursive function cannot."""

Gitignores = Mapping[bytes, tuple[str, ...]]
"""Patterns of each .gitignore by its folder with a final slash; the root is ''."""


def read_gitignores(source: OpenSource, tree: str) -> Gitignores:
    """Return the .gitignore files of a tree; what is missing has none.

    Raises:
        UnreadableError: if a tree is broken.
        SourceError: if the tree is deeper than MAX_DEPTH, or has more than MAX_FILES.
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
        for entry in _entries(source, sha):
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


def _entries(source: OpenSource, tree: Any) -> list[Any]:
    try:
        return list(source.read(tree, "tree"))
    except UnreadableError:
        return []


def update_gitignores(
    source: OpenSource, before: Gitignores, entries: tuple[TreeEntry, ...]
) -> Gitignores:
    """Return the .gitignore files after a commit with these entries.

    It is the same object if the commit touches none.
    """
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


def join_gitignores(gitignores: Gitignores) -> tuple[str, ...]:
    """Return all patterns relative to the root; later ones win, as in git."""
    patterns: list[str] = []
    for folder in sorted(gitignores):
        text = folder.decode("utf-8", "replace").rstrip("/")
        patterns += (
            anchor(each, text) if text else each for each in gitignores[folder]
        )
    return tuple(patterns)


def _patterns(
    source: OpenSource, blobs: Mapping[bytes, str]
) -> dict[bytes, tuple[str, ...]]:
    """Read the files by folder; what is missing or too large has no patterns."""
    sizes = read_sizes(source, blobs.values()) if blobs else {}
    return {
        folder: tuple(parse_patterns(source.read(blob, "blob").data))
        if sizes.get(blob, MAX_FILE_BYTES + 1) <= MAX_FILE_BYTES
        else ()
        for folder, blob in blobs.items()
    }
