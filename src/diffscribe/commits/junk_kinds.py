"""The kinds of junk that lie about in real working trees: junk_kinds.toml."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cache
from typing import Any, NamedTuple

from diffscribe.commits.gitignore import ignored, matching
from diffscribe.core.files import read_table

_SPECIAL = re.compile(r"[\\*?\[ ]")
"""What a pattern of .gitignore takes literally only behind a backslash."""
_SYMBOL = re.compile(r"\$(?:\w+|\{(?P<special>[^}]*)\})")
_MOST_CHARS = 300
"""A longer path is matched by its end alone."""


class JunkKind(NamedTuple):
    """A kind of junk, told by a real file of the change that brings it about.

    junk_kinds.toml says what `$name`, `$folder` and others in paths stand for.
    """

    paths: tuple[str, ...]
    patterns: tuple[str, ...]
    """The usual first; the next ones for other paths of the kind, and for a change of
    which the first would hide a file. Without any, the path itself is the pattern."""
    weight: int
    """How often the kind is drawn, relative to others."""
    text: str | None = None
    """The name of what it holds in split/junk_texts.toml; None for a binary file."""
    suffixes: tuple[str, ...] = ()
    """Suffixes of the real files that bring such junk about; empty for any file."""
    near: tuple[str, ...] = ()
    """Patterns, one of which matches a file of the repository; empty for any."""
    is_secret: bool = False
    """Such a file is also flagged."""
    held_out: bool = False
    """No training row has such a file, so a test shows what carries over."""
    since: int = 0
    """The year after that of the first tool that leaves it; 0 for any."""


@cache
def junk_kinds() -> tuple[JunkKind, ...]:
    """Return all kinds in the order of the table."""
    return tuple(
        JunkKind(**kind_fields({**group, **kind}))
        for group in _table()["groups"]
        for kind in group["kinds"]
    )


def kind_fields(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a table's entry, with what `by` and `near` name there."""
    fields = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in entry.items()
        if name not in ("by", "kinds")
    }
    for name, list_ in (("suffixes", entry.get("by")), ("near", entry.get("near"))):
        if list_ is not None:
            fields[name] = tuple(_table()[name][list_])
    return fields


def _table() -> dict[str, Any]:
    return read_table("commits", "junk_kinds.toml")


def junk_patterns(junk: Iterable[str], committed: Collection[str]) -> tuple[str, ...]:
    """Return the sorted patterns for .gitignore that leave the junk files out.

    For each file it is the first pattern of the table that matches it and no file that
    is committed, else the path itself, anchored and escaped.
    """

    def hides(pattern: str) -> bool:
        return bool(ignored([pattern], committed))

    return tuple(sorted({pattern_for(path, hides) for path in junk}))


def pattern_for(path: str, hides: Callable[[str], bool]) -> str:
    """Return the pattern for one junk file; `hides` tells those that may not be."""
    usual = (each for each in matching(usual_patterns(), path) if not hides(each))
    return next(usual, "/" + _SPECIAL.sub(r"\\\g<0>", path))


@cache
def usual_patterns() -> tuple[str, ...]:
    """Return the patterns of all kinds, each once, in the order of the table."""
    return tuple(
        dict.fromkeys(pattern for kind in junk_kinds() for pattern in kind.patterns)
    )


_FILLED_BY_TOOLS = frozenset({"node_modules/", ".venv/", "/venv/"})
"""Folders full of code of others, of which the table names no such file."""
_NAMES_CODE = re.compile(r"\$(?:name|ext|module_path)\b|\$\{(?:name|ext|module_path)\}")


def is_code(path: str) -> bool:
    """Tell whether a file is source code by its suffix, which junk seldom is."""
    return path.endswith(tuple(_table()["suffixes"]["code"]))


@cache
def may_match_code(pattern: str) -> bool:
    """Tell whether source code can be junk by a pattern: a kind of it has such a path.

    The folder `logs/` of a server holds text; one that holds code is a package.
    """
    return pattern in _FILLED_BY_TOOLS or any(
        is_code(path) or _NAMES_CODE.search(path) is not None
        for kind in junk_kinds()
        if pattern in kind.patterns
        for path in kind.paths
    )


def is_held_out(path: str) -> bool:
    """Tell whether a junk file is of a kind that no training row has."""
    return _held_out().fullmatch(path[-_MOST_CHARS:]) is not None


@cache
def _held_out() -> re.Pattern[str]:
    """Return an expression for all that templates of paths may become."""
    rules = []
    for path in (path for kind in junk_kinds() if kind.held_out for path in kind.paths):
        rule, end = "", 0
        for symbol in _SYMBOL.finditer(path):
            special = symbol["special"] or ""
            number = r"\d+" if ".." in special else "[0-9a-f]+"
            is_plain = special.isidentifier() or special[:1] in ("", "%")
            name = r"[^\n]*" if is_plain else number
            rule += re.escape(path[end : symbol.start()]) + name
            end = symbol.end()
        rule += re.escape(path[end:])
        rules.append(rule.replace(r"[^\n]*[^\n]*", r"[^\n]*"))
    return re.compile("|".join(rules))
