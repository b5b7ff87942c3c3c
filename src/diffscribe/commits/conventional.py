"""The grammar of Conventional Commits 1.0.0: headers, bodies, footers."""

import re
from typing import NamedTuple

from diffscribe.records import PlannedCommit

TYPES = (
    "feat",
    "fix",
    "docs",
    "style",
    "refactor",
    "perf",
    "test",
    "build",
    "ci",
    "chore",
    "revert",
)
"""The types a plan may use: those of the specification and of Angular."""

_HEADER = re.compile(
    r"(?P<type>[A-Za-z]+)"
    r"(?:\((?P<scope>(?=[^()\r\n]*[^()\s])[^()\r\n]*)\))?"
    r"(?P<breaking>!)?: [ ]*(?P<subject>\S[^\r\n]*)"
)
REFERENCE = r"(?:(?:[\w.-]+/[\w.-]+)?#\d+|GH-\d+|\b[A-Z][A-Z0-9]+-\d+\b|https?://\S+)"
"""What names an issue: `#12`, `owner/name#12`, `GH-12`, `ABC-123`, a URL."""
CLOSING = r"(?:fix(?:es|ed)?|close[sd]?|resolve[sd]?)"
"""The words that close an issue when they stand before its reference."""
_FOOTER = re.compile(
    r"(?P<token>BREAKING[ -]CHANGE|[A-Za-z]+(?:-[A-Za-z]+)+)(?:: | #|:$)(?P<value>.*)"
    rf"|(?P<verb>(?i:{CLOSING}|refs?|see|issues?|bug|link|pr))(?:: ?| )"
    rf"(?P<reference>{REFERENCE}.*)"
)
_SPECIAL_LINE = re.compile(r"\s*(?:[-*•+]\s|\(cherry picked from )")
_BREAKING = ("BREAKING CHANGE", "BREAKING-CHANGE")


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


class Message(NamedTuple):
    """A commit message, taken apart; the parts may be empty."""

    header: str
    body: str
    footers: tuple[Footer, ...]

    @property
    def breaking_notes(self) -> tuple[str, ...]:
        """Return what the BREAKING CHANGE footers say."""
        return tuple(f.value for f in self.footers if f.token in _BREAKING)


def parse_header(text: str) -> Header | None:
    """Take a conventional header apart, or return None if it is none.

    The type may be in any case and comes back in lower case; a type outside
    TYPES is not conventional here.
    """
    match = _HEADER.fullmatch(text.strip())
    if match is None or match["type"].lower() not in TYPES:
        return None
    scope = match["scope"].strip() if match["scope"] else None
    return Header(
        match["type"].lower(), scope, bool(match["breaking"]), match["subject"]
    )


def format_header(commit: PlannedCommit | Header) -> str:
    """Return `type(scope)!: subject`."""
    scope = f"({commit.scope})" if commit.scope else ""
    return f"{commit.type}{scope}{'!' if commit.breaking else ''}: {commit.subject}"


def split_message(message: str) -> Message:
    """Take a whole commit message apart.

    The header is the first paragraph on one line, as in git's `%s`, but ends
    before a list or a footer that follows without a blank line.
    """
    lines = message.replace("\r\n", "\n").strip().split("\n")
    end = 1
    while end < len(lines) and lines[end].strip() and not _starts_anew(lines[end]):
        end += 1
    header = " ".join(" ".join(lines[:end]).split())
    paragraphs = re.split(r"\n\s*\n", "\n".join(lines[end:]).strip())
    first = len(paragraphs)
    while first > 0 and _is_footer_block(paragraphs[first - 1]):
        first -= 1
    footers = tuple(f for each in paragraphs[first:] for f in _footers(each))
    return Message(header, "\n\n".join(paragraphs[:first]).strip(), footers)


def _starts_anew(line: str) -> bool:
    return bool(_SPECIAL_LINE.match(line) or _FOOTER.match(line))


def _is_footer_block(paragraph: str) -> bool:
    """Tell footers from prose: a BREAKING CHANGE may wrap, others may not."""
    if paragraph.startswith(_BREAKING):
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
