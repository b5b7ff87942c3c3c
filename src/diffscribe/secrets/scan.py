"""Find every secret of a text in one pass and a few looks.

One automaton of all formats tells which of them occur, at hundreds of MB/s; only
those are then searched. RE2 is linear in the text whatever it holds, so a hostile
line costs as much as any other of its length.
"""

from functools import cache
from typing import Any, NamedTuple

from diffscribe.secrets.assignments import ASSIGNMENT_FORMATS
from diffscribe.secrets.contexts import CONTEXT_FORMATS
from diffscribe.secrets.formats import VENDOR_FORMATS, TokenFormat
from diffscribe.secrets.linear import any_of, compiled
from diffscribe.secrets.personal import PERSONAL_FORMATS

FORMATS: tuple[TokenFormat, ...] = (
    *VENDOR_FORMATS,
    *CONTEXT_FORMATS,
    *ASSIGNMENT_FORMATS,
    *PERSONAL_FORMATS,
)
"""Ordered: what two formats claim is named after the first."""


class Scanner(NamedTuple):
    """All formats, compiled."""

    occurring: Any
    """Gives the indices of the patterns that occur in a text, or None."""
    patterns: tuple[Any, ...]


def find_secrets(text: bytes) -> dict[bytes, TokenFormat]:
    """Return the distinct secrets of a text, each with its format."""
    scanner = _scanner()
    found: dict[bytes, TokenFormat] = {}
    for index in sorted(scanner.occurring.Match(text) or ()):
        kind = FORMATS[index]
        for match in scanner.patterns[index].finditer(text):
            value = next((each for each in match.groups() if each), match[0])
            if value not in found and kind.is_real(value.decode("latin-1")):
                found[value] = kind
    return found


@cache
def _scanner() -> Scanner:
    patterns = [each.pattern.encode() for each in FORMATS]
    return Scanner(any_of(patterns), tuple(map(compiled, patterns)))
