"""The files in which two trees differ, as git lists them before it diffs."""

from collections.abc import Iterable
from typing import Any, NamedTuple

ABSENT = "000000"
FOLDER = "40000"
SUBMODULE = "160000"
SYMLINK = "120000"


class Entry(NamedTuple):
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


def parse_entries(listing: bytes) -> tuple[Entry, ...]:
    """Return the entries of `--raw -z --no-renames`, in git's order."""
    fields = listing.lstrip(b"\0\n").rstrip(b"\0").split(b"\0")
    entries = []
    for numbers, path in zip(fields[::2], fields[1::2], strict=False):
        old_mode, mode, old_blob, blob, _ = numbers[1:].decode().split(" ")
        entries.append(Entry(path, old_mode, mode, old_blob, blob))
    return tuple(entries)


def squashed(lists: Iterable[Iterable[Entry]]) -> tuple[Entry, ...]:
    """Return in what the first base and the last head differ, sorted by path.

    The lists are those of commits that follow each other, or share no path.
    """
    first_list, *more = lists
    if not more:
        return tuple(first_list)
    by_path: dict[bytes, Entry] = {}
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


def write_tree(repository: Any, base: Any, entries: Iterable[Entry]) -> Any:
    """Write the tree that base becomes by the entries, and return its id.

    Raises:
        pygit2.GitError: if an entry has a name or mode that no checkout makes.
        UnicodeError: if a path is no UTF-8.
    """
    changed = [(entry.path.decode().split("/"), entry) for entry in entries]
    return _write(repository, base, changed)


def _write(repository: Any, base: Any, changed: list[tuple[list[str], Entry]]) -> Any:
    """Write one folder and what is below it; None if nothing is left in it."""
    builder = repository.TreeBuilder(*[] if base is None else [base])
    below: dict[str, list[tuple[list[str], Entry]]] = {}
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
