"""What can be said of a LibCST script by reading it. Nothing is ever run."""

import ast
import sys
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from rapidfuzz.distance import Levenshtein

MAX_CHARS: Final = 50_000
"""Longer texts are not parsed: they are no scripts."""
_BASES = ("Transformer", "Command", "Visitor")
"""Ends of the names of libcst's classes of which a script derives its own."""
_VISITS = ("visit_", "leave_", "transform_module", "visit", "leave")


@lru_cache(maxsize=4096)
def parsed(text: str) -> ast.Module | None:
    """Return the tree of a script, or None if it is no Python, or nested too deep."""
    if len(text) > MAX_CHARS or not text.strip():
        return None
    try:
        tree = ast.parse(text)
        # Some nest deeper than what walks them may call itself.
        ast.dump(tree)
        return tree
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def foreign_imports(text: str) -> set[str]:
    """Return the packages that it imports besides libcst and Python's own."""
    tree = parsed(text)
    found: set[str] = set()
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add("." if node.level else (node.module or "").partition(".")[0])
    return found - sys.stdlib_module_names - {"libcst"}


def defines_transformer(text: str) -> bool:
    """Tell whether it has a class that derives from one of libcst's and visits nodes.

    A class without a method that visits changes nothing.
    """
    tree = parsed(text)
    return tree is not None and any(
        isinstance(node, ast.ClassDef)
        and any(_name(base).endswith(_BASES) for base in node.bases)
        and any(
            isinstance(each, ast.FunctionDef) and each.name.startswith(_VISITS)
            for each in node.body
        )
        for node in ast.walk(tree)
    )


def normalised(text: str) -> str:
    """Return what is left without comments, docstrings, layout and own names.

    Names that the script itself gives to classes, arguments and variables are numbered
    in order of first use, so that two scripts that do the same in other words are
    equal; '' if it is no Python.
    """
    tree = parsed(text)
    if tree is None:
        return ""
    tree = ast.parse(text)
    own = _own_names(tree)
    numbers: dict[str, str] = {}

    def renamed(name: str) -> str:
        return numbers.setdefault(name, f"_{len(numbers)}") if name in own else name

    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            _drop_docstring(node)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = renamed(node.id)
        elif isinstance(node, ast.arg):
            node.arg, node.annotation = renamed(node.arg), None
        elif isinstance(node, ast.ClassDef):
            node.name = renamed(node.name)
        elif isinstance(node, ast.FunctionDef):
            node.returns = None
    return ast.dump(tree)


def text_similarity(one: str, other: str) -> float:
    """Return 1 if two texts are equal but for blanks at line ends, 0 if all differs."""
    plain = [
        "\n".join(line.rstrip() for line in text[:MAX_CHARS].strip().split("\n"))
        for text in (one, other)
    ]
    return float(Levenshtein.normalized_similarity(*plain))


def words_of_script(text: str) -> set[str]:
    """Return every name and every word of the strings of a script."""
    tree = parsed(text)
    found: set[str] = set()
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found |= set(identifiers(node.value))
        elif isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
    return found


def string_names(text: str) -> set[str]:
    """Return what the script names of the code that it changes.

    These are the strings in it that are one identifier, docstrings apart.
    """
    tree = parsed(text)
    if tree is None:
        return set()
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value.isidentifier()
        and len(node.value) > 1
    }


def identifiers(text: str) -> list[str]:
    """Return the identifiers of a text, in order."""
    found, word = [], ""
    for letter in f"{text} ":
        if letter == "_" or letter.isalnum():
            word += letter
        elif word:
            found.append(word)
            word = ""
    return [each for each in found if not each[0].isdigit()]


def covers(text: str, operation: str) -> bool:
    """Tell whether a script has every word of an operation's name, in any form.

    `add_decorator` is covered by `decorators` and `AddDecorator`.
    """
    joined = " ".join(words_of_script(text)).lower()
    words = [word for word in operation.lower().split("_") if word not in _VERBS]
    return all(word.rstrip("s") in joined for word in words)


_VERBS = frozenset(
    ("add", "remove", "rename", "replace", "change", "update", "set", "insert", "to")
)
"""Words of operations that scripts say by what they do."""


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _own_names(tree: ast.Module) -> set[str]:
    own: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            own.add(node.name)
        elif isinstance(node, ast.arg):
            own.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            own.add(node.id)
    return own


def _drop_docstring(node: ast.Module | ast.ClassDef | ast.FunctionDef) -> None:
    first: Iterable[ast.stmt] = node.body[:1]
    for each in first:
        if (
            isinstance(each, ast.Expr)
            and isinstance(each.value, ast.Constant)
            and isinstance(each.value.value, str)
        ):
            node.body = node.body[1:] or [ast.Pass()]
