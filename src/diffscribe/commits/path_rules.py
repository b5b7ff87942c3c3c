"""What paths say: the type of an untyped commit, and files that no person writes."""

import re
import tomllib
from collections.abc import Collection, Mapping
from functools import cache, lru_cache
from importlib.resources import files

from pathspec import GitIgnoreSpec

from diffscribe.commits.grammar import Header, parse_header

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

_VERBS = {
    "feat": "add allow enable expose implement introduce let offer provide support",
    "fix": "avoid catch correct ensure fix guard handle prevent repair resolve stop",
    "refactor": "clean convert deduplicate drop extract inline merge move remove "
    "rename reorganise reorganize replace restructure rewrite simplify split unify use",
    "perf": "cache optimise optimize speed",
    "style": "format indent lint reformat sort",
    "docs": "clarify document explain",
    "test": "assert cover test",
    "build": "bump pin upgrade",
    "chore": "ignore prepare release",
    "revert": "reapply revert",
}
_TYPE_OF_VERB = {
    verb: type_ for type_, verbs in _VERBS.items() for verb in verbs.split()
}
_ALIASES = {
    "bug": "fix",
    "bugfix": "fix",
    "deps": "build",
    "doc": "docs",
    "feature": "feat",
    "hotfix": "fix",
    "tests": "test",
}
_REVERT = re.compile(r'(?P<verb>Revert|Reapply) "(?P<subject>.*?)(?:"[^"]*)?$')
"""The subject ends at the last quote; what follows, as in `(#9)`, is not in it."""
_PREFIX = re.compile(
    r"(?P<fix>(?i:fix(?:e[sd])? +))?(?P<area>[a-z][\w./*-]{0,39}): +(?P<subject>\S.*)"
)


def guess_header(text: str, paths: Collection[str]) -> Header:
    """Return a conventional header for a header that is not conventional.

    git's `Revert "…"` is a revert; an area as in `net/http: fix a leak` is the
    scope, unless it is another word for a type. The type comes from the paths
    if all of them are of one kind, else from the verb, else it is `refactor`:
    a change of code that claims neither a feature nor a fix.
    """
    revert = _REVERT.match(text)
    if revert is not None:
        return _reverted(revert["verb"], revert["subject"])
    prefix = _PREFIX.fullmatch(text)
    scope, subject = (prefix["area"], prefix["subject"]) if prefix else (None, text)
    if scope in _ALIASES:
        return Header(_ALIASES[scope], None, False, subject)
    verb = type_of_verb(text if prefix and prefix["fix"] else subject)
    type_ = type_of_paths(paths) or verb or "refactor"
    return Header(type_, scope, False, subject)


def _reverted(verb: str, subject: str) -> Header:
    """Name the reverted subject; a revert of a revert reapplies it."""
    again = _REVERT.match(subject)
    if again is not None:
        verb, subject = "Reapply", again["subject"]
    inner = parse_header(subject) or Header("revert", None, False, subject)
    words = f"reapply {inner.subject}" if verb == "Reapply" else inner.subject
    return Header("revert", inner.scope, False, words)


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


def type_of_verb(subject: str) -> str | None:
    """Return the type that the first word of a subject stands for, or None.

    The word may be in the third person or the past, as in `Adds` or `fixed`.
    """
    first = re.match(r"[A-Za-z]+", subject)
    word = first[0].lower() if first else ""
    stems = (word, word[:-1], word[:-2], f"{word[:-3]}y", word[:-3])
    return next((_TYPE_OF_VERB[stem] for stem in stems if stem in _TYPE_OF_VERB), None)


@cache
def path_lists() -> Mapping[str, tuple[str, ...]]:
    """Return patterns as in .gitignore of files that no person writes, by name."""
    table = files("diffscribe.commits").joinpath("paths.toml")
    lists = tomllib.loads(table.read_text(encoding="utf-8"))
    return {name: tuple(patterns.split()) for name, patterns in lists.items()}


@lru_cache(maxsize=2**14)
def is_machine_made(path: str) -> bool:
    """Tell whether a path is of a lock file, or vendored, generated or minified."""
    return _machine_made().match_file(path)


@cache
def _machine_made() -> GitIgnoreSpec:
    names = ("lock_files", "vendored", "generated", "minified")
    return GitIgnoreSpec.from_lines(
        pattern for name in names for pattern in path_lists()[name]
    )
