"""What paths say: types of commits, languages, and which files no person writes."""

import re
from collections.abc import Collection, Iterable, Mapping
from functools import cache, lru_cache
from posixpath import basename, splitext
from typing import TYPE_CHECKING

from diffscribe.core.files import read_table

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

_PATHS = {
    "ci": (
        r"(^|/)\.(github/(workflows|actions)|circleci|buildkite|gitlab-ci)(/|$)"
        r"|(^|/)(\.gitlab-ci\.yml|\.travis\.yml|appveyor\.yml|azure-pipelines\.yml"
        r"|Jenkinsfile)$"
    ),
    "test": (
        r"(^|/)(tests?|specs?|__tests__|testdata|fixtures)/"
        r"|(^|/)(test_[^/]*|conftest)\.py$|_test\.\w+$|\.(test|spec)\.\w+$"
        r"|Tests?\.(java|kt|cs)$"
    ),
    "build": (
        r"(^|/)(Dockerfile|Makefile|CMakeLists\.txt|Gemfile|Rakefile|MANIFEST\.in"
        r"|pyproject\.toml|setup\.(py|cfg)|package\.json|Cargo\.toml|go\.(mod|sum)"
        r"|pom\.xml|tox\.ini|conanfile\.(txt|py)|meson\.build|BUILD(\.bazel)?"
        r"|composer\.json|mix\.exs|(requirements|constraints)[^/]*\.(txt|in))$"
        r"|(^|/)(package-lock\.json|pnpm-lock\.yaml|npm-shrinkwrap\.json)$"
        r"|\.(lock|gradle|kts|cmake|mk|nix)$"
    ),
    "docs": (
        r"(^|/)docs?/|\.(md|mdx|rst|adoc)$"
        r"|(^|/)(README|CHANGELOG|CONTRIBUTING|AUTHORS|LICENSE|NOTICE)[^/]*$"
    ),
    "chore": r"(^|/)\.[^/]+$",
}
"""The type that a path stands for: the first whose expression matches it."""

_MANIFEST = re.compile(
    r"(^|/)(package\.json|pnpm-workspace\.yaml|Cargo\.toml|go\.(mod|work)|pyproject\.toml"
    r"|setup\.(py|cfg)|Gemfile|composer\.json|pom\.xml|mix\.exs|libs\.versions\.toml"
    r"|(requirements|constraints)[^/]*\.(txt|in)|[^/]*\.(gemspec|csproj))$"
)
_CHANGE_LOG = re.compile(
    r"(?i)(?:^|/)(?:changelogs?|changes|history|news|release[-_]?notes)"
    r"(?:[-_.][\w.-]*)?(?:/|$)"
)
_DECIDED = {"ci": "ci", "test": "test", "docs": "docs", "manifest": "chore"}
"""What most authors of public histories call a commit of such files alone. Manifests
and lock files are `chore` to two thirds of them, and `build` to one in fourteen."""


def decided_type(paths: Collection[str]) -> str | None:
    """Return the type of a commit whose files are all of one decisive kind, or None."""
    kinds = {"manifest" if is_manifest(path) else _kind(path) for path in paths}
    return _DECIDED.get(kinds.pop() or "") if len(kinds) == 1 else None


@lru_cache(maxsize=2**14)
def is_manifest(path: str) -> bool:
    """Tell whether a path is of what lists or locks the packages of a project."""
    return _MANIFEST.search(path) is not None or is_lock_file(path)


def is_change_log(path: str) -> bool:
    """Tell whether a path is of a file, or in a folder, that lists changes."""
    return _CHANGE_LOG.search(path) is not None


def type_of_paths(paths: Collection[str]) -> str | None:
    """Return the type that all paths share, or None if code is among them.

    Of several kinds, such as tests and their docs, the first of the table counts.
    """
    kinds = {_kind(path) for path in paths}
    if None in kinds:
        return None
    return next((kind for kind in _PATHS if kind in kinds), None)


def _kind(path: str) -> str | None:
    return next((kind for kind, rule in _PATHS.items() if re.search(rule, path)), None)


def languages_of(paths: Iterable[str]) -> tuple[str, ...]:
    """Return the sorted languages; files of no known kind add none."""
    return tuple(sorted({name for path in paths if (name := _language(path))}))


@lru_cache(maxsize=2**14)
def _language(path: str) -> str | None:
    name = basename(path).lower()
    return _languages().get(name) or _languages().get(splitext(name)[1])


@cache
def _languages() -> Mapping[str, str]:
    """Return the language of each name and of each suffix."""
    table = read_table("commits", "languages.toml")
    names: dict[str, str] = table["names"]
    rows = table["suffixes"].items()
    return names | {suffix: name for name, row in rows for suffix in row.split()}


@cache
def path_lists() -> Mapping[str, tuple[str, ...]]:
    """Return patterns as in .gitignore of files that no person writes, by name."""
    lists = read_table("commits", "paths.toml")
    return {name: tuple(patterns.split()) for name, patterns in lists.items()}


@lru_cache(maxsize=2**14)
def is_machine_made(path: str) -> bool:
    """Tell whether a path is of a lock file, or vendored, generated or minified."""
    return _spec("lock_files", "vendored", "generated", "minified").match_file(path)


@lru_cache(maxsize=2**14)
def is_lock_file(path: str) -> bool:
    """Tell whether a path is of a lock file, which a person commits."""
    return _spec("lock_files").match_file(path)


_PROSE_SUFFIXES = (".md", ".rst", ".txt", ".adoc")


def prompt_priority(path: str) -> int:
    """Return 0 for source, which a prompt shows first, 1 for prose, 2 for the rest.

    The rest is what no person writes, drawings included.
    """
    if is_machine_made(path) or path.endswith(".svg"):
        return 2
    return 1 if path.endswith(_PROSE_SUFFIXES) else 0


@cache
def _spec(*names: str) -> "GitIgnoreSpec":
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines(
        pattern for name in names for pattern in path_lists()[name]
    )
