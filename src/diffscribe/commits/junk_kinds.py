"""The kinds of junk that lie about in real working trees, and what such files hold.

junk_kinds.toml lists the kinds, junk_texts.toml what they hold, as templates, and real
files that look like junk. Equal words and draws give equal texts.
"""

import re
import string
import tomllib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache, partial
from importlib.resources import files
from random import Random
from typing import Any, NamedTuple

from diffscribe.commits.gitignore import ignored, matching

_SPECIAL = re.compile(r"[\\*?\[ ]")
_SYMBOL = re.compile(r"\$(?:\w+|\{(?P<special>[^}]*)\})")
_MOST_CHARS = 300
"""Of a path that is matched with the paths of kinds."""


class JunkKind(NamedTuple):
    """A kind of junk, told by a real file of the change that brings it about.

    junk_kinds.toml says what `$name`, `$folder` and others in paths stand for.
    """

    suffixes: tuple[str, ...]
    """Suffixes of the real files that bring such junk about; empty for any file."""
    paths: tuple[str, ...]
    patterns: tuple[str, ...]
    """The usual first; the next ones for other paths of the kind, and for a change of
    which the first would hide a file. Without any, the path itself is the pattern."""
    text: str | None
    """The name of what it holds; None for a binary file."""
    weight: int
    """How often the kind is drawn, relative to others."""
    is_secret: bool
    """Such a file is also flagged."""
    held_out: bool
    """No training row has such a file, so a test shows what carries over."""


@cache
def _table() -> dict[str, Any]:
    table = files("diffscribe.commits").joinpath("junk_kinds.toml")
    return tomllib.loads(table.read_text(encoding="utf-8"))


def suffixes_of(language: str | None) -> tuple[str, ...]:
    """Return the suffixes of files of a language of the table; none for no language."""
    return tuple(_table()["suffixes"][language]) if language else ()


@cache
def junk_kinds() -> tuple[JunkKind, ...]:
    """Return all kinds in the order of the table."""
    return tuple(
        JunkKind(
            suffixes=suffixes_of(kind.get("by")),
            paths=tuple(kind["paths"]),
            patterns=tuple(kind["patterns"]),
            text=kind.get("text"),
            weight=group["weight"],
            is_secret=group.get("is_secret", False),
            held_out=kind.get("held_out", False),
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
        name = number if not special.isidentifier() and special else r"[^\n]*"
        rule += re.escape(path[end : symbol.start()]) + name
        end = symbol.end()
    return f"(?:{rule}{re.escape(path[end:])})".replace(r"[^\n]*[^\n]*", r"[^\n]*")


# Real files that look like junk, and what all these hold.

_TEMPLATE = re.compile(
    r"\$(?:(?P<word>\w+)|\{(?:(?P<name>[a-z_]+)|(?P<low>\d+)\.\.(?P<high>\d+)"
    r"|(?P<alphabet>\w+):(?P<count>\d+))\})"
)
_REPEATED = re.compile(r"\*(\d+)\.\.(\d+) ")
_ALPHABETS = {
    "hex": "0123456789abcdef",
    "upper": string.ascii_uppercase,
    "alnum": string.ascii_letters + string.digits,
    "b64": string.ascii_letters + string.digits + "+/",
}
_HELD_OUT = 4
"""One form of so many is drawn for test alone, of three or more at least one."""
_MOST_PAUSE_S = 40
_ONCE = ("home", "host", "table", "user")
"""Lists of which one is drawn for a whole text: a file is of one machine."""


class Decoy(NamedTuple):
    """A kind of real file that looks like junk, or is as new and small."""

    suffixes: tuple[str, ...]
    paths: tuple[str, ...]
    text: str
    weight: int
    type: str | None
    """Of its own commit; None if it joins one."""
    subjects: str
    """The list of that commit's subjects."""


@cache
def _texts() -> dict[str, Any]:
    table = files("diffscribe.commits").joinpath("junk_texts.toml")
    return tomllib.loads(table.read_text(encoding="utf-8"))


@cache
def decoys() -> tuple[Decoy, ...]:
    """Return all kinds of such files, in the order of the table."""
    return tuple(
        Decoy(
            suffixes=suffixes_of(each.get("by")),
            paths=tuple(each["paths"]),
            text=each["text"],
            weight=each["weight"],
            type=each.get("type"),
            subjects=each.get("subjects", ""),
        )
        for each in _texts()["decoys"]
    )


class Writer:
    """Fills templates with words of a change and with what it draws."""

    def __init__(
        self, words: Mapping[str, str | Sequence[str]], draw: Random, for_test: bool
    ) -> None:
        """Start a day.

        Args:
            words: what `$name` stands for, before the lists of the table are asked;
                of a list one is drawn.
            draw: decides all that is drawn.
            for_test: take forms that training never sees, where there are any.
        """
        self._words = words
        self._draw = draw
        self._for_test = for_test
        self._second = draw.randrange(86_400)
        self._once: dict[str, str] = {}

    def text(self, name: str) -> str:
        """Return a text of the table, filled in; '' if what it repeats is empty."""
        forms = _texts()["texts"][name]
        kept = len(forms) - (-(-len(forms) // _HELD_OUT) if len(forms) > 2 else 0)
        forms = forms[kept:] or forms if self._for_test else forms[:kept]
        lines = []
        for line in self._draw.choice(forms).removesuffix("\n").split("\n"):
            repeated = _REPEATED.match(line)
            bounds = map(int, repeated.groups()) if repeated else (1, 1)
            rest = line[repeated.end() :] if repeated else line
            lines += [self.fill(rest) for _ in range(self._draw.randint(*bounds))]
        return "\n".join(lines).removesuffix("\n") + "\n" if any(lines) else ""

    def fill(self, template: str) -> str:
        """Return a template with all its symbols filled in."""
        return _TEMPLATE.sub(self._symbol, template)

    def _symbol(self, symbol: re.Match[str]) -> str:
        if alphabet := symbol["alphabet"]:
            letters = self._draw.choices(_ALPHABETS[alphabet], k=int(symbol["count"]))
            return "".join(letters)
        if low := symbol["low"]:
            number = self._draw.randint(int(low), int(symbol["high"]))
            return f"{number:0{len(low) if low[0] == '0' else 1}}"
        name = symbol["word"] or symbol["name"]
        if name == "clock":
            self._second = (
                self._second + self._draw.randint(0, _MOST_PAUSE_S)
            ) % 86_400
            minute, second = divmod(self._second, 60)
            return f"{minute // 60:02}:{minute % 60:02}:{second:02}"
        word = self._words.get(name)
        if isinstance(word, str):
            return word
        if word is not None:
            return self._draw.choice(word)
        if name in self._once:
            return self._once[name]
        filled = self.fill(self._draw.choice(_texts()["lists"][name]))
        if name in _ONCE:
            self._once[name] = filled
        return filled
