"""Whether a file holds what it must not: searched in its bytes, whatever it is."""

import re
from collections.abc import Collection, Set
from pathlib import Path

_DIGEST = re.compile(rb"(?=([0-9a-f]{64}))")
"""At every place: in a database other digits may stand right before it."""
_BLOCK_BYTES = 2**24


def holds(path: Path, words: Collection[bytes], digests: Set[bytes]) -> bool:
    """Return whether a file has one of these words, or a digest written in hex.

    It is read block by block, with an overlap as long as what is sought.
    """
    overlap = max(64, *map(len, words)) - 1
    before = b""
    with path.open("rb") as content:
        while block := content.read(_BLOCK_BYTES):
            text = before + block
            if any(word in text for word in words):
                return True
            if any(found[1] in digests for found in _DIGEST.finditer(text)):
                return True
            before = text[-overlap:]
    return False
