"""Read the commits of a source, oldest first, with what each of them touched."""

import tempfile
from collections import OrderedDict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple

from diffscribe.doors.git import ask_git, new_border, parted
from diffscribe.doors.repository import OpenSource, tree_of
from diffscribe.doors.trees import TreeEntry, parse_entries

RANGE_COMMITS = 1000
"""So many are asked for at once: git keeps what it was asked for in memory."""
REMEMBERED_TREES = 2**16
"""So far back may a branch begin without a git of its own that is asked for it."""
MAX_LISTING_BYTES = 16 * 2**20
"""Longer lists of files, some 100,000 of them, are counted and not kept."""
MAX_MESSAGE_BYTES = 2**16
MAX_NAME_BYTES = 1000
"""Of an author; longer ones are cut."""

FIELDS = ("%H", "%T", "%P", "%ct", "%an", "%ae", "%B")
LOG = (
    *("log", "--no-walk=unsorted", "--stdin", "--encoding=UTF-8"),
    *("--no-decorate", "--no-notes", "--no-mailmap", "--no-show-signature"),
    *("--raw", "-z", "--no-abbrev", "--no-renames", "--diff-merges=first-parent"),
)


class Commit(NamedTuple):
    """A commit, whatever it is worth."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    """shas; none for a root and where a shallow clone ends."""
    parent_tree: str
    """Of the first parent; empty without one."""
    name: str
    """Of the author."""
    email: str
    committed_at: datetime | None
    """In UTC; None if no calendar has the date."""
    message: str | None
    """Without trailing blank lines; None if it cannot be decoded."""
    has_long_message: bool
    """Whether it has more than MAX_MESSAGE_BYTES, and was cut."""
    entries: tuple[TreeEntry, ...] | None
    """Against the first parent, renames as two; None if there are too many."""

    @property
    def parent(self) -> str:
        """The sha of the first parent; empty without one."""
        return self.parents[0] if self.parents else ""

    @property
    def author(self) -> str:
        """Who counts as one author: the e-mail in small letters, or the name."""
        return (self.email or self.name).casefold()

    @property
    def signature(self) -> str:
        """The author as `name <e-mail>`."""
        return f"{self.name} <{self.email}>"


class Walk:
    """The newest commits of a source, listed at once and read as they are asked for.

    They are the first parents of HEAD, or all that HEAD and the other branches
    hold. A commit comes after its parents, right after the first one if it can.
    """

    def __init__(
        self,
        source: OpenSource,
        max_commits: int,
        branches: Literal["default", "all"] = "default",
    ) -> None:
        self._source = source
        self._list = source.folder / "commits"
        if source.shallow:
            boundary = "\n".join(sorted(source.shallow)) + "\n"
            (source.folder / "shallow").write_text(boundary)
        order = "--first-parent" if branches == "default" else "--topo-order"
        command = ("rev-list", "--stdin", order, f"-n{max_commits}")
        heads = [f"{sha}^{{commit}}\n".encode() for sha in (source.head, *source.tips)]
        with self._list.open("wb") as listed:
            ask_git(source.folder, source.path, command, heads, listed)
        self._line_bytes = len(source.head) + 1

    def __len__(self) -> int:
        """Return the number of commits."""
        return self._list.stat().st_size // self._line_bytes

    def __iter__(self) -> Iterator[Commit]:
        """Yield the commits, oldest first."""
        trees: OrderedDict[str, str] = OrderedDict()
        for shas in _ranges(self._list, self._line_bytes * RANGE_COMMITS):
            for record in self._records(shas):
                # A record that is cut may end in the midst of its message.
                parts = record.split(b"\0", len(FIELDS))
                *fields, listing = parts + [b""] * (len(FIELDS) + 1 - len(parts))
                parents = tuple(fields[2].decode().split())
                parent_tree = trees.get(parents[0]) if parents else ""
                if parent_tree is None:
                    parent_tree = tree_of(self._source, parents[0])
                is_long = len(record) > MAX_LISTING_BYTES
                entries = None if is_long else parse_entries(listing)
                commit = _commit(fields, parents, parent_tree, entries)
                trees[commit.sha] = commit.tree
                if len(trees) > REMEMBERED_TREES:
                    trees.popitem(last=False)
                yield commit

    def _records(self, shas: list[bytes]) -> Iterator[bytes]:
        """Yield what git says about each of the commits, the last first."""
        source = self._source
        border = b"\0" + new_border() + b"\0"
        fields = "%x00".join((border.strip(b"\0").decode(), *FIELDS, ""))
        arguments = (*LOG, f"--format=%x00{fields}")
        with tempfile.TemporaryFile(dir=source.folder) as answers:
            ask_git(source.folder, source.path, arguments, shas, answers)
            yield from parted(answers, border, MAX_LISTING_BYTES)


def _ranges(listed: Path, range_bytes: int) -> Iterator[list[bytes]]:
    """Yield the lines of a file in ranges, the last of them first."""
    with listed.open("rb") as lines:
        end = listed.stat().st_size
        while end > 0:
            start = max(0, end - range_bytes)
            lines.seek(start)
            yield lines.read(end - start).splitlines(keepends=True)
            end = start


def _commit(
    fields: list[bytes],
    parents: tuple[str, ...],
    parent_tree: str,
    entries: tuple[TreeEntry, ...] | None,
) -> Commit:
    sha, tree, _, seconds, name, email, message = fields
    return Commit(
        sha=sha.decode(),
        tree=tree.decode(),
        parents=parents,
        parent_tree=parent_tree,
        name=name[:MAX_NAME_BYTES].decode("utf-8", "replace"),
        email=email[:MAX_NAME_BYTES].decode("utf-8", "replace"),
        committed_at=_date(seconds),
        message=_text(message[: MAX_MESSAGE_BYTES + 1]),
        has_long_message=len(message) > MAX_MESSAGE_BYTES,
        entries=entries,
    )


def _text(message: bytes) -> str | None:
    """Decode what git could not bring to UTF-8 either as None."""
    try:
        return message.decode().rstrip()
    except UnicodeDecodeError:
        return None


def _date(seconds: bytes) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return None
