"""A small software project as a value: what its functions do and promise."""

import ast
import re
from functools import cache
from typing import Any, NamedTuple

from diffscribe.samples.patterns import Pattern
from diffscribe.samples.printing import parse_function
from diffscribe.samples.vocabulary import Repository


class Case(NamedTuple):
    """A test of a function: one or more calls with their expected results."""

    ending: str
    """What follows the function's name in the name of the test; may be empty."""
    calls: tuple[str, ...]
    """Arguments, as Python text."""


class Function(NamedTuple):
    """A function in its current state."""

    name: str
    noun: str
    pattern: int | None
    """Index in PATTERNS, or None for a private one that was extracted."""
    source: str
    doc: str
    cases: tuple[Case, ...]
    is_documented: bool
    sloppy: str
    """What is wrong with its formatting: comma, operator, trailing, or nothing."""
    steps: tuple[str, ...] = ()
    """What was changed already."""


class Module(NamedTuple):
    """A source file with its tests and its page of documentation."""

    name: str
    numbers: tuple[str, ...]
    texts: tuple[str, ...]
    intro: str
    functions: tuple[Function, ...]
    notes: tuple[str, ...] = ()


class Project(NamedTuple):
    """Everything that is in the repository at one commit."""

    repository: Repository
    modules: tuple[Module, ...]
    version: tuple[int, int, int]
    dependencies: tuple[tuple[str, str], ...]
    """Names with versions."""
    toolchains: tuple[str, ...]
    """Versions of the language that CI tests with."""
    checks: tuple[str, ...]
    """Commands that CI runs before the tests."""
    ignored: tuple[str, ...]
    readme: tuple[tuple[str, str], ...]
    """Titles and texts of the sections of the README."""
    changes: tuple[str, ...]
    """Lines of the changelog, newest first."""
    others: tuple[tuple[str, bytes], ...]
    """Files that nothing else describes, by path."""


def new_function(pattern: Pattern, index: int, noun: str) -> Function:
    """Return the first version of a function, tested and documented."""
    source = about(pattern.source, noun)
    return Function(
        name=parse_function(source).name,
        noun=noun,
        pattern=index,
        source=source,
        doc=about(pattern.doc, noun),
        cases=(Case("", pattern.calls),),
        is_documented=True,
        sloppy="",
    )


def about(text: str, noun: str) -> str:
    """Put a noun for `@` and its plural for `@s`, with the right article."""
    text = text.replace("@s", plural(noun)).replace("@", noun)
    return re.sub(r"\b([Aa]) (?=[aeio])", r"\1n ", text)


def plural(noun: str) -> str:
    """Return the plural of a regular noun."""
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "x", "ch", "sh")) else "s")


def with_module(project: Project, module: Module) -> Project:
    """Return the project with the module of that name replaced."""
    return project._replace(
        modules=tuple(
            module if each.name == module.name else each for each in project.modules
        )
    )


def with_function(module: Module, old: Function, new: Function) -> Module:
    """Return the module with a function replaced."""
    return module._replace(
        functions=tuple(new if each is old else each for each in module.functions)
    )


@cache
def evaluate(sources: tuple[str, ...], name: str, arguments: str) -> Any:
    """Return what a function of a module gives for arguments."""
    names: dict[str, Any] = {}
    # The sources are our own templates; running them makes the tests true.
    exec("\n".join(sources), names)  # noqa: S102
    return names[name](*ast.literal_eval(f"({arguments},)"))
