"""The grammar of Conventional Commits 1.0.0: headers, bodies, footers."""

import re
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple, get_args

from diffscribe.core.records import CommitType, PlannedCommit

TYPES: tuple[str, ...] = get_args(CommitType)
"""The types a plan may use."""

_HEADER = re.compile(
    r"(?P<type>[A-Za-z][\w-]*)"
    r"(?:\((?P<scope>(?=[^()\r\n]*[^()\s])[^()\r\n]*)\))?"
    r"(?P<breaking>!)?: [ ]*(?P<subject>\S[^\r\n]*)"
)
REFERENCE = (
    r"(?:(?:[\w.-]{1,100}/[\w.-]{1,100})?#\d+|GH-\d+|\b[A-Z][A-Z0-9]+-\d+\b"
    r"|https?://\S+)"
)
"""What names an issue: `#12`, `owner/name#12`, `GH-12`, `ABC-123`, a URL."""
CLOSING = r"(?:fix(?:es|ed)?|close[sd]?|resolve[sd]?)"
"""The words that close an issue when they stand before its reference."""
_FOOTER = re.compile(
    r"(?P<token>BREAKING[ -]CHANGE|Diffscribe|[A-Za-z]+(?:-[A-Za-z]+)+)"
    r"(?:: | #|:$)(?P<value>.*)"
    rf"|(?P<verb>(?i:{CLOSING}|refs?|see|issues?|bug|link|pr))(?:: ?| )"
    rf"(?P<reference>{REFERENCE}.*)"
)
_SPECIAL_LINE = re.compile(r"\s*(?:[-*•+]\s|\(cherry picked from )")
_BREAKING = re.compile(r"BREAKING[ -]CHANGE")
_NOTE = re.compile(rf"{_BREAKING.pattern}: ?")


class Header(NamedTuple):
    """`type(scope)!: subject`, taken apart."""

    type: str
    scope: str | None
    breaking: bool
    subject: str


class Footer(NamedTuple):
    """`token: value` at the end of a message; the value may have more lines."""

    token: str
    value: str


class ParsedMessage(NamedTuple):
    """A commit message, taken apart; the parts may be empty."""

    header: str
    body: str
    footers: tuple[Footer, ...]

    @property
    def breaking_notes(self) -> tuple[str, ...]:
        """Return what the BREAKING CHANGE footers say."""
        return tuple(f.value for f in self.footers if _BREAKING.fullmatch(f.token))


def split_header(text: str) -> Header | None:
    """Take a header apart, or return None if it has another form; any noun is a type.

    More than one space after the colon and spaces around the scope are left out.
    """
    match = _HEADER.fullmatch(text)
    if match is None:
        return None
    scope = match["scope"].strip() if match["scope"] else None
    return Header(match["type"], scope, bool(match["breaking"]), match["subject"])


def parse_header(text: str) -> Header | None:
    """Take a header with one of TYPES apart, or return None if it is none.

    The type may be in any case and comes back in lower case.
    """
    header = split_header(text.strip())
    if header is None or header.type.lower() not in TYPES:
        return None
    return header._replace(type=header.type.lower())


def format_header(commit: PlannedCommit | Header) -> str:
    """Return `type(scope)!: subject`; of a commit without a type the subject."""
    if not commit.type:
        return commit.subject
    scope = f"({commit.scope})" if commit.scope else ""
    return f"{commit.type}{scope}{'!' if commit.breaking else ''}: {commit.subject}"


def format_message(commit: PlannedCommit) -> str:
    """Return header and body as git takes them."""
    return f"{format_header(commit)}\n\n{commit.body}".strip()


def split_message(message: str) -> ParsedMessage:
    """Take a whole commit message apart.

    The header is the first paragraph on one line, as in git's `%s`, but ends
    before a list or a footer that follows without a blank line. Paragraphs below a
    BREAKING CHANGE belong to it, as do the lines of a footer that wraps.
    """
    lines = message.replace("\r\n", "\n").strip().split("\n")
    end = 1
    while end < len(lines) and lines[end].strip():
        if _SPECIAL_LINE.match(lines[end]) or _FOOTER.match(lines[end]):
            break
        end += 1
    header = " ".join(" ".join(lines[:end]).split())
    paragraphs = re.split(r"\n\s*\n", "\n".join(lines[end:]).strip())
    first = len(paragraphs)
    while first > 0 and _is_footer_block(paragraphs[first - 1]):
        first -= 1
    notes = (at for at, each in enumerate(paragraphs) if _NOTE.match(each))
    first = min(first, next(notes, first))
    footers = tuple(_footers("\n".join(paragraphs[first:])))
    return ParsedMessage(header, "\n\n".join(paragraphs[:first]).strip(), footers)


def _is_footer_block(paragraph: str) -> bool:
    """Tell footers from prose: a BREAKING CHANGE may wrap, others may not."""
    if _BREAKING.match(paragraph):
        return _FOOTER.match(paragraph.partition("\n")[0]) is not None
    return all(
        _FOOTER.match(line) or line.startswith((" ", "\t", "(cherry picked from "))
        for line in paragraph.split("\n")
    )


def _footers(block: str) -> list[Footer]:
    """Collect the footers of a block; other lines continue the one above."""
    footers: list[Footer] = []
    for line in block.split("\n"):
        match = _FOOTER.match(line)
        if match:
            token = match["token"] or match["verb"]
            value = match["value"] or match["reference"] or ""
            footers.append(Footer(token, value.strip()))
        elif footers and not line.startswith("(cherry picked from "):
            token, value = footers[-1]
            footers[-1] = Footer(token, f"{value}\n{line.strip()}".strip())
    return footers


_MEANT = re.compile(r"breaking[ -]change(?=:| #)", re.IGNORECASE)
_BREAKING_FOOTER = re.compile(r"BREAKING[ -]CHANGE: \S")
_STRICT_FOOTER = re.compile(r"(?:BREAKING CHANGE|[A-Za-z][\w-]*)(?:: | #)\S")


class Violation(StrEnum):
    """The first rule of Conventional Commits that a message breaks."""

    HEADER = "header"
    """No `type(scope)!: description`; rules 1, 4, 5 and 13."""
    NO_BLANK_LINE = "no_blank_line"
    """The body does not begin one blank line after the description; rule 6."""
    BREAKING_FOOTER = "breaking_footer"
    """Not `BREAKING CHANGE: ` (or with `-`) in capitals with a description, or not
    among the footers after a blank line; rules 8, 12, 15 and 16."""


@lru_cache(maxsize=64)
def violation(message: str) -> Violation | None:
    """Return the first rule that a message breaks, or None.

    Line feeds at the end do not count, since git adds them. A footer in another form
    than the specification's counts as prose of the body, which is free; only a line
    that begins with BREAKING CHANGE and a separator is surely meant as a footer.
    """
    header, *rest = message.rstrip("\n").split("\n")
    parts = split_header(header)
    if parts is None or format_header(parts) != header:
        return Violation.HEADER
    if rest and (rest[0] != "" or rest[1:2] == [""]):
        return Violation.NO_BLANK_LINE
    block = 0
    for number, line in enumerate(rest):
        if line == "":
            block = number + 1
        elif _MEANT.match(line) and not (
            # A footer needs its form, and only footers above it in its block.
            _BREAKING_FOOTER.match(line) and _STRICT_FOOTER.match(rest[block])
        ):
            return Violation.BREAKING_FOOTER
    return None
