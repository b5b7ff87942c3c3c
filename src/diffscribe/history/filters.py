"""Name what makes a commit unfit, from what is known before any diff."""

import re
from datetime import date
from enum import StrEnum

from diffscribe.commits.conventional import parse_header
from diffscribe.params import SourceSettings

FIXUP = re.compile(r"(?:fixup|squash|amend)! ")
UNFINISHED = re.compile(r"\W*(?:wip|work in progress)\b", re.IGNORECASE)
REVERT = re.compile(
    r'(?:Revert|Reapply) "|.*^This reverts commit [0-9a-f]{7,40}', re.M | re.S
)


class CommitReason(StrEnum):
    """Why a commit is in no change; also its key in metrics/harvest.json."""

    SHALLOW_BOUNDARY = "shallow_boundary"
    ROOT = "root"
    MESSAGE_TOO_LONG = "message_too_long"
    NOT_UTF8 = "not_utf8"
    BAD_DATE = "bad_date"
    MERGE = "merge"
    BEFORE_SINCE = "before_since"
    AFTER_UNTIL = "after_until"
    OTHER_AUTHOR = "other_author"
    BOT = "bot"
    EMPTY = "empty"
    NO_MESSAGE = "no_message"
    FIXUP = "fixup"
    UNFINISHED = "unfinished"
    REVERT = "revert"
    TOO_MANY_FILES = "too_many_files"
    UNSAFE_PATH = "unsafe_path"
    EXCLUDED_PATHS = "excluded_paths"


def unwanted_author(
    author: str, settings: SourceSettings, bot_authors: tuple[str, ...]
) -> CommitReason | None:
    """Return why `name <e-mail>` is not read, in any case of its letters."""
    folded = author.casefold()
    if settings.authors and not _holds(folded, settings.authors):
        return CommitReason.OTHER_AUTHOR
    return CommitReason.BOT if _holds(folded, bot_authors) else None


def unwanted_day(day: date, settings: SourceSettings) -> CommitReason | None:
    """Return why a day is out of the span; both of its ends are in it."""
    if settings.since is not None and day < settings.since:
        return CommitReason.BEFORE_SINCE
    if settings.until is not None and day > settings.until:
        return CommitReason.AFTER_UNTIL
    return None


def unwanted_message(message: str) -> CommitReason | None:
    """Return why a message teaches nothing about its diff.

    A revert says so in git's own words, or has the conventional type.
    """
    if not message:
        return CommitReason.NO_MESSAGE
    if FIXUP.match(message):
        return CommitReason.FIXUP
    if UNFINISHED.match(message):
        return CommitReason.UNFINISHED
    header = parse_header(message.split("\n", 1)[0])
    if REVERT.match(message) or (header is not None and header.type == "revert"):
        return CommitReason.REVERT
    return None


def _holds(text: str, parts: tuple[str, ...]) -> bool:
    return any(part.casefold() in text for part in parts)
