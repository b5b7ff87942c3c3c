"""Collect the patterns of all .gitignore files of a tree."""

import re
from collections.abc import Callable
from functools import cache
from typing import Any

REGULAR_FILE_MODES = (0o100644, 0o100664, 0o100755)


def ignore_reader(read: Callable[[Any], Any]) -> Callable[[Any], tuple[str, ...]]:
    """Return a function from a tree's sha to its patterns.

    Patterns are relative to that tree, in git's order: a later one wins over
    an earlier one. Every tree is read once, however many commits share it.
    """

    @cache
    def patterns(tree: Any) -> tuple[str, ...]:
        own: list[str] = []
        below: list[str] = []
        for entry in read(tree):
            name = entry.raw_name
            if name == b".gitignore" and entry.filemode in REGULAR_FILE_MODES:
                own = parse_patterns(read(entry.id).data)
            elif entry.type_str == "tree":
                folder = name.decode("utf-8", "replace")
                below += [anchor(each, folder) for each in patterns(entry.id)]
        return (*own, *below)

    return patterns


def parse_patterns(content: bytes) -> list[str]:
    """Return the patterns of a .gitignore file without comments and blanks."""
    lines = content.decode("utf-8-sig", "replace").split("\n")
    stripped = [_strip(line.removesuffix("\r")) for line in lines]
    return [line for line in stripped if line and not line.startswith("#")]


def anchor(pattern: str, folder: str) -> str:
    """Return a pattern of a folder's .gitignore as its parent would say it.

    Source: gitignore(5): a slash at the start or in the middle ties a pattern
    to the folder of its file, without one it holds at any depth below.
    """
    negation = "!" if pattern.startswith("!") else ""
    bare = pattern.removeprefix("!")
    depth = "" if "/" in bare.rstrip("/") else "**/"
    literal = re.sub(r"([*?\[\\])", r"\\\1", folder)
    return f"{negation}/{literal}/{depth}{bare.removeprefix('/')}"


def _strip(line: str) -> str:
    """Cut trailing spaces unless a backslash keeps the first of them."""
    kept = line.rstrip(" ")
    backslashes = len(kept) - len(kept.rstrip("\\"))
    return kept + " " if backslashes % 2 and len(kept) < len(line) else kept
