"""Decode what git prints, so that no byte is lost and every text can be written."""

import re

ESCAPE = 0x10FF00 - 0xDC00
"""From the lone surrogates of PEP 383, which JSON refuses, to private use."""

TO_PRIVATE = {surrogate: surrogate + ESCAPE for surrogate in range(0xDC80, 0xDD00)}
TO_SURROGATE = {private: surrogate for surrogate, private in TO_PRIVATE.items()}
# A search is far quicker than to translate all that there is beside such runs.
SURROGATES = re.compile("[\udc80-\udcff]+")
PRIVATES = re.compile("[\U0010ff80-\U0010ffff]+")


def decode(content: bytes) -> str:
    """Return the text; a byte that is no UTF-8 becomes U+10FF00 plus the byte."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        text = content.decode("utf-8", "surrogateescape")
        return SURROGATES.sub(lambda run: run[0].translate(TO_PRIVATE), text)


def encode(text: str) -> bytes:
    """Return the bytes that were decoded."""
    escaped = PRIVATES.sub(lambda run: run[0].translate(TO_SURROGATE), text)
    return escaped.encode("utf-8", "surrogateescape")


def is_utf8(content: bytes) -> bool:
    """Tell whether the bytes are text as they are."""
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
