"""Private keys, which span lines: in PEM, OpenSSH, PGP and PuTTY's format."""

import base64
import re
from functools import cache
from typing import Any, NamedTuple

from diffscribe.secrets.linear import compiled

PRIVATE_KEY = "private_key"
MIN_KEY_CHARS = 40
"""Of base64; an Ed25519 key has 64, an example's filler seldom as many."""
MIN_KEY_SHARE = 0.4
"""Of the text between the marks, that is base64."""


class Span(NamedTuple):
    """Where the body of a key lies, between its marks."""

    start: int
    end: int


_MARKS = (
    *(b"PRIVATE KEY", b"Private-Lines:", b"LS0tLS1CRUdJTi"),
    *(b"IBAAK", b"IBADANBgkq", b"GByqGSM49", b"CAQAwBQYDK2Vw", b"b3BlbnNzaC1rZXkt"),
)
"""One of them is in every key: marks, and how keys begin in base64."""
_RUN = "[0-9A-Za-z/+=]"
_BREAK = r"[\s\"'\x60,;+\\.|#*>]"
"""What code, YAML and JSON put between the lines of a key."""
_HEADER_LINE = r"(?:Proc-Type|DEK-Info|Version|Comment|Hash|Charset|X-[\w-]+):[^\n\\]*"
_START = (
    "(?:MII[A-Z][0-9A-Za-z+/]{2}IBA(?:AK[BC]|DANBgkqhkiG9w0BAQEFAASC)"
    "|MIG[0-9A-Za-z]AgEAMB[A-Z]GByqGSM49|MC4CAQAwBQYDK2VwBCIEI|b3BlbnNzaC1rZXktdjEA)"
)
"""RSA of PKCS #1 and 8, EC and Ed25519 of PKCS #8, OpenSSH: keys without marks."""
_KIND = r"(?:[0-9A-Z]+ )*PRIVATE KEY(?: BLOCK)?"
_PATTERNS = (
    rf"-----BEGIN {_KIND}-----((?:{_BREAK}|{_HEADER_LINE}|{_RUN})*)",
    rf"((?:{_RUN}{{16,}}{_BREAK}*)+(?:{_RUN}+{_BREAK}*)?)-----END {_KIND}",
    rf"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----((?:{_BREAK}|{_HEADER_LINE}|{_RUN})*)",
    rf"Private-Lines: [0-9]+((?:{_BREAK}|{_RUN})*)",
    rf"({_START}{_RUN}*{_BREAK}*(?:{_RUN}{{16,}}{_BREAK}*)*)",
    rf"(LS0tLS1CRUdJTi{_RUN}{{60,}})",
)
_LONG_RUN = re.compile(rb"[0-9A-Za-z/+]{16,}={0,2}")


def find_private_keys(text: bytes) -> list[Span]:
    """Return the bodies of private keys, in order, none over another.

    A mark without a key below it, as in code that reads keys, is none.
    """
    if not any(mark in text for mark in _MARKS):
        return []
    spans = sorted(
        Span(*match.span(1))
        for pattern in _patterns()
        for match in pattern.finditer(text)
        if _is_key(match[1])
    )
    apart: list[Span] = []
    for span in spans:
        if not apart or span.start >= apart[-1].end:
            apart.append(span)
        elif span.end > apart[-1].end:
            apart[-1] = Span(apart[-1].start, span.end)
    return apart


def _is_key(body: bytes) -> bool:
    if body.startswith(b"LS0t"):
        return b"PRIVATE KEY" in base64.b64decode(body[:64])
    chars = sum(len(run) for run in _LONG_RUN.findall(body))
    return chars >= max(MIN_KEY_CHARS, MIN_KEY_SHARE * len(body.strip()))


@cache
def _patterns() -> tuple[Any, ...]:
    return tuple(compiled(each.encode()) for each in _PATTERNS)
