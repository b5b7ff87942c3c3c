"""Whether a whole message keeps to Conventional Commits 1.0.0, to the letter.

`conventional.py` reads what people write; this judges it. Where the
specification leaves something open, such as which nouns are types, it is open
here: the house decides that (`house.py`).
"""

import re
from enum import StrEnum
from functools import lru_cache

_HEADER = re.compile(
    r"[A-Za-z][\w-]*"  # 1, 14, 15: a noun, any, in any case
    r"(?:\((?=[^\s()])[^()\r\n]*(?<=[^\s(])\))?"  # 4: a scope in parentheses
    r"!?: "  # 1, 13: `!` right before the colon, which a space follows
    r"\S[^\r\n]*"  # 5: the description, immediately
)
_MEANT = re.compile(r"breaking[ -]change(?=:| #)", re.IGNORECASE)
_BREAKING = re.compile(r"BREAKING[ -]CHANGE: \S")
_FOOTER = re.compile(r"(?:BREAKING CHANGE: |[A-Za-z][\w-]*(?:: | #))\S")


class Violation(StrEnum):
    """What a message breaks first, in the order of the checks."""

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

    Line feeds at the end are git's. A footer in another form than the
    specification's is prose of the body, which is free; only a line that
    begins with BREAKING CHANGE and a separator is surely meant as a footer.
    """
    header, *rest = message.rstrip("\n").split("\n")
    if not _HEADER.fullmatch(header):
        return Violation.HEADER
    if rest and (rest[0] != "" or rest[1:2] == [""]):
        return Violation.NO_BLANK_LINE
    block = 0
    for number, line in enumerate(rest):
        if line == "":
            block = number + 1
        elif _MEANT.match(line) and not (
            # In form, and in a block of footers.
            _BREAKING.match(line) and _FOOTER.match(rest[block])
        ):
            return Violation.BREAKING_FOOTER
    return None
