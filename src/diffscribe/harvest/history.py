"""Read a history with git: commits with the files they touched, patches of trees."""

import os
import re
import tempfile
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

from diffscribe.doors.git import (
    MAX_UNREADABLE,
    OutputLimitError,
    UnreadableError,
    ask_git,
    new_separator,
    split_answers,
)
from diffscribe.doors.patches import DIFF, Patch, parse_patch, unexpected_output
from diffscribe.doors.repository import OpenSource, read_tree_sha
from diffscribe.doors.trees import TreeEntry, parse_entries

SHALLOW = "shallow"
"""git's file of the commits whose parents are not there."""
LISTED = "commits"
"""The file with a line for each commit, the newest first."""
LINE_BYTES = 41
BATCH_BYTES = 1000 * LINE_BYTES
"""Commits that one git lists; it keeps all of them in memory."""
REMEMBERED_TREES = 2**16
"""Commits whose tree is known without asking git when a branch begins there."""
MAX_LISTING_BYTES = 16 * 2**20
"""A longer list of files, about 100,000 of them, is not read."""
MAX_MESSAGE_BYTES = 2**13
MAX_CUTS = 20
"""Places at which a history may end early, since a parent is missing or broken."""
CUT = re.compile(r"Failed to traverse parents of commit ([0-9a-f]{40})")
MAX_NAME_BYTES = 1000
"""Longer names and e-mails of authors are cut."""

FIELDS = ("%H", "%T", "%P", "%ct", "%an", "%ae", "%B")
LOG = (
    *("log", "--no-walk=unsorted", "--stdin", "--encoding=UTF-8", "-z"),
    *("--no-decorate", "--no-notes", "--no-mailmap", "--no-show-signature"),
)
FILES = ("--raw", "--no-abbrev", "--no-renames", "--diff-merges=first-parent")

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
    """The author's."""
    email: str
    committed_at: datetime | None
    """In UTC; None if no calendar has the date."""
    message: str | None
    """Without trailing blank lines; None if it cannot be decoded."""
    has_long_message: bool
    """Whether it has more than MAX_MESSAGE_BYTES, and was cut."""
    entries: tuple[TreeEntry, ...] | None
    """Changes to the first parent, a rename as two; None if there are too many."""
    is_broken: bool
    """Whether its files or its parents need an object that is missing or broken."""

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
    The history ends where a parent is missing or broken, as where a clone is shallow.

    Raises:
        UnreadableError: if the head is missing, or more than MAX_CUTS parents are.
    """
    order = "--first-parent" if branches == "default" else "--topo-order"
    most = f"-n{max_commits}"
    heads = [f"{sha}^{{commit}}\n".encode() for sha in (source.head, *source.tips)]
    boundary = source.shallow

    def walk(*options: str) -> int:
        if boundary:
            lines = "".join(f"{sha}\n" for sha in sorted(boundary))
            (source.folder / SHALLOW).write_text(lines)
        with (source.folder / LISTED).open("wb") as shas:
            command = ("rev-list", "--stdin", most, *options)
            ask_git(source.folder, source.path, command, heads, shas)
            return shas.seek(0, os.SEEK_END) // LINE_BYTES

    while True:
        try:
            return walk(order)
        except UnreadableError as error:
            found = {*CUT.findall(str(error))}
            if order == "--topo-order":
                # To sort, git reads all parents before it has a child to name.
                try:
                    walk()
                except UnreadableError as unsorted:
                    found = {*CUT.findall(str(unsorted))}
            is_last = len(boundary) >= len(source.shallow) + MAX_CUTS
            if is_last or found <= boundary:
                raise
            boundary |= found


def read_commits(source: OpenSource) -> Iterator[Commit]:
    """Yield the listed commits, oldest first.

    Raises:
        UnreadableError: if more than MAX_UNREADABLE of them are broken.
    """
    trees: Newest[str, str] = Newest(REMEMBERED_TREES)
    listed = (source.folder / LISTED).read_bytes()
    cut = _boundary(source) - source.shallow
    broken = 0
    for end in range(len(listed), 0, -BATCH_BYTES):
        batch = listed[max(0, end - BATCH_BYTES) : end]
        for record, error in _log(source, batch.splitlines(keepends=True)):
            broken += error is not None
            if error is not None and broken > MAX_UNREADABLE:
                raise error
            # A record that was cut may end before its last field.
            parts = record.split(b"\0", len(FIELDS))
            *fields, listing = parts + [b""] * (len(FIELDS) + 1 - len(parts))
            parents = tuple(fields[2].decode().split())
            parent_tree = trees.get(parents[0]) if parents and error is None else ""
            if parent_tree is None:
                parent_tree = read_tree_sha(source, parents[0])
            is_long = len(record) > MAX_LISTING_BYTES
            sha, tree, _, seconds, name, email, message = fields
            trees[sha.decode()] = tree.decode()
            yield Commit(
                sha=sha.decode(),
                tree=tree.decode(),
                parents=parents,
                parent_tree=parent_tree,
                name=name[:MAX_NAME_BYTES].decode("utf-8", "replace"),
                email=email[:MAX_NAME_BYTES].decode("utf-8", "replace"),
                committed_at=_date(seconds),
                message=_text(message[: MAX_MESSAGE_BYTES + 1]),
                has_long_message=len(message) > MAX_MESSAGE_BYTES,
                entries=None if is_long or error else parse_entries(listing),
                is_broken=error is not None or sha.decode() in cut,
            )


def _boundary(source: OpenSource) -> frozenset[str]:
    path = source.folder / SHALLOW
    return frozenset(path.read_text().split() if path.exists() else ())


def _log(
    source: OpenSource, shas: list[bytes], error: UnreadableError | None = None
) -> Iterator[tuple[bytes, UnreadableError | None]]:
    """Yield the fields and files of each commit, the last commit first.

    A commit whose files cannot be read has none, but the error. To find it, commits are
    asked for in halves.
    """
    separator = b"\0" + new_separator() + b"\0"
    fields = "%x00".join((separator.strip(b"\0").decode(), *FIELDS, ""))
    files = FILES if error is None else ("--no-patch",)
    with tempfile.TemporaryFile(dir=source.folder) as answers:
        try:
            arguments = (*LOG, *files, f"--format=%x00{fields}")
            ask_git(source.folder, source.path, arguments, shas, answers)
        except UnreadableError as unreadable:
            if error is not None:
                raise
            error = unreadable
        else:
            for answer in split_answers(answers, separator, MAX_LISTING_BYTES):
                yield answer, error
            return
    if len(shas) == 1:
        yield from _log(source, shas, error)
        return
    half = len(shas) // 2
    yield from _log(source, shas[half:])
    yield from _log(source, shas[:half])


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


def diff_trees(
    folder: Path,
    source: Path,
    pairs: Iterable[tuple[str, str]],
    max_bytes: int,
) -> Iterator[Patch | UnreadableError | None]:
    """Yield the patch of each pair of trees; one git prints them all.

    A patch of more than `max_bytes` is None; one that git cannot read is the error.
    Pairs whose patches exceed git's output limit together, or of which one cannot be
    read, are asked for in halves.
    """
    pairs = list(pairs)
    with tempfile.TemporaryFile(dir=folder) as output:
        separator = new_separator() + b"\n"
        # git echoes a line that names no object; no file can contain the separator.
        # The newest come first: packs store older objects as deltas of newer ones.
        lines = (line for pair in pairs[::-1] for line in (separator, _question(pair)))
        failed: UnreadableError | None = None
        try:
            ask_git(folder, source, ("diff-tree", "--stdin", *DIFF), lines, output)
        except OutputLimitError:
            pass  # Asked for in halves below.
        except UnreadableError as error:
            failed = error
        else:
            answers = split_answers(output, separator, max_bytes)
            for pair, answer in zip(pairs, answers, strict=True):
                question = _question(pair)
                if not answer.startswith(question):
                    raise unexpected_output()
                is_long = len(answer) > max_bytes
                yield None if is_long else parse_patch(answer[len(question) :])
            return
    if len(pairs) == 1:
        yield failed
        return
    half = len(pairs) // 2
    yield from diff_trees(folder, source, pairs[:half], max_bytes)
    yield from diff_trees(folder, source, pairs[half:], max_bytes)


def _question(pair: tuple[str, str]) -> bytes:
    return f"{pair[0]} {pair[1]}\n".encode()
