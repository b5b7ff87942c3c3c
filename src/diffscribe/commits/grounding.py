"""What a message names and claims, and whether the change shows it.

The one engine for curate's filter, the check of a teacher, the gate's flags and
eval's measures. A name has to stand in the change as a whole: `port` is not shown
by `import`, nor 1.2 by 11.25. Causes and purposes cannot be looked up.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from enum import StrEnum
from functools import cached_property, lru_cache
from pathlib import PurePosixPath
from typing import NamedTuple

from diffscribe.commits.diff import parse_diff
from diffscribe.commits.words import NAME_PARTS, words
from diffscribe.core.records import Change

_MAX_TEXT_CHARS = 20_000
"""Characters of a message that are searched: each name is looked up in the diff."""


class EntityKind(StrEnum):
    """What can be looked up in a change."""

    PATH = "path"
    IDENTIFIER = "identifier"
    """Code: snake_case, camelCase, calls, flags, dotted and back-ticked names."""
    NUMBER = "number"
    """Versions, and integers from 10 on."""
    ISSUE = "issue"
    QUOTED = "quoted"
    """A string of several words in quotes or backticks."""
    COUNT = "count"
    """A number of files."""


class Entity(NamedTuple):
    """Something that a message names."""

    kind: EntityKind
    text: str


_WORDS_OF_COUNT = "two three four five six seven eight nine ten"
_COUNTS = dict(zip(_WORDS_OF_COUNT.split(), range(2, 11), strict=True))
_ENDINGS = (
    "bat|c|cc|cfg|cjs|cpp|cs|csproj|css|csv|cts|cxx|dart|erb|exs|go|gradle|h|hcl|hpp|hs"
    "|html?|ini|ipynb|java|js|json[5lc]?|jsx|kts?|less|lock|log|lua|md|mdx|mjs|mts|nix"
    "|patch|php|pl|png|properties|proto|ps1|pyi?|pyx|rb|rs|rst|sass|scala|scss|sh|sln"
    "|snap|sql|svelte|svg|swift|toml|tsx?|tsv|txt|vue|xml|ya?ml|zig|zsh"
)
_URL = r"(?P<url>https?://\S+)"
_CODE = r"`(?P<code>[^`\n]{1,120})`"
_QUOTE = r"(?<![\w'])(?P<mark>[\"'])(?P<quoted>[^\"'\n]{1,80})(?P=mark)(?!\w)"
_ISSUE = r"(?<![\w&/-])(?P<issue>(?:[\w.-]{1,80}/[\w.-]{1,80}|GH-?)?#\d+\b|GH-\d+\b)"
_COUNT = rf"\b(?P<count>\d{{1,4}}|{'|'.join(_COUNTS)})(?=\s+(?:\w+\s+)?files\b)"
_PATH = (
    r"(?<![\w/@.])(?P<path>\.{0,2}/?(?:[\w.@+-]{1,80}/){1,20}[\w.@+-]{0,80}[\w-]\.\w{1,8}"
    rf"|\.?[\w@+-][\w.@+-]{{0,80}}\.(?:{_ENDINGS}))(?![\w(/-])"
)
_FLAG = r"(?<![\w-])(?P<flag>--[A-Za-z][\w-]*\w)"
_NUMBER = (
    r"(?<![\w.-])(?<!PEP )(?<!RFC )(?<!ISO )"
    r"(?P<number>v?\d+(?:\.\d+)+(?:-[a-z]+[.\d]*)?|\d{2,})(?![\w-]|\.\d)"
)
_NAME = (
    r"\b(?P<name>[A-Za-z_]\w*(?:(?:\.|::|->)[A-Za-z_]\w*){0,8}\(\)"
    r"|[A-Za-z]\w*_\w+|_+[A-Za-z]\w+|[a-z]+\d*(?:[A-Z]+[a-z0-9]+)+[A-Z]*\b"
    r"|(?:[A-Z]+[a-z0-9]+){2,}[A-Z]*\b|[A-Z][a-z0-9]+[A-Z]{2,}\b)"
)
_PIECES = re.compile(
    "|".join((_URL, _CODE, _QUOTE, _ISSUE, _COUNT, _PATH, _FLAG, _NUMBER, _NAME))
)
_WORDS = re.compile(r"\w+(?:-\w+)*")
_NUMBERS = re.compile(r"\d+(?:\.\d+)*")
_IN_NAME = re.compile(r"[\w-]")
_CODE_LIKE = re.compile(r"[\w.:>$@#-]+(?:\(.*\))?")
_INFLECTION = re.compile(r"(?<=\w{4})(?:ing|ed|e)$")
_KINDS = {
    "path": EntityKind.PATH,
    "flag": EntityKind.IDENTIFIER,
    "name": EntityKind.IDENTIFIER,
    "number": EntityKind.NUMBER,
    "issue": EntityKind.ISSUE,
    "count": EntityKind.COUNT,
    "quoted": EntityKind.QUOTED,
}


def entities(text: str) -> list[Entity]:
    """Return what a text names, each once, in order.

    URLs are passed over: no change shows what they lead to.
    """
    return list(dict.fromkeys(_found(text[:_MAX_TEXT_CHARS])))


def _found(text: str) -> Iterator[Entity]:
    for match in _PIECES.finditer(text):
        group = match.lastgroup or ""
        if group == "code":
            yield from _in_code(match["code"].strip())
        elif group == "quoted" and len(match["quoted"]) == 1:
            continue
        elif group in _KINDS and match[group].lower() not in words("well_known"):
            yield Entity(_KINDS[group], match[group])


def _in_code(code: str) -> Iterator[Entity]:
    """Yield the name in backticks, which is one even if it is spelled like a word."""
    inside = [each for each in _found(code) if each.text == code]
    if inside:
        yield from inside
    elif _CODE_LIKE.fullmatch(code):
        yield Entity(EntityKind.IDENTIFIER, code)
    elif code:
        yield Entity(EntityKind.QUOTED, code)


class Evidence:
    """The paths and the diff of a change, in which entities are looked up."""

    def __init__(self, paths: Iterable[str], diff: str) -> None:
        self.paths = tuple(paths)
        self._spelled = "\n".join([*self.paths, diff])
        self.text = self._spelled.lower()
        self._diff = diff

    def holds(self, entity: Entity) -> bool:
        """Tell whether a change shows what a message names."""
        kind, text = entity
        match kind:
            case EntityKind.PATH:
                return self._has_path(text.lower())
            case EntityKind.IDENTIFIER:
                return self._has_name(text)
            case EntityKind.NUMBER:
                return self._has_number(text)
            case EntityKind.ISSUE:
                issue = rf"{re.escape(text.lower())}(?!\d)"
                return re.search(issue, self.text) is not None
            case EntityKind.COUNT:
                return int(_COUNTS.get(text, text)) == len(self.paths)
            case EntityKind.QUOTED:
                return all(_plain(word) in self._names for word in _WORDS.findall(text))

    def _has_path(self, path: str) -> bool:
        """Tell whether a path is there, whole or as the end of one."""
        path = path.removeprefix("./").removeprefix("/")
        # A pattern that begins with a look-behind is searched a hundred times slower.
        start = self.text.find(path)
        while start >= 0:
            end = start + len(path)
            around = self.text[max(start - 1, 0) : start] + self.text[end : end + 1]
            if not _IN_NAME.search(around):
                return True
            start = self.text.find(path, start + 1)
        return False

    def _has_name(self, name: str) -> bool:
        """Tell whether a name is there, whatever its case, `_`, `-` or ending.

        A flag of one word needs its dashes. A name of several words, such as
        `app.run`, is there if all stand in one line, as names of their own or as
        parts of others; one of them may be the file's name instead. A name with a
        leading `_`, such as the rest of `goto_{next,prev}_hunk`, may be a part too.
        """
        if name.startswith("--") and "-" not in name[2:]:
            return re.search(rf"{name.lower()}(?![\w-])", self.text) is not None
        words = {_plain(word) for word in _WORDS.findall(name)}
        left = words - {_plain(PurePosixPath(path).stem) for path in self.paths}
        if words <= self._names and (
            len(left) < 2 or any(map(left.issubset, self._names_by_line))
        ):
            return True
        parts = {_plain(part) for part in NAME_PARTS.findall(name)}
        may_be_part = len(parts) > 1 or (parts and name.startswith("_"))
        return bool(may_be_part) and any(map(parts.issubset, self._parts_by_line))

    def _has_number(self, number: str) -> bool:
        """Tell whether a number is there; a version may be longer there, or py310."""
        found = _NUMBERS.search(number)
        core = found[0] if found else number
        return core in self._numbers or f"py{core.replace('.', '')}" in self.text

    @cached_property
    def _parts_by_line(self) -> list[frozenset[str]]:
        """The words within names, such as read and all of readAll."""
        lines = self._spelled.split("\n")
        return [frozenset(map(_plain, NAME_PARTS.findall(line))) for line in lines]

    @cached_property
    def _names_by_line(self) -> list[frozenset[str]]:
        return [_names_of(line) for line in self.text.split("\n")]

    @cached_property
    def _names(self) -> frozenset[str]:
        return _names_of(self.text)

    @cached_property
    def _numbers(self) -> frozenset[str]:
        return frozenset(
            ".".join(parts[:end])
            for parts in (n.split(".") for n in set(_NUMBERS.findall(self.text)))
            for end in range(1, len(parts) + 1)
        )


def _names_of(text: str) -> frozenset[str]:
    """Return every name, plain; of one with dashes its pieces too."""
    words = set(_WORDS.findall(text))
    words |= {part for word in words if "-" in word for part in word.split("-")}
    return frozenset(map(_plain, words))


@lru_cache(maxsize=2**16)
def _plain(word: str) -> str:
    """Return a word without case, `_`, `-`, the plural's s and -ing, -ed or -e.

    Four letters have to stay, or `string` would be shown by `str`.
    """
    bare = word.lower().replace("_", "").replace("-", "")
    return _INFLECTION.sub("", bare.removesuffix("s")) or word.lower()


def evidence_of(change: Change, paths: Collection[str] | None = None) -> Evidence:
    """Return where the names in a message about a change are looked up.

    Paths are those of one of its commits; None is all.
    """
    if paths is None:
        return Evidence([file.path for file in change.files], change.diff)
    patches = [each for each in parse_diff(change.diff) if each.path in paths]
    return Evidence(paths, "".join(patch.text for patch in patches))


def absent_names(text: str, evidence: Evidence) -> list[str]:
    """Return what a text names and the change does not show, each once."""
    return [each.text for each in entities(text) if not evidence.holds(each)]


def grounded_share(text: str, evidence: Evidence) -> float:
    """Return the share of what a text names that the change shows; 1 without names."""
    named = entities(text)
    return sum(map(evidence.holds, named)) / len(named) if named else 1.0


class Claim(NamedTuple):
    """A message says that something came or went."""

    adds: bool
    entity: Entity


_ADDS = r"add|introduce|implement|create|provide|allow|enable|support|expose|include"
_REMOVES = r"remove|delete|drop|strip|eliminate|get rid of|purge"
_SENTENCE = re.compile(r"(?:(?<=[.!?;])\s|\n\n|\n(?=[-*•]\s))\s*(?:[-*•]\s+)?")
_CLAIM = re.compile(
    r"(?:(?:this|it|that)\s+|also\s+|now\s+|commit\s+|change\s+){0,4}"
    rf"(?:(?P<adds>(?:{_ADDS})(?:e?s|e?d)?)|(?P<removes>(?:{_REMOVES})(?:e?s|p?ed)?))\s+",
    re.IGNORECASE,
)
_OBJECT_END = re.compile(
    r"\s(?:to|from|for|in|on|of|with|without|instead|and|or|when|if|as|by|via|so|at|but"
    r"|before|after|because|since|while|using|than|that|which|where)\s|[,;:]|\((?!\))|\.\s"
)


def claims(message: str) -> Iterator[Claim]:
    """Yield what sentences of a message say was added or removed, if it has a name.

    The verb begins the sentence; the names stand between it and the first small
    word or sign that ends its object. A header is given without its type.
    """
    for sentence in _SENTENCE.split(message[:_MAX_TEXT_CHARS]):
        verb = _CLAIM.match(sentence)
        if verb is None:
            continue
        said = _OBJECT_END.split(sentence[verb.end() :], maxsplit=1)[0]
        for entity in entities(said):
            if entity.kind in (EntityKind.PATH, EntityKind.IDENTIFIER):
                yield Claim(verb["adds"] is not None, entity)


class Signs(NamedTuple):
    """The added and the removed lines of a diff, `+++` and `---` included."""

    added: Evidence
    removed: Evidence

    def refute(self, claim: Claim) -> bool:
        """Tell whether only lines of the other sign have what a claim is about."""
        mine, other = self if claim.adds else self[::-1]
        return other.holds(claim.entity) and not mine.holds(claim.entity)


@lru_cache(maxsize=64)
def signs_of(diff: str) -> Signs:
    """Return the lines of a diff by their sign."""
    lines = diff.split("\n")
    added, removed = (
        "\n".join(line[1:] for line in lines if line.startswith(sign)) for sign in "+-"
    )
    return Signs(Evidence((), added), Evidence((), removed))
