"""What patterns of a .gitignore match, with git's own semantics."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from pathspec import GitIgnoreSpec
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

_MAX_WILDCARDS = 4
"""Runs of `*`: each adds a factor of the path's length to the time to match."""


def ignored(patterns: Iterable[str], paths: Iterable[str]) -> frozenset[str]:
    """Return the paths that the patterns of a root .gitignore would ignore.

    Later patterns win and `!` takes back, but not below an ignored folder, as
    in git. A pattern that git could not read, or with so many wildcards that
    matching it would take minutes (`is_too_wild`), matches nothing: patterns come
    from models and strangers.
    """
    return _ignored(tuple(patterns), tuple(paths))


def is_too_wild(pattern: str) -> bool:
    """Tell a pattern with so many wildcards that nobody can say what it matches."""
    return len(re.findall(r"\*+", pattern)) > _MAX_WILDCARDS


@lru_cache(maxsize=64)
def _ignored(patterns: tuple[str, ...], paths: tuple[str, ...]) -> frozenset[str]:
    """Return the same; a plan is asked about by several measures in turn."""
    if not patterns:
        return frozenset()
    compiled = [_compile(pattern) for pattern in patterns]
    # For a few paths, the engines that compile all patterns at once take longer.
    spec = GitIgnoreSpec(
        [each for each in compiled if each is not None], backend="simple"
    )
    return frozenset(
        path for path in paths if any(map(spec.match_file, _downwards(path)))
    )


def _downwards(path: str) -> Iterator[str]:
    """Yield the folders above a path, with a final slash, then the path."""
    for slash in re.finditer("/", path):
        yield path[: slash.end()]
    yield path


@lru_cache(maxsize=4096)
def _compile(pattern: str) -> GitIgnoreSpecPattern | None:
    if is_too_wild(pattern):
        return None
    try:
        return GitIgnoreSpecPattern(pattern)
    except (ValueError, re.error):
        return None
