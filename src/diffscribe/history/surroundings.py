"""Follow along a history what lies around a change: .gitignore files, license."""

from collections import OrderedDict
from typing import NamedTuple

from diffscribe.history.gitignore import Ignores, joined, next_ignores, read_ignores
from diffscribe.history.license import LICENSE_FILE, license_reader
from diffscribe.history.source import OpenSource
from diffscribe.history.trees import Entry
from diffscribe.history.walk import Commit

REMEMBERED = 4096
"""Commits whose branches may still begin without reading a tree anew."""


class State(NamedTuple):
    """What a tree holds, shared by all commits that leave it alone."""

    ignores: Ignores
    patterns: tuple[str, ...]
    license: str | None


class Surroundings:
    """What surrounds the commits of one source, fed with each of them in order."""

    def __init__(self, source: OpenSource) -> None:
        self._source = source
        self._license = license_reader(source)
        self._states: OrderedDict[str, State] = OrderedDict()

    def of(self, commit: Commit) -> tuple[tuple[str, ...], str | None]:
        """Return the patterns of the parent's tree and the license of the own."""
        base = self._states.get(commit.parent)
        if base is None and commit.parent_tree:
            base = self._read(commit.parent_tree)
        if base is None or commit.entries is None:
            state = self._read(commit.tree)
        else:
            state = self._next(base, commit, commit.entries)
        self._states[commit.sha] = state
        if len(self._states) > REMEMBERED:
            self._states.popitem(last=False)
        return base.patterns if base else (), state.license

    def _read(self, tree: str) -> State:
        ignores = read_ignores(self._source, tree)
        return State(ignores, joined(ignores), self._license(tree))

    def _next(self, base: State, commit: Commit, entries: tuple[Entry, ...]) -> State:
        license_id = base.license
        paths = (entry.path for entry in entries)
        if any(b"/" not in path and LICENSE_FILE.match(path) for path in paths):
            license_id = self._license(commit.tree)
        ignores = next_ignores(self._source, base.ignores, entries)
        if ignores is base.ignores and license_id == base.license:
            return base
        return State(ignores, joined(ignores), license_id)
