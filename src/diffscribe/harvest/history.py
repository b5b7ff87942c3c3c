"""List the commits of a source and read each with the files that it touched."""

import tempfile
from collections import OrderedDict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

from diffscribe.doors.git import ask_git, new_separator, split_answers
from diffscribe.doors.repository import OpenSource, read_tree_sha
from diffscribe.doors.trees import TreeEntry, parse_entries

BATCH_COMMITS = 1000
"""Commits that one git lists; it keeps all of them in memory."""
REMEMBERED_TREES = 2**16
"""Commits whose tree is known without asking git when a branch begins there."""
MAX_LISTING_BYTES = 16 * 2**20
"""A longer list of files, about 100,000 of them, is not read."""
MAX_MESSAGE_BYTES = 2**16
MAX_NAME_BYTES = 1000
"""Longer names and e-mails of authors are cut."""

FIELDS = ("%H", "%T", "%P", "%ct", "%an", "%ae", "%B")
LOG = (
    *("log", "--no-walk=unsorted", "--stdin", "--encoding=UTF-8"),
    *("--no-decorate", "--no-notes", "--no-mailmap", "--no-show-signature"),
    *("--raw", "-z", "--no-abbrev", "--no-renames", "--diff-merges=first-parent"),
)

K = TypeVar("K")
V = TypeVar("V")


class Newest(OrderedDict[K, V]):
    """A dict that drops its oldest keys beyond a number, to bound memory."""

    def __init__(self, max_keys: int) -> None:
        super().__init__()
        self._max_keys = max_keys

    def __setitem__(self, key: K, value: V) -> None:
        """Add a key as the newest."""
        super().__setitem__(key, value)
        if len(self) > self._max_keys:
            self.popitem(last=False)


class Commit(NamedTuple):
    """A commit as git lists it."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    """shas; empty for a root and where a shallow clone ends."""
    parent_tree: str
    """Tree of the first parent; empty without one."""
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
    """Changes to the first parent, a rename as two; None if there are too many."""

    @property
    def parent(self) -> str:
        """The sha of the first parent; empty without one."""
        return self.parents[0] if self.parents else ""

    @property
    def author(self) -> str:
        """The key of the author: the lower-case e-mail, or name without one."""
        return (self.email or self.name).casefold()

    @property
    def signature(self) -> str:
        """The author as `name <e-mail>`."""
        return f"{self.name} <{self.email}>"


def list_commits(
    source: OpenSource,
    max_commits: int,
    branches: Literal["default", "all"] = "default",
) -> int:
    """Write the shas of the newest commits to the source's folder, and count them.

    They are the first parents of HEAD, or all that HEAD and the other branches reach.
    A commit follows its parents, directly follows its first parent where possible.
    """
    if source.shallow:
        boundary = "\n".join(sorted(source.shallow)) + "\n"
        (source.folder / "shallow").write_text(boundary)
    order = "--first-parent" if branches == "default" else "--topo-order"
    command = ("rev-list", "--stdin", order, f"-n{max_commits}")
    heads = [f"{sha}^{{commit}}\n".encode() for sha in (source.head, *source.tips)]
    with _sha_file(source).open("wb") as shas:
        ask_git(source.folder, source.path, command, heads, shas)
    return _sha_file(source).stat().st_size // _line_bytes(source)


def read_commits(source: OpenSource) -> Iterator[Commit]:
    """Yield the listed commits, oldest first."""
    trees: Newest[str, str] = Newest(REMEMBERED_TREES)
    for shas in _batches(_sha_file(source), _line_bytes(source) * BATCH_COMMITS):
        for record in _log(source, shas):
            # A record that was cut may end before its last field.
            parts = record.split(b"\0", len(FIELDS))
            *fields, listing = parts + [b""] * (len(FIELDS) + 1 - len(parts))
            parents = tuple(fields[2].decode().split())
            parent_tree = trees.get(parents[0]) if parents else ""
            if parent_tree is None:
                parent_tree = read_tree_sha(source, parents[0])
            is_long = len(record) > MAX_LISTING_BYTES
            entries = None if is_long else parse_entries(listing)
            commit = _commit(fields, parents, parent_tree, entries)
            trees[commit.sha] = commit.tree
            yield commit


def _sha_file(source: OpenSource) -> Path:
    return source.folder / "commits"


def _line_bytes(source: OpenSource) -> int:
    return len(source.head) + 1


def _batches(shas: Path, batch_bytes: int) -> Iterator[list[bytes]]:
    """Yield the lines of a file in batches, the last batch first."""
    with shas.open("rb") as lines:
        end = shas.stat().st_size
        while end > 0:
            start = max(0, end - batch_bytes)
            lines.seek(start)
            yield lines.read(end - start).splitlines(keepends=True)
            end = start


def _log(source: OpenSource, shas: list[bytes]) -> Iterator[bytes]:
    """Yield the fields and files of each commit, the last commit first."""
    separator = b"\0" + new_separator() + b"\0"
    fields = "%x00".join((separator.strip(b"\0").decode(), *FIELDS, ""))
    arguments = (*LOG, f"--format=%x00{fields}")
    with tempfile.TemporaryFile(dir=source.folder) as answers:
        ask_git(source.folder, source.path, arguments, shas, answers)
        yield from split_answers(answers, separator, MAX_LISTING_BYTES)


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
    """Return the message; None if git could not convert it to UTF-8 either."""
    try:
        return message.decode().rstrip()
    except UnicodeDecodeError:
        return None


def _date(seconds: bytes) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return None
