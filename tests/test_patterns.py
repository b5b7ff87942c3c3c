"""Whatever a pattern of the project is tried on, its time grows by the length alone."""

import ast
import importlib
import inspect
import pkgutil
import re
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

import diffscribe
from diffscribe.commits import path_rules
from diffscribe.core.files import read_table

ROOT = Path(diffscribe.__file__).parent
ONCE = {"match", "fullmatch"}
SEARCHES = {"search", "sub", "subn", "split", "findall", "finditer"}
PIECES = (
    *'a1A _-.:/\\"`#@()[<!*=&\n\u2026\U0001f600',
    *("\r\n", "_a", "a-", "A1-", "a ", "a\n", " \n", "(a", "- ", "1.", "a:", "a@"),
    *("a/", "a=", "0a", "Aa", "://a", "\n-", "* \n", "a,", "<a", "```\n", "<!--"),
)
AROUND = (("", "!"), ("(x", "\n\0"))
CHARS = 1000
FAST_S = 0.006
"""A thousand steps of a pattern take far less, a million far more."""
MOST_TIMES = 9
"""On four times the text: linear work takes 4 times as long, quadratic 16 times."""


def test_no_pattern_takes_time_by_the_square_of_a_text():
    methods: dict[re.Pattern[Any], set[str]] = {}
    for pattern, used in named_patterns():
        methods.setdefault(pattern, set()).update(used)
    for text in tabled_patterns():
        methods[re.compile(text)] = set()
    assert len(methods) > 190
    found = {
        each: growing(each, used or ONCE | SEARCHES) for each, used in methods.items()
    }
    assert {each.pattern: text for each, text in found.items() if text} == {}


def tabled_patterns() -> Iterator[str]:
    """Yield the patterns of tables that the engine of Python reads."""
    yield from read_table("secrets", "rules.toml")["trailers"].values()
    yield from path_rules._PATHS.values()
    for each in read_table("harvest", "licenses.toml")["texts"]:
        yield from (*each["has"], *each.get("lacks", ()))


def growing(pattern: re.Pattern[Any], methods: set[str]) -> str:
    """Return a text on which the time of a pattern grows too fast, or ''."""
    for piece in dict.fromkeys((*PIECES, *own_pieces(pattern))):
        for before, behind in AROUND:

            def text(chars, piece=piece, before=before, behind=behind):
                made = before + piece * (chars // len(piece)) + behind
                return made.encode() if isinstance(pattern.pattern, bytes) else made

            long, short = text(4 * CHARS), text(CHARS)
            if seconds(pattern, methods, long) < FAST_S:
                continue
            most = min(seconds(pattern, methods, short) for _ in range(3)) * MOST_TIMES
            if min(seconds(pattern, methods, long) for _ in range(3)) > most:
                return f"{before!r} {piece!r} {behind!r}"
    return ""


def seconds(pattern: re.Pattern[Any], methods: set[str], text: Any) -> float:
    begin = time.thread_time()
    for name in methods & ONCE:
        getattr(pattern, name)(text)
    if methods - ONCE:
        for _ in pattern.finditer(text):
            pass
    return time.thread_time() - begin


def own_pieces(pattern: re.Pattern[Any]) -> list[str]:
    """Return the words that a pattern spells, and each with what may follow it."""
    words: set[str] = set()

    def read(parsed):
        word = ""
        for kind, value in [*parsed, (None, None)]:
            if kind is op.LITERAL:
                word += chr(value)
                continue
            words.add(word)
            word = ""
            if kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
                read(value[2])
            elif kind is op.SUBPATTERN:
                read(value[3])
            elif kind is op.BRANCH:
                for each in value[1]:
                    read(each)
            elif kind in (op.ASSERT, op.ASSERT_NOT):
                read(value[1])

    read(_parser.parse(pattern.pattern, pattern.flags))
    kept = sorted(words - {""}, key=lambda word: (-len(word), word))[:12]
    return [word + end for word in kept for end in ("", " ", "a")]


def named_patterns() -> Iterator[tuple[re.Pattern[Any], set[str]]]:
    """Yield each pattern of the package with the methods that a module uses of it."""
    for module, tree in modules().items():
        uses: dict[str, set[str]] = {}
        for node in ast.walk(tree):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name("re"), attr=method),
                    args=[ast.Constant(value=text) | ast.Name(text), *_],
                ) if method in ONCE | SEARCHES:
                    named = vars(module).get(text, text)
                    if isinstance(named, str):
                        yield re.compile(named), {method}
                case ast.Attribute(
                    value=ast.Name(name) | ast.Call(func=ast.Name(name)), attr=method
                ) if method in ONCE | SEARCHES:
                    uses.setdefault(name, set()).add(method)
        for name, value in vars(module).copy().items():
            if "Pattern" in str(getattr(value, "__annotations__", {}).get("return")):
                value = () if signature(value) else value()
            for pattern in inside(value):
                yield pattern, uses.get(name, set())


@cache
def modules() -> dict[Any, ast.Module]:
    """Return the modules of the package, each with its source."""
    found = [
        importlib.import_module(each.name)
        for each in pkgutil.walk_packages([str(ROOT)], "diffscribe.")
    ]
    return {
        each: ast.parse(Path(str(each.__file__)).read_text("utf-8")) for each in found
    }


def signature(function: Any) -> Any:
    return inspect.signature(function).parameters


def inside(value: Any) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, dict):
        yield from inside([*value, *value.values()])
    elif isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from inside(each)
