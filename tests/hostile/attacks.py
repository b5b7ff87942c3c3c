"""What an attack is, and the table of all of them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import NamedTuple


class Place(NamedTuple):
    """Where an attack is built."""

    folder: Path
    """Empty; all of it is watched for changes."""
    canary: Path
    """A program that leaves a trace when it runs."""
    neighbour: Path
    """A good repository that is read in the same run."""


class Attack(NamedTuple):
    """A hostile repository: how it is built, and what has to come of it."""

    name: str
    kind: str
    about: str
    build: Callable[[Place], Path]
    rows: int
    """Changes it yields; 0 if it is refused or everything is dropped."""
    refused: str | None
    """Words of the error, or None if the repository is harmless."""
    armed: str | None
    """A shell command in the repository that runs the canary."""
    environment: Callable[[Place], Mapping[str, str]]
    """Variables to run harvest with."""


REGISTERED: list[Attack] = []
Build = Callable[[Place], Path]


def attack(
    kind: str,
    *,
    rows: int | None = None,
    refused: str | None = None,
    armed: str | None = None,
    environment: Callable[[Place], Mapping[str, str]] = lambda _: {},
) -> Callable[[Build], Build]:
    """Add an attack that is named by its function and told by its docstring.

    It gives three rows, or none if it is refused, unless `rows` says otherwise.
    """

    def add(build: Build) -> Build:
        name = build.__name__.replace("_", "-")
        about = " ".join((build.__doc__ or "").split())
        kept = rows if rows is not None else 0 if refused else 3
        REGISTERED.append(
            Attack(name, kind, about, build, kept, refused, armed, environment)
        )
        return build

    return add


def attacks_of(*modules: ModuleType) -> list[Attack]:
    """Return the attacks that the modules define, in their order."""
    names = [module.__name__ for module in modules]
    return [each for each in REGISTERED if each.build.__module__ in names]
