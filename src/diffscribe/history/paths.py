"""Tell paths that no work tree should have, as git itself refuses to write them.

A plan that names one, or a model that learnt to, would reach out of the
repository, or into `.git`.
"""

import re
from functools import lru_cache

IGNORED_BY_HFS = rb"(?:\xe2\x80[\x8c-\x8f\xaa-\xae]|\xe2\x81[\xaa-\xaf]|\xef\xbb\xbf)*"
"""Letters that macOS leaves out when it compares names."""
DOT_GIT = IGNORED_BY_HFS + IGNORED_BY_HFS.join((rb"\.", b"g", b"i", b"t", b""))
UNSAFE = re.compile(
    # Windows takes git~1 for .git, and drops what follows dots, spaces or a colon.
    rb"(?:^|[/\\])(?:\.\.?|(?:" + DOT_GIT + rb"|git~1)[ .]*(?::[^/\\]*)?)(?:[/\\]|$)"
    rb"|^/|//|/$|^$",
    re.IGNORECASE,
)


@lru_cache(maxsize=2**14)
def is_unsafe(path: bytes) -> bool:
    """Tell whether a path is absolute, leaves its folder, or is one of git's own."""
    return UNSAFE.search(path) is not None
