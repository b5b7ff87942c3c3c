"""Decide which commits are dropped, and which files of a commit are left out."""

import re
from collections.abc import Callable, Iterable
from datetime import date
from enum import StrEnum
from functools import lru_cache

from pathspec import GitIgnoreSpec

from diffscribe.commits.grammar import parse_header
from diffscribe.commits.lesson import LessonReason
from diffscribe.commits.path_rules import path_lists
from diffscribe.commits.proposals import proposed_as
from diffscribe.commits.style import StyleRule
from diffscribe.core.params import HarvestParams, SourceParams
from diffscribe.core.records import Verdict
from diffscribe.doors.git import decode
from diffscribe.doors.repository import OpenSource
from diffscribe.doors.trees import TreeEntry
from diffscribe.harvest.history import Commit

FIXUP = re.compile(r"(?:fixup|squash|amend)! ")
UNFINISHED = re.compile(r"\W*(?:wip|work in progress)\b", re.IGNORECASE)
REVERT = re.compile(
    r'(?:Revert|Reapply) "|.*^This reverts commit [0-9a-f]{7,40}', re.M | re.S
)
IGNORED_BY_HFS = rb"(?:\xe2\x80[\x8c-\x8f\xaa-\xae]|\xe2\x81[\xaa-\xaf]|\xef\xbb\xbf)*"
"""Characters that the file system of macOS skips when it compares names."""
DOT_GIT = IGNORED_BY_HFS + IGNORED_BY_HFS.join((rb"\.", b"g", b"i", b"t", b""))
UNSAFE = re.compile(
    # Windows reads git~1 as .git, and ignores trailing dots, spaces and `:...`.
    rb"(?:^|[/\\])(?:\.\.?|(?:" + DOT_GIT + rb"|git~1)[ .]*(?::[^/\\]*)?)(?:[/\\]|$)"
    rb"|^/|//|/$|^$",
    re.IGNORECASE,
)


class CommitReason(StrEnum):
    """Why a commit is in no change; also its key in the counts of harvest."""

    SHALLOW_BOUNDARY = "shallow_boundary"
    ROOT = "root"
    MISSING_OBJECT = "missing_object"
    MESSAGE_TOO_LONG = "message_too_long"
    NOT_UTF8 = "not_utf8"
    BAD_DATE = "bad_date"
    MERGE = "merge"
    BEFORE_SINCE = "before_since"
    AFTER_UNTIL = "after_until"
    OTHER_AUTHOR = "other_author"
    BOT = "bot"
    EMPTY = "empty"
    MESSAGE_TOO_SHORT = "message_too_short"
    FIXUP = "fixup"
    UNFINISHED = "unfinished"
    REVERT = "revert"
    TOO_MANY_FILES = "too_many_files"
    UNSAFE_PATH = "unsafe_path"
    EXCLUDED_PATHS = "excluded_paths"
    REPEATED_SUBJECT = "repeated_subject"
    OWN_PROPOSAL = "own_proposal"
    """A model proposed it, and a person took it as it was."""
    IN_FEEDBACK = "in_feedback"
    """A log of feedback among the sources has it, with what the person corrected."""


DropReason = CommitReason | LessonReason | StyleRule
"""Why a commit is dropped, for what it is or for what its message teaches."""


def commit_reason(
    commit: Commit, source: OpenSource, settings: SourceParams, params: HarvestParams
) -> CommitReason | None:
    """Return the first reason to drop a commit, or None.

    EXCLUDED_PATHS and REPEATED_SUBJECT are not among them: they need the files that
    are left, and the commits before.
    """
    if commit.is_broken:
        return CommitReason.MISSING_OBJECT
    if not commit.parents:
        is_boundary = commit.sha in source.shallow
        return CommitReason.SHALLOW_BOUNDARY if is_boundary else CommitReason.ROOT
    if commit.has_long_message:
        return CommitReason.MESSAGE_TOO_LONG
    if commit.message is None:
        return CommitReason.NOT_UTF8
    if commit.committed_at is None:
        return CommitReason.BAD_DATE
    if len(commit.parents) > 1:
        return CommitReason.MERGE
    return (
        day_reason(commit.committed_at.date(), settings)
        or author_reason(commit.signature, settings, params.bot_authors)
        or (CommitReason.EMPTY if commit.tree == commit.parent_tree else None)
        or message_reason(commit.message, params)
        or _path_reason(commit)
    )


def day_reason(day: date, settings: SourceParams) -> CommitReason | None:
    """Return why a day is outside of the source's days, which include both ends."""
    if settings.since is not None and day < settings.since:
        return CommitReason.BEFORE_SINCE
    if settings.until is not None and day > settings.until:
        return CommitReason.AFTER_UNTIL
    return None


def author_reason(
    author: str, settings: SourceParams, bot_authors: tuple[str, ...]
) -> CommitReason | None:
    """Return why the commits of `name <e-mail>` are dropped; case is ignored."""
    if settings.authors and not _contains_any(author.casefold(), settings.authors):
        return CommitReason.OTHER_AUTHOR
    return CommitReason.BOT if is_bot(author, bot_authors) else None


BOT = re.compile(
    # dependabot[bot], Renovate Bot, leha-bot, GitBot, Angular Robot; not Ann Abbot.
    r"\[bot\]|(?i:(?<![a-z])(?:ro)?bot(?![a-z]))|[a-z]Bot\b"
    # What programs and their accounts are called.
    r"|(?i:\b(?:dependabot|imgbot|mergify|renovate|greenkeeper|allcontributors"
    r"|all-contributors|pre-commit-ci|weblate|crowdin|transifex|copybara|buildmaster"
    r"|(?:hu)?goreleaser|semantic-release|release-(?:please|plz)|actions?-user"
    r"|github[ -]actions?|github workflow|automations?|web-flow|codesandbox"
    r"|(?:continuous integration|travis|circle|gitlab|build|release)[ -](?:ci|server)"
    r"|(?:spring|nightly|automated) builds?)(?![\w@.]))"
    # As the whole name or address: people are called Jenkins, too.
    r"|^(?i:jenkins|ci|cibot|builder|travis|concourse|github|gitlab|bot)\s*<"
    r"|<(?i:jenkins|ci|actions?|[\w.+-]*[.+_-]bot|bot|renovate|[\w.+-]+-automation)@"
)
"""Matches `name <e-mail>` of programs that commit, by what they are called
everywhere."""


def is_bot(author: str, bot_authors: tuple[str, ...]) -> bool:
    """Tell whether `name <e-mail>` is of a program, or holds one of the names."""
    return BOT.search(author) is not None or _contains_any(
        author.casefold(), bot_authors
    )


def _contains_any(text: str, parts: tuple[str, ...]) -> bool:
    return any(part.casefold() in text for part in parts)


def message_reason(message: str, params: HarvestParams) -> CommitReason | None:
    """Return why a message teaches nothing about its diff.

    A revert is known by git's own words or by its conventional type.
    """
    if len(message) < params.min_message_chars:
        return CommitReason.MESSAGE_TOO_SHORT
    if len(message) > params.max_message_chars:
        return CommitReason.MESSAGE_TOO_LONG
    if proposed_as(message) is Verdict.TAKEN:
        return CommitReason.OWN_PROPOSAL
    if FIXUP.match(message):
        return CommitReason.FIXUP
    if UNFINISHED.match(message):
        return CommitReason.UNFINISHED
    header = parse_header(message.split("\n", 1)[0])
    if REVERT.match(message) or (header is not None and header.type == "revert"):
        return CommitReason.REVERT
    return None


def _path_reason(commit: Commit) -> CommitReason | None:
    """Return why no work tree can hold the files that a commit touched."""
    if commit.entries is None:
        return CommitReason.TOO_MANY_FILES
    paths = {entry.path for entry in commit.entries}
    if len(paths) < len(commit.entries) or any(map(is_unsafe, paths)):
        return CommitReason.UNSAFE_PATH
    return None


@lru_cache(maxsize=2**14)
def is_unsafe(path: bytes) -> bool:
    """Tell whether a path is absolute, leaves its folder, or is one of git's own."""
    return UNSAFE.search(path) is not None


def path_excluder(patterns: Iterable[str]) -> Callable[[str], bool] | None:
    """Return a function that tells whether a path is left out; None if none is.

    A name of commits/paths.toml stands for its patterns. Later patterns win, so that
    `!vendor/ours/**` takes back what `vendored` left out.
    """
    lines: list[str] = []
    for pattern in patterns:
        lines += path_lists().get(pattern, (pattern,))
    if not lines:
        return None
    return lru_cache(2**16)(GitIgnoreSpec.from_lines(lines).match_file)


def exclude_files(
    entries: tuple[TreeEntry, ...], is_excluded: Callable[[str], bool] | None
) -> tuple[TreeEntry, ...]:
    """Return the entries that are not excluded; of a rename one side may be."""
    if is_excluded is None:
        return entries
    return tuple(each for each in entries if not is_excluded(decode(each.path)))
