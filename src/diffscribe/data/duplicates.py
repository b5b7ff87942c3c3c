"""When two diffs say the same."""

import hashlib

from diffscribe.diffs.parse import parse_diff


def diff_digest(diff: str) -> str:
    """Return the sha256 of a diff's added and removed lines, in hex.

    Paths, context and line numbers do not count, so that a copy of a file or
    of a whole repository is found; a diff without such lines (renames, modes,
    binary files) counts whole.
    """
    lines = [
        line
        for patch in parse_diff(diff)
        for hunk in patch.hunks
        for line in hunk.lines
        if line.startswith(("+", "-"))
    ]
    return hashlib.sha256(("".join(lines) or diff).encode()).hexdigest()
