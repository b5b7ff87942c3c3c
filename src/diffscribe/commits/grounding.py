"""What a message names, and whether the change shows it."""

import re
from collections.abc import Iterable, Iterator

_QUOTED = re.compile(r"`([^`\n]{2,80})`")
_NAMED = re.compile(
    r"(?<![\w/])(?P<path>\.{0,2}/?(?:[\w.@+-]+/)*[\w@+-][\w.@+-]*\.[A-Za-z]\w{0,7})\b(?!\()"
    r"|(?<![\w-])(?P<flag>--[a-z][\w-]+)"
    r"|(?<![\w.-])(?P<number>v?\d+(?:\.\d+)+|\d{2,})(?![\w-])"
    r"|\b(?P<name>[A-Za-z]\w*_\w+|_+[A-Za-z]\w+|[a-z]+\d*(?:[A-Z][a-z0-9]+)+"
    r"|(?:[A-Z][a-z0-9]+){2,}|[A-Za-z_]\w*(?=\(\)))"
)
_MAX_WORD_CHARS = 200
"""No name is longer, and the expression takes quadratic time within a word."""
_WELL_KNOWN = """
    bitbucket changelog circleci codecov devops e.g etc fastapi github gitlab graphql
    i.e ipython iterm javadoc javascript jsdoc linkedin macos mongodb mysql next.js
    node.js opengl openssl postgresql powershell pypi pytorch readme scikit sqlite
    stackoverflow tensorflow typescript virtualenv vscode vue.js webassembly webkit
    webpack websocket youtube
"""
"""Names that are spelled like identifiers and are words all the same."""


def ungrounded_share(text: str, evidence: str) -> float:
    """Return the share of what a text names that the evidence does not hold.

    Named is what is in backticks, paths with an ending, flags, versions and
    numbers from 10 on, and identifiers (snake_case, camelCase, calls). Case does
    not count, and of a path its last part is enough. URLs lead outside of any
    change and are passed over. 0 if nothing is named.
    """
    named = list(dict.fromkeys(_names(text)))
    absent = absent_from(named, evidence)
    return len(absent) / len(named) if named else 0.0


def ungrounded(text: str, evidence: str) -> list[str]:
    """Return what a text names and the evidence does not hold, each once."""
    return absent_from(dict.fromkeys(_names(text)), evidence)


def absent_from(names: Iterable[str], evidence: str) -> list[str]:
    """Return the names that a text does not hold, in their order."""
    lowered = evidence.lower()
    words: set[str] | None = None
    absent = []
    for name in names:
        # `UnicodeDecodeErrors` are more than one of what is there.
        if name.lower().removesuffix("s") in lowered:
            continue
        # `read_file and parse()` in backticks is more than one name.
        words = words or set(re.findall(r"\w+", lowered))
        parts = [part.lower() for part in re.findall(r"\w+", name)]
        if not parts or not words.issuperset(parts):
            absent.append(name)
    return absent


def _names(text: str) -> Iterator[str]:
    yield from (each.strip() for each in _QUOTED.findall(text) if each.strip())
    for word in _QUOTED.sub(" ", text).split():
        if "://" in word or len(word) > _MAX_WORD_CHARS:
            continue
        for found in _NAMED.finditer(word):
            name = found[0]
            if found["path"]:
                name = name.rpartition("/")[2]
            if found["number"]:
                name = name.removeprefix("v")
            if name.lower() not in _WELL_KNOWN.split():
                yield name
