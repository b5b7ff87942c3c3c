"""Read the headers that people write: other words for types, areas, emoji, spacing."""

import re
from collections.abc import Collection
from typing import NamedTuple

from diffscribe.commits.cleanup import clean_header, strip_marks
from diffscribe.commits.grammar import TYPES, Header, split_message
from diffscribe.commits.path_rules import is_manifest
from diffscribe.commits.words import NAME_PARTS, words

_WORDS_FOR = {
    "feat": "feature features feats add dx enhance enhancement improve improvement",
    "fix": "bug bugs bugfix hotfix fixes fixed sec security types typing",
    "docs": "doc documentation",
    "test": "tests testing",
    "perf": "performance optimization optimisation",
    "refactor": "refac refacto refactoring depr",
    "chore": "deps dep dependencies chores bump release workflow",
    "style": "lint format fmt",
    "revert": "reverts",
}
_EMOJI_TYPES = {
    "feat": "\u2728 :sparkles: \U0001f389 :tada:",
    "fix": "\U0001f41b :bug: \U0001f691 :ambulance: \U0001fa79 :adhesive_bandage: "
    "\U0001f512 :lock:",
    "docs": "\U0001f4dd :memo: \U0001f4da :books: \u270f :pencil2: :pencil:",
    "style": "\U0001f3a8 :art: \U0001f6a8 :rotating_light:",
    "refactor": "\u267b :recycle: \U0001f69a :truck:",
    "perf": "\u26a1 :zap:",
    "test": "\u2705 :white_check_mark: \U0001f9ea :test_tube:",
    "ci": "\U0001f477 :construction_worker: \U0001f49a :green_heart:",
    "chore": "\u2b06 :arrow_up: \u2b07 :arrow_down: \U0001f4cc :pushpin: "
    "\U0001f527 :wrench: \U0001f516 :bookmark:",
}
"""What the emoji of gitmoji.dev stand for, if the header begins with one of them."""
_TYPE_OF = {type_: type_ for type_ in TYPES} | {
    sign: type_
    for table in (_WORDS_FOR, _EMOJI_TYPES)
    for type_, row in table.items()
    for sign in row.split()
}
"""The type of each type, word and emoji."""
_EMOJI_FIRST = re.compile(r"(:[a-z0-9_]+:|[^\w\s])")
_LOOSE = re.compile(
    r"(?:(?P<type>[A-Za-z][\w-]*(?:[/|,&][A-Za-z][\w-]*){0,3}) ?)?(?P<early>!)? ?"
    r"(?:\((?P<scope>(?:[^()]|\([^()]*\))*)\) ?)?(?P<late>!)? ?:+ ?"
    r"(?P<after>! ?)?(?P<subject>\S.*)"
)
"""`type(scope)!: subject` with blanks and marks where they do not belong."""
_AREA = re.compile(
    r"(?P<fix>[Ff]ix(?:e[sd])? +)?"
    r"(?P<area>@?[A-Za-z][\w./*,@+-]{0,39}(?: [a-z][\w-]{0,19})?): +(?P<subject>\S.*)"
)
_TAG = re.compile(r"\[([A-Za-z@][\w ./@:-]{0,39})\]")
_MERGE = re.compile(
    r"Merge (?:pull request|PR|branch|remote-tracking branch|commit from fork)\b"
)
_MAX_AREAS = 2
_MAX_TYPES = 3
"""Headers that stand one behind the other, as in `chore: fix(api): close it`."""
_ASCII = {0xFF1A: ": ", 0xFF01: "!", 0xFF08: "(", 0xFF09: ")"}
_QUOTED = re.compile(r"\A([\"'`])([^\"'`]*)\1\Z")
_BREAKING_EMOJI = ("\U0001f4a5", ":boom:")
"""What stands for a breaking change at gitmoji.dev."""


class LooseHeader(NamedTuple):
    """What a header of a history says, taken apart."""

    type: str | None
    """One of TYPES; None if the author named none."""
    scope: str | None
    breaking: bool
    subject: str
    """As it is written, without marks, and without the areas that stood before it."""
    areas: tuple[str, ...]
    """As in `net/http: fix a leak` or `[api] add search`."""


def read_header(message: str, paths: Collection[str] = ()) -> LooseHeader:
    """Return the header of a message, whatever its author's habits.

    The text of a pull request that git merged is its first line of prose. `[docs]`
    names a type if no word with a colon does. A capitalised word with a colon is an
    area only if a path shows it, since `Note: ` is none.
    """
    parts = split_message(message)
    header = parts.header
    if _MERGE.match(header):
        header = parts.body.split("\n", 1)[0]
    header = clean_header(header.translate(_ASCII))
    header = _QUOTED.sub(r"\2", header)
    front = header.removesuffix(strip_marks(header, ends=False))
    areas = _TAG.findall(front)
    text = strip_marks(header)
    emoji = _EMOJI_FIRST.match(front)
    type_ = _TYPE_OF.get(emoji[0]) if emoji else None
    scope, breaking = None, any(each in front for each in _BREAKING_EMOJI)
    for number in range(_MAX_TYPES):
        match = _LOOSE.fullmatch(text)
        if match is None or not (match["type"] or match["scope"]):
            break
        named = _type_of_word(match["type"])
        is_marked = bool(match["early"] or match["late"] or match["after"])
        is_header = named or (number == 0 and (match["scope"] or is_marked))
        if not is_header or (match["scope"] is not None and not match["scope"].strip()):
            break
        type_ = named if number == 0 and named else type_ or named
        scope = scope or (match["scope"].strip() if match["scope"] else None)
        text = match["subject"]
        front = text.removesuffix(strip_marks(text, ends=False))
        breaking |= is_marked or any(each in front for each in _BREAKING_EMOJI)
        areas += _TAG.findall(front)
        text = strip_marks(text)
    type_ = type_ or next(filter(None, map(_type_of_word, areas)), None)
    for _ in range(_MAX_AREAS):
        area = _AREA.fullmatch(text)
        if area is None or not _is_area(area["area"], paths):
            break
        areas.append(area["area"])
        text = f"{area['fix'] or ''}{area['subject']}"
    areas = [each for each in areas if _type_of_word(each) is None]
    return LooseHeader(type_, scope, breaking, text, tuple(areas))


def _type_of_word(text: str | None) -> str | None:
    """Return the type that a word stands for; of `feat/fix` the first."""
    kinds = [*map(_TYPE_OF.get, re.split(r"[/|,&]", (text or "").lower()))]
    return kinds[0] if None not in kinds else None


def _is_area(text: str, paths: Collection[str]) -> bool:
    if shown_scope((text,), paths):
        return True
    first, *more = text.split(" ")
    return text[0].islower() and not (more and first in words("imperatives"))


def conventional_header(message: str) -> Header | None:
    """Return the header of a message of a history, or None if it names no type."""
    found = read_header(message)
    if found.type is None:
        return None
    return Header(found.type, found.scope, found.breaking, found.subject)


_SCOPE = re.compile(r"[\w@./+-]{1,30}")
_DEPENDENCIES = {"deps", "dep", "dependencies", "deps-dev"}


def shown_scope(scopes: Collection[str], paths: Collection[str]) -> str | None:
    """Return the first scope that a path shows, or None.

    All of its words stand in one path, plural or not. `deps` is shown by manifests and
    lock files. Of `a, b` each part is looked for after the whole.
    """
    shown = [_words_of(path) for path in paths]
    for scope in scopes:
        for part in (scope, *re.split(r"[,;|&\s]+|(?<=\w)/(?=\w)", scope)):
            name = part.strip().removesuffix(":")
            if not _SCOPE.fullmatch(name):
                continue
            own = _words_of(name)
            if own and any(own <= path for path in shown):
                return name
            if name in _DEPENDENCIES and paths and all(map(is_manifest, paths)):
                return name
    return None


def _words_of(text: str) -> frozenset[str]:
    found = (word.lower() for word in NAME_PARTS.findall(text))
    return frozenset(word.removesuffix("s") or word for word in found)
