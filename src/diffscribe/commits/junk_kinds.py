"""The kinds of junk that lie about in real working trees: junk_kinds.toml."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cache, partial
from typing import Any, NamedTuple

from diffscribe.commits.gitignore import ignored, matching
from diffscribe.core.files import read_table

_SPECIAL = re.compile(r"[\\*?\[ ]")
"""What a pattern of .gitignore takes literally only behind a backslash."""
_SYMBOL = re.compile(r"\$(?:\w+|\{(?P<special>[^}]*)\})")
_MOST_CHARS = 300
"""Of a path that is matched with the paths of kinds."""


class JunkKind(NamedTuple):
    """A kind of junk, told by a real file of the change that brings it about.

    junk_kinds.toml says what `$name`, `$folder` and others in paths stand for.
    """

    suffixes: tuple[str, ...]
    """Suffixes of the real files that bring such junk about; empty for any file."""
    near: tuple[str, ...]
    """Patterns, one of which matches a file of the repository; empty for any."""
    paths: tuple[str, ...]
    patterns: tuple[str, ...]
    """The usual first; the next ones for other paths of the kind, and for a change of
    which the first would hide a file. Without any, the path itself is the pattern."""
    text: str | None
    """The name of what it holds in split/junk_texts.toml; None for a binary file."""
    weight: int
    """How often the kind is drawn, relative to others."""
    is_secret: bool
    """Such a file is also flagged."""
    held_out: bool
    """No training row has such a file, so a test shows what carries over."""
    since: int
    """The year after that of the first tool that leaves it; 0 for any."""


def _table() -> dict[str, Any]:
    return read_table("commits", "junk_kinds.toml")


def suffixes_of(kind: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the suffixes of the language of a table's entry; none for no language."""
    return tuple(_table()["suffixes"][kind["by"]]) if "by" in kind else ()


def near_of(kind: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the patterns for what a table's entry needs in the repository, if any."""
    return tuple(_table()["near"][kind["near"]]) if "near" in kind else ()


@cache
def junk_kinds() -> tuple[JunkKind, ...]:
    """Return all kinds in the order of the table."""
    return tuple(
        JunkKind(
            suffixes=suffixes_of(kind),
            near=near_of(kind),
            paths=tuple(kind["paths"]),
            patterns=tuple(kind["patterns"]),
            text=kind.get("text"),
            weight=group["weight"],
            is_secret=group.get("is_secret", False),
            held_out=kind.get("held_out", False),
            since=kind.get("since", 0),
        )
        for group in _table()["groups"]
        for kind in group["kinds"]
    )


def junk_patterns(junk: Iterable[str], committed: Collection[str]) -> tuple[str, ...]:
    """Return the sorted patterns for .gitignore that leave the junk files out.

    For each file it is the first pattern of the table that matches it and no file that
    is committed, else the path itself, anchored and escaped.
    """
    hides = partial(_hides, tuple(committed))
    return tuple(sorted({pattern_for(path, hides) for path in junk}))


def _hides(committed: tuple[str, ...], pattern: str) -> bool:
    return bool(ignored([pattern], committed))


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


def is_held_out(path: str) -> bool:
    """Tell whether a junk file is of a kind that no training row has."""
    return _held_out().fullmatch(path[-_MOST_CHARS:]) is not None


@cache
def _held_out() -> re.Pattern[str]:
    paths = [path for kind in junk_kinds() if kind.held_out for path in kind.paths]
    return re.compile("|".join(map(_path_rule, paths)))


def _path_rule(path: str) -> str:
    """Return an expression for all that a template of a path may become."""
    rule, end = "", 0
    for symbol in _SYMBOL.finditer(path):
        special = symbol["special"] or ""
        number = r"\d+" if ".." in special else "[0-9a-f]+"
        is_plain = special.isidentifier() or special[:1] in ("", "%")
        name = r"[^\n]*" if is_plain else number
        rule += re.escape(path[end : symbol.start()]) + name
        end = symbol.end()
    return f"(?:{rule}{re.escape(path[end:])})".replace(r"[^\n]*[^\n]*", r"[^\n]*")
