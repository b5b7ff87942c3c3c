"""The diff of a row that others wrote, and the files in it."""

import re

from diffscribe.commits.diff import parse_diff
from diffscribe.core.errors import RecordError

_PATCH = re.compile(r"^diff --git ", re.M)
_STAT = re.compile(r"^ (?P<name>\S.*?) +\| +(?:\d+ ?[+-]*|Bin .*)$", re.M)
_BLANK_ENDS = ("", "\n", "\n \n", "\n \n \n", "\n \n \n \n")
"""What a diff may have lost at its end to a program that strips texts."""


def patch_text(text: str) -> str:
    """Return a diff from its first file on, whole again at its end.

    Above it `git show --stat` has a list of files. A text without any patch, as of
    a merge, is returned as it is.

    Raises:
        RecordError: naming the line of the diff, if it is broken.
    """
    found = _PATCH.search(text)
    if found is None:
        return text
    patch = text[found.start() :]
    for end in _BLANK_ENDS:
        try:
            parse_diff(patch + end)
        except RecordError:
            continue
        return patch + end
    parse_diff(patch)
    raise AssertionError("unreachable: one of the two raises")


def paths_in(text: str) -> tuple[str, ...]:
    """Return the sorted new paths of a patch, or the names of a `--stat` list.

    Such a list may cut a name short; then it is returned as it stands there.
    """
    if _PATCH.match(text):
        return tuple(sorted({patch.path for patch in parse_diff(text)}))
    return tuple(sorted({match["name"] for match in _STAT.finditer(text)}))
