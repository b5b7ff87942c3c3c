"""Decode what git prints, so that no byte is lost and every text can be written."""

ESCAPE = 0x10FF00 - 0xDC00
"""From the lone surrogates of PEP 383, which JSON refuses, to private use."""

TO_PRIVATE = {surrogate: surrogate + ESCAPE for surrogate in range(0xDC80, 0xDD00)}
TO_SURROGATE = {private: surrogate for surrogate, private in TO_PRIVATE.items()}


def decode(content: bytes) -> str:
    """Return the text; a byte that is no UTF-8 becomes U+10FF00 plus the byte."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("utf-8", "surrogateescape").translate(TO_PRIVATE)


def encode(text: str) -> bytes:
    """Return the bytes that were decoded."""
    return text.translate(TO_SURROGATE).encode("utf-8", "surrogateescape")


def is_utf8(content: bytes) -> bool:
    """Tell whether the bytes are text as they are."""
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
