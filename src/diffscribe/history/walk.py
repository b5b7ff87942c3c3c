"""Read the commits of a source that changes are made of."""

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

from diffscribe.history.source import OpenSource
from diffscribe.params import HarvestParams

FIXUP = re.compile(r"(?:fixup|squash|amend)! ")
UNFINISHED = re.compile(r"\W*(?:wip|work in progress)\b", re.IGNORECASE)


class CommitReason(StrEnum):
    """Why a commit is in no change; also its key in metrics/harvest.json."""

    SHALLOW_BOUNDARY = "shallow_boundary"
    ROOT = "root"
    MERGE = "merge"
    BOT = "bot"
    EMPTY = "empty"
    NO_MESSAGE = "no_message"
    FIXUP = "fixup"
    UNFINISHED = "unfinished"
    NOT_UTF8 = "not_utf8"
    BAD_DATE = "bad_date"


class Commit(NamedTuple):
    """A commit of the first-parent chain."""

    sha: str
    tree: str
    parent: str
    """sha; empty for a root."""
    parent_tree: str
    message: str
    committed_at: str
    """ISO 8601 in UTC."""


class Dropped(NamedTuple):
    """A commit that is in no change."""

    sha: str
    reason: CommitReason


def first_parents(source: OpenSource, params: HarvestParams) -> list[Commit | Dropped]:
    """Return the newest commits of HEAD's first-parent chain, oldest first."""
    chain: list[Commit | Dropped] = []
    commit = source.read(source.head)
    while commit is not None and len(chain) < params.max_commits_per_source:
        is_boundary = str(commit.id) in source.shallow
        parent = None
        if commit.parent_ids and not is_boundary:
            parent = source.read(commit.parent_ids[0])
        chain.append(_checked(commit, parent, is_boundary, params.bot_authors))
        commit = parent
    return chain[::-1]


def _checked(
    commit: Any, parent: Any, is_boundary: bool, bot_authors: tuple[str, ...]
) -> Commit | Dropped:
    sha = str(commit.id)
    if is_boundary:
        return Dropped(sha, CommitReason.SHALLOW_BOUNDARY)
    if parent is None:
        return Dropped(sha, CommitReason.ROOT)
    message = _message(commit)
    if message is None:
        return Dropped(sha, CommitReason.NOT_UTF8)
    committed_at = _date(commit.commit_time)
    if committed_at is None:
        return Dropped(sha, CommitReason.BAD_DATE)
    reason = _drop_reason(commit, parent, message, bot_authors)
    if reason is not None:
        return Dropped(sha, reason)
    return Commit(
        sha=sha,
        tree=str(commit.tree_id),
        parent=str(parent.id),
        parent_tree=str(parent.tree_id),
        message=message,
        committed_at=committed_at,
    )


def _drop_reason(
    commit: Any, parent: Any, message: str, bot_authors: tuple[str, ...]
) -> CommitReason | None:
    author = _author(commit)
    if len(commit.parent_ids) > 1:
        return CommitReason.MERGE
    if any(name.casefold() in author for name in bot_authors):
        return CommitReason.BOT
    if commit.tree_id == parent.tree_id:
        return CommitReason.EMPTY
    if not message:
        return CommitReason.NO_MESSAGE
    if FIXUP.match(message):
        return CommitReason.FIXUP
    if UNFINISHED.match(message):
        return CommitReason.UNFINISHED
    return None


def _message(commit: Any) -> str | None:
    """Decode the message as the commit says; None if that cannot be done."""
    encoding = commit.message_encoding or "utf-8"
    try:
        message: str = commit.raw_message.decode(encoding)
    except (ValueError, LookupError):
        return None
    return message.rstrip()


def _author(commit: Any) -> str:
    author = commit.author
    name = author.raw_name + b" <" + author.raw_email + b">"
    return str(name.decode("utf-8", "replace")).casefold()


def _date(seconds: int) -> str | None:
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return None
