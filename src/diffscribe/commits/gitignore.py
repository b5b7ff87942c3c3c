"""Read the patterns of .gitignore files, and match paths with them, as git does.

pathspec reads another language: of classes, escapes, prefixes and what lies below a
folder that is taken back. A test holds this module to `git check-ignore`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple


def ignored(patterns: Iterable[str], paths: Iterable[str]) -> frozenset[str]:
    """Return the paths that the patterns of a root .gitignore would ignore.

    Later patterns win and `!` takes back, but not below an ignored folder, as
    in git. A pattern that git could not read matches nothing. No pattern takes long,
    since they come from models and strangers.
    """
    return _ignored(tuple(patterns), tuple(paths))


def matching(patterns: Iterable[str], path: str) -> Iterator[str]:
    """Yield the patterns that would each, alone in a .gitignore, ignore a path."""
    levels = [*_levels(path)]
    for pattern in patterns:
        if any(_decide(_rules((pattern,)), level) for level in levels):
            yield pattern


class _Rule(NamedTuple):
    """A pattern as git reads it."""

    is_negated: bool
    folders_only: bool
    by_name: bool
    """Whether it matches the last name of a path, not the whole of it."""
    expression: re.Pattern[bytes]


class _Level(NamedTuple):
    """A path, or a folder above it; git decides about each from the root on."""

    path: bytes
    is_folder: bool


@lru_cache(maxsize=64)
def _ignored(patterns: tuple[str, ...], paths: tuple[str, ...]) -> frozenset[str]:
    """Return the same, cached: several measures ask about one plan in turn."""
    rules = _rules(patterns)
    return frozenset(
        path
        for path in paths
        if rules and any(_decide(rules, level) for level in _levels(path))
    )


def _levels(path: str) -> Iterator[_Level]:
    content = path.encode("utf-8", "surrogatepass")
    for slash in re.finditer(b"/", content):
        yield _Level(content[: slash.start()], is_folder=True)
    yield _Level(content, is_folder=False)


def _decide(rules: Sequence[_Rule], level: _Level) -> bool:
    """Tell whether the last rule that matches a level ignores it."""
    name = level.path.rpartition(b"/")[2]
    for rule in reversed(rules):
        text = name if rule.by_name else level.path
        if (level.is_folder or not rule.folders_only) and rule.expression.fullmatch(
            text
        ):
            return not rule.is_negated
    return False


@lru_cache(maxsize=1024)
def _rules(patterns: tuple[str, ...]) -> tuple[_Rule, ...]:
    lines = parse_patterns("\n".join(patterns).encode("utf-8", "surrogatepass"))
    return tuple(filter(None, map(_rule, lines)))


@lru_cache(maxsize=4096)
def _rule(pattern: str) -> _Rule | None:
    """Return the rule of a pattern; None if it matches nothing."""
    glob = pattern.removeprefix("!").encode("utf-8", "surrogatepass")
    folders_only = glob.endswith(b"/")
    glob = glob.removesuffix(b"/")
    by_name = b"/" not in glob
    glob = glob.removeprefix(b"/")
    # git compares what stands before the first wildcard as it is, and takes the rest
    # for a pattern of its own: the `**/` of `a**/b` stands at a beginning.
    literal = _LITERAL.match(glob)
    prefix = literal[0] if literal else b""
    rest = _expression(glob[len(prefix) :], by_name)
    if rest is None or not glob:
        return None
    expression = re.compile(re.escape(prefix) + rest, re.DOTALL)
    return _Rule(pattern.startswith("!"), folders_only, by_name, expression)


_LITERAL = re.compile(rb"[^*?\[\\]*")
_TOKEN = re.compile(
    # Two stars that are a whole name, and the slash behind them.
    rb"(?P<names>(?<![^/])\*\*+(?:(?P<end>\Z)|(?P<any>/)|\\/))"
    rb"|(?P<star>\*+)|(?P<one>\?)|(?P<open>\[)|\\(?P<escaped>.)|(?P<other>[^\\])",
    re.DOTALL,
)


def _expression(glob: bytes, by_name: bool) -> bytes | None:
    """Return the regular expression of a wildcard pattern of git; None if it has none.

    Wildcards match bytes, and never a slash, save for two stars that are a whole name.

    Source: wildmatch.c of git.
    """
    segments: list[list[bytes]] = [[]]
    at = 0
    while at < len(glob):
        token = _TOKEN.match(glob, at)
        if token is None:
            return None
        at = token.end()
        if token["names"] and not by_name and token["end"] is not None:
            segments[-1].append(b".*")
        elif token["names"] and not by_name:
            segments.append([b"(?:.*?/)??" if token["any"] else b"(?:.*?/)"])
        elif token["names"] or token["star"]:
            segments[-1].append(_STAR)
        elif token["one"]:
            segments[-1].append(b"[^/]")
        elif token["open"]:
            found = _class_at(glob, at)
            if found is None:
                return None
            members, at = found
            codes = b"".join(b"\\x%02x" % each for each in members)
            segments[-1].append(b"[%s]" % codes)
        else:
            segments[-1].append(re.escape(token["escaped"] or token["other"]))
    *before, last = map(_join, segments)
    return b"".join((*(b"(?>%s)" % each for each in before), last))


_STAR = b"[^/]*"


def _join(parts: list[bytes]) -> bytes:
    """Return the parts as one expression that no text keeps busy for long.

    Of what stands between two stars of a name only the first place is tried, as it
    leaves most to the rest.
    """
    joined: list[bytes] = []
    behind_star: list[bytes] | None = None
    for part in (*parts, b"/"):
        if part not in (_STAR, b"/"):
            (joined if behind_star is None else behind_star).append(part)
            continue
        if behind_star is not None:
            form = b"(?>[^/]*?%s)" if part == _STAR else b"[^/]*%s"
            joined.append(form % b"".join(behind_star))
        behind_star = [] if part == _STAR else None
        if part == b"/":
            joined.append(part)
    return b"".join(joined[:-1])


_ASCII = [bytes([each]) for each in range(128)]
_CLASSES = {
    b"alnum": bytes.isalnum,
    b"alpha": bytes.isalpha,
    b"blank": lambda char: char in (b" ", b"\t"),
    b"cntrl": lambda char: char < b" " or char == b"\x7f",
    b"digit": bytes.isdigit,
    b"graph": lambda char: b"!" <= char <= b"~",
    b"lower": bytes.islower,
    b"print": lambda char: b" " <= char <= b"~",
    b"punct": lambda char: b"!" <= char <= b"~" and not char.isalnum(),
    b"space": lambda char: char in (b" ", b"\t", b"\n", b"\r"),
    b"upper": bytes.isupper,
    b"xdigit": lambda char: char in b"0123456789abcdefABCDEF",
}
_NAMED = re.compile(rb"\[:([^\]]*):\]")
_MEMBER = re.compile(rb"\\?(.)", re.DOTALL)


def _class_at(glob: bytes, at: int) -> tuple[list[int], int] | None:
    """Return the bytes of the class behind a `[`, and where it ends; None if broken."""
    is_negated = glob[at : at + 1] in (b"!", b"^") and at < len(glob)
    at += is_negated
    start, members = at, set[int]()
    before: int | None = None
    while glob[at : at + 1] != b"]" or at == start:
        member = _MEMBER.match(glob, at)
        if member is None or glob[at:] == b"\\":
            return None
        if named := _NAMED.match(glob, at):
            if named[1] not in _CLASSES:
                return None
            members |= {each[0] for each in filter(_CLASSES[named[1]], _ASCII)}
            before, at = None, named.end()
            continue
        is_range = member[0] == b"-" and before is not None
        last = _MEMBER.match(glob, at + 1)
        if is_range and last is not None and last[0] != b"]":
            if glob[at + 1 :] == b"\\":
                return None
            assert before is not None
            members |= {*range(before, last[1][0] + 1)}
            before, at = None, last.end()
        else:
            before = member[1][0]
            members.add(before)
            at = member.end()
    if is_negated:
        members = {*range(256)} - members
    members.discard(ord("/"))
    return (sorted(members), at + 1) if members else None


def parse_patterns(content: bytes) -> list[str]:
    """Return the patterns of a .gitignore file without comments and blanks."""
    lines = content.decode("utf-8-sig", "replace").split("\n")
    stripped = [_strip(line.removesuffix("\r")) for line in lines]
    # What is a slash or an exclamation mark alone matches nothing.
    return [
        line
        for line in stripped
        if line.removeprefix("!").strip("/") and not line.startswith("#")
    ]


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
