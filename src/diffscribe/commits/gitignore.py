"""Read the patterns of .gitignore files, and match paths with them, as git does."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from pathspec import GitIgnoreSpec
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

_MAX_WILDCARDS = 4
"""Runs of `*` in a pattern. Each multiplies the time to match by the path's length."""


def ignored(patterns: Iterable[str], paths: Iterable[str]) -> frozenset[str]:
    """Return the paths that the patterns of a root .gitignore would ignore.

    Later patterns win and `!` takes back, but not below an ignored folder, as
    in git. A pattern that git could not read, or with so many wildcards that
    matching it would take minutes (`is_too_wild`), matches nothing: patterns come
    from models and strangers.
    """
    return _ignored(tuple(patterns), tuple(paths))


def matching(patterns: Iterable[str], path: str) -> Iterator[str]:
    """Yield the patterns that would each, alone in a .gitignore, ignore a path."""
    parts = [*_downwards(path)]
    for pattern in patterns:
        if any(map(_spec((pattern,)).match_file, parts)):
            yield pattern


def is_too_wild(pattern: str) -> bool:
    """Tell whether a pattern has so many wildcards that matching it could hang."""
    return len(re.findall(r"\*+", pattern)) > _MAX_WILDCARDS


@lru_cache(maxsize=64)
def _ignored(patterns: tuple[str, ...], paths: tuple[str, ...]) -> frozenset[str]:
    """Return the same, cached: several measures ask about one plan in turn."""
    if not patterns:
        return frozenset()
    spec = _spec(patterns)
    return frozenset(
        path for path in paths if any(map(spec.match_file, _downwards(path)))
    )


def _downwards(path: str) -> Iterator[str]:
    """Yield the folders above a path, with a final slash, then the path."""
    for slash in re.finditer("/", path):
        yield path[: slash.end()]
    yield path


@lru_cache(maxsize=1024)
def _spec(patterns: tuple[str, ...]) -> GitIgnoreSpec:
    """Return the patterns that can be read, in the form that matches a path.

    The other backends compile all patterns at once, which is slower for few paths.
    """
    compiled = [_compile(pattern) for pattern in patterns]
    return GitIgnoreSpec(
        [each for each in compiled if each is not None], backend="simple"
    )


@lru_cache(maxsize=4096)
def _compile(pattern: str) -> GitIgnoreSpecPattern | None:
    if is_too_wild(pattern):
        return None
    try:
        return GitIgnoreSpecPattern(pattern)
    except (ValueError, re.error):
        return None


def parse_patterns(content: bytes) -> list[str]:
    """Return the patterns of a .gitignore file without comments and blanks."""
    lines = content.decode("utf-8-sig", "replace").split("\n")
    stripped = [_strip(line.removesuffix("\r")) for line in lines]
    return [line for line in stripped if line and not line.startswith("#")]


def anchor(pattern: str, folder: str) -> str:
    """Return a pattern of a folder's .gitignore as the root's would have it.

    Source: gitignore(5): a slash at the start or in the middle ties a pattern to the
    folder of its file; without one it matches at any depth below.
    """
    negation = "!" if pattern.startswith("!") else ""
    bare = pattern.removeprefix("!")
    depth = "" if "/" in bare.rstrip("/") else "**/"
    literal = re.sub(r"([*?\[\\])", r"\\\1", folder)
    return f"{negation}/{literal}/{depth}{bare.removeprefix('/')}"


def _strip(line: str) -> str:
    """Cut trailing spaces; a backslash keeps the first of them."""
    kept = line.rstrip(" ")
    backslashes = len(kept) - len(kept.rstrip("\\"))
    return kept + " " if backslashes % 2 and len(kept) < len(line) else kept
