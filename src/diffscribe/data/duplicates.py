"""When two diffs say the same."""

import hashlib
import re

_CHANGED_LINE = re.compile(r"\n([-+].*)")


def diff_digest(diff: str) -> str:
    """Return the sha256 of a diff's added and removed lines, in hex.

    White space, paths, context and line numbers do not count, so that a copy
    of a file or of a whole repository is found; a diff without such lines
    (renames, modes, binary files) counts whole. Diffs of equal `git patch-id`
    have equal digests.
    """
    text = "".join("".join(changed_lines(diff)).split()) or diff
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def changed_lines(diff: str) -> list[str]:
    """Return the added and removed lines of a git diff, with their sign."""
    return _CHANGED_LINE.findall(hunks(diff))


def hunks(diff: str) -> str:
    """Return the hunks of all files of a git diff, with a line feed before each.

    Only headers of files lie between `diff --git` and the first `@@`, and no
    line of content begins with either.
    """
    sections = f"\n{diff}".split("\ndiff --git ")[1:]
    starts = (section.find("\n@@ ") for section in sections)
    return "".join(
        section[start:]
        for section, start in zip(sections, starts, strict=True)
        if start >= 0
    )
