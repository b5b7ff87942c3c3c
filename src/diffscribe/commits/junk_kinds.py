"""The kinds of junk that lie about in real working trees, from junk_kinds.toml."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import NamedTuple


class JunkKind(NamedTuple):
    """A kind of junk, told by a real file of the change that brings it about.

    In paths, patterns and content `$name`, `$folder` and others are of that file;
    junk_kinds.toml says which.
    """

    suffixes: tuple[str, ...]
    """Suffixes of the real files that bring such junk about; empty for any file."""
    path: str
    patterns: tuple[str, ...]
    """The usual first; the next ones for a change of which it would hide a file."""
    content: str | None
    """None for a binary file."""
    weight: int
    """How often the kind is drawn, relative to others."""
    is_secret: bool
    """Such a file is also flagged; its secrets are placeholders, as curate's are."""


@cache
def junk_kinds() -> tuple[JunkKind, ...]:
    """Return all kinds, those of one weight next to each other."""
    table = files("diffscribe.commits").joinpath("junk_kinds.toml")
    data = tomllib.loads(table.read_text(encoding="utf-8"))
    return tuple(
        JunkKind(
            tuple(data["suffixes"].get(kind.get("by"), ())),
            kind["path"],
            tuple(kind["patterns"]),
            data["texts"].get(kind.get("content"), kind.get("content")),
            group["weight"],
            group.get("is_secret", False),
        )
        for group in data["groups"]
        for kind in group["kinds"]
    )
