"""The word lists of words.toml."""

import tomllib
from functools import cache
from importlib.resources import files


@cache
def words(name: str) -> frozenset[str]:
    """Return the words of one list."""
    table = files("diffscribe.commits").joinpath("words.toml")
    return frozenset(tomllib.loads(table.read_text(encoding="utf-8"))[name].split())
