"""Tell a secret from an example, a variable and a word."""

import math
import re
from collections import Counter

import re2

MIN_TOKEN_CHARS = 16
MIN_PASSWORD_CHARS = 8
MIN_TOKEN_ENTROPY = 3.0
MIN_VENDOR_ENTROPY = 2.5
"""In bits a character; 32 random hex digits have 3.6, `x` repeated 0."""
MIN_CHANGES = 0.2
"""A character, between small letters, capitals and digits; English has few."""

_DUMMY = re2.compile(
    r"(?i)example|\byour|[_-]your|your[_-]|change.?me|replace|placeholder|dummy|redact|sample|insert"
    r"|x{5}|\*{4}|\.{3}|0{8}|1234567|abcdefg|deadbeef"
)
_FIXTURE = re2.compile(
    r"(?i)test|fake|mock|demo|secret|passw|token|default|invalid|wrong|user|admin1?$"
    r"|^foo|^bar|lorem|sesame|qwerty|asdf|hello|undefined|null\b|string|value"
)
_TEMPLATE = re2.compile(r"^[$@%]|\$\{|\$\(|#\{|\{\{|%[(sd{]|[<>]|^\{|\}$|\)s$")
_CODE = re2.compile(
    r"[A-Za-z_]\w*\([^)]*\)|\w\[[^\]]*\]|->|::|[\"'`]|&&|\|\||Hmac|SHA256|SHA512"
)
_WORD = r"(?:[A-Z]?[a-z]{2,}|[A-Z]{2,}|[a-z])"
_WORDS = re2.compile(
    rf"[^A-Za-z0-9]*(?:{_WORD}+\d{{0,2}}(?:[^A-Za-z0-9]+|$)|\d+[^A-Za-z0-9]+)*\d*"
)
_PLACE = re2.compile(
    r"://|^//|^[.~]{1,2}/|^/[a-z][a-z0-9._-]*(?:/|$)|^[A-Za-z]:\\\\|^0x[0-9A-Fa-f]{1,30}$"
)
_ONE_CASE = re.compile(r"(?:[0-9a-z]{32,}|[0-9A-Z]{32,})={0,6}")
_CHANGE = re.compile(r"(?=[a-z][A-Z0-9]|[A-Z][0-9]|[0-9][A-Za-z])")


def entropy(text: str) -> float:
    """Return Shannon's entropy in bits a character; 0 for empty text."""
    total = len(text)
    return -sum(n / total * math.log2(n / total) for n in Counter(text).values())


def is_filled_in(value: str) -> bool:
    """Tell a token of a vendor from the example in its documentation."""
    return entropy(value) >= MIN_VENDOR_ENTROPY and not _DUMMY.search(value)


def is_random(value: str) -> bool:
    """Tell what a generator drew from names, paths, code and prose."""
    return bool(
        len(value) >= MIN_TOKEN_CHARS
        and entropy(value) >= MIN_TOKEN_ENTROPY
        and any(char.isdigit() for char in value)
        and (_changes(value) >= MIN_CHANGES or _ONE_CASE.fullmatch(value))
        and not (_DUMMY.search(value) or _TEMPLATE.search(value))
        and not (_CODE.search(value) or _PLACE.search(value))
    )


def _changes(value: str) -> float:
    return len(_CHANGE.findall(value)) / len(value)


def is_password(value: str) -> bool:
    """Tell a password from a word, a variable, a path and a test's dummy.

    It has a digit inside or three at the end; words alone are not told from prose.
    """
    return (
        len(value) >= MIN_PASSWORD_CHARS
        and any(char.isdigit() for char in value)
        and any(char.isalpha() for char in value)
        and not _DUMMY.search(value)
        and not (_TEMPLATE.search(value) or _FIXTURE.search(value))
        and not (_CODE.search(value) or _PLACE.search(value))
        and not _WORDS.fullmatch(value)
    )


def is_login_password(value: str) -> bool:
    """Tell the password of a URL or a login from the words that examples have there.

    The place says that it is one, so words count too, unless they are small letters
    only: `postgres:postgres` is the default of a test's database.
    """
    return is_password(value) or (
        len(value) >= MIN_PASSWORD_CHARS
        and not value.islower()
        and entropy(value) >= MIN_VENDOR_ENTROPY
        and not (_DUMMY.search(value) or _FIXTURE.search(value))
        and not _TEMPLATE.search(value)
    )
