"""Read the commits of a source that changes are made of."""

from collections import deque
from datetime import UTC, datetime
from typing import Any, NamedTuple

from diffscribe.history.filters import (
    CommitReason,
    unwanted_author,
    unwanted_day,
    unwanted_message,
)
from diffscribe.history.presets import PresetReason
from diffscribe.history.source import OpenSource
from diffscribe.params import HarvestParams, SourceSettings


class Commit(NamedTuple):
    """A commit of the first-parent chain."""

    sha: str
    tree: str
    parent: str
    """sha; empty for a root."""
    parent_tree: str
    message: str
    author: str
    """The e-mail in small letters, or the name if there is none."""
    signature: str
    """`name <e-mail>` of the author."""
    committed_at: str
    """ISO 8601 in UTC."""


class Dropped(NamedTuple):
    """A commit that is in no change."""

    sha: str
    reason: CommitReason | PresetReason


class Chain(NamedTuple):
    """Commits of which each is the first parent of the next."""

    context: list[Commit | Dropped]
    """What comes before and is in an earlier chain; windows may begin there."""
    commits: list[Commit | Dropped]


def chains(
    source: OpenSource, params: HarvestParams, settings: SourceSettings
) -> list[Chain]:
    """Return the newest commits, oldest first: the chain of HEAD's first parents.

    If all branches count, then follow the chains of the other branches and of
    what was merged, each down to a commit that an earlier chain has.
    """
    found: list[Chain] = []
    seen: set[str] = set()
    pending = deque([source.head, *source.tips])
    while pending and len(seen) < params.max_commits_per_source:
        commit = source.read(pending.popleft())
        newest: list[Commit | Dropped] = []
        while commit is not None and str(commit.id) not in seen:
            if len(seen) == params.max_commits_per_source:
                break
            seen.add(str(commit.id))
            parent = _first_parent(source, commit)
            newest.append(_checked(source, commit, parent, params, settings))
            if settings.branches == "all" and parent is not None:
                pending.extend(map(str, commit.parent_ids[1:]))
            commit = parent
        context: list[Commit | Dropped] = []
        while (
            commit is not None
            and str(commit.id) in seen
            and len(context) < params.max_window_commits - 1
        ):
            parent = _first_parent(source, commit)
            context.append(_checked(source, commit, parent, params, settings))
            commit = parent
        if newest:
            found.append(Chain(context[::-1], newest[::-1]))
    return found


def _first_parent(source: OpenSource, commit: Any) -> Any | None:
    if str(commit.id) in source.shallow or not commit.parent_ids:
        return None
    return source.read(commit.parent_ids[0])


def _checked(
    source: OpenSource,
    commit: Any,
    parent: Any | None,
    params: HarvestParams,
    settings: SourceSettings,
) -> Commit | Dropped:
    sha = str(commit.id)
    if parent is None:
        is_boundary = sha in source.shallow
        return Dropped(
            sha, CommitReason.SHALLOW_BOUNDARY if is_boundary else CommitReason.ROOT
        )
    message = _message(commit)
    if message is None:
        return Dropped(sha, CommitReason.NOT_UTF8)
    committed_at = _date(commit.commit_time)
    if committed_at is None:
        return Dropped(sha, CommitReason.BAD_DATE)
    author = commit.author
    signature = _text(author.raw_name + b" <" + author.raw_email + b">")
    reason = (
        (CommitReason.MERGE if len(commit.parent_ids) > 1 else None)
        or unwanted_day(committed_at.date(), settings)
        or unwanted_author(signature, settings, params.bot_authors)
        or (CommitReason.EMPTY if commit.tree_id == parent.tree_id else None)
        or unwanted_message(message)
    )
    if reason is not None:
        return Dropped(sha, reason)
    return Commit(
        sha=sha,
        tree=str(commit.tree_id),
        parent=str(parent.id),
        parent_tree=str(parent.tree_id),
        message=message,
        author=_text(author.raw_email or author.raw_name).casefold(),
        signature=signature,
        committed_at=committed_at.isoformat(),
    )


def _message(commit: Any) -> str | None:
    """Decode the message as the commit says; None if that cannot be done."""
    encoding = commit.message_encoding or "utf-8"
    try:
        message: str = commit.raw_message.decode(encoding)
    except (ValueError, LookupError):
        return None
    return message.rstrip()


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _date(seconds: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
