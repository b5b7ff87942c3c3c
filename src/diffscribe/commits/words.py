"""The word lists of words.toml, and what a subject says beyond the words of all."""

import re
from functools import cache

from diffscribe.core.files import read_table


@cache
def words(name: str) -> frozenset[str]:
    """Return the words of one list."""
    return frozenset(read_table("commits", "words.toml")[name].split())


NAME_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
"""The words and numbers of a camelCase or snake_case name, or of a path."""

_TOKEN = re.compile(r"[^\s\"'`()\[\]{},;:]+")
_NUMBER = re.compile(r"[vV]?\d(?:[.\d]*\d)?(?:[.-]?[a-z]+[.\d]*)?|[vV]?\d+(?:\.[x*])+")
_NAME = re.compile(r"[A-Za-z][\w'-]+", re.ASCII)
MAX_MATCHED_CHARS = 1000
"""The rest of a subject is not matched. No style allows a longer header, and some
expressions take time by the square of the length of a word."""


def specific_words(subject: str) -> list[str]:
    """Return the words of a subject that few other subjects have.

    Small words, numbers and versions, and the verbs and nouns that fit any change are
    none, nor is a verb that comes first. `lint-staged` is one though `lint` is not.
    """
    tokens = [each.strip(".!?") for each in _TOKEN.findall(subject[:MAX_MATCHED_CHARS])]
    tokens = [each for each in tokens if re.search(r"[^\W_]", each)]
    return [
        token
        for number, token in enumerate(tokens)
        if not _NUMBER.fullmatch(token)
        and not is_common(token.lower(), *["imperatives"] * (number == 0))
    ]


def content_words(text: str) -> set[str]:
    """Return the words of a text, small and in a short form, that few other texts have.

    No verb is among them that a subject may begin with.
    """
    found = (each.lower() for each in _NAME.findall(text))
    return {
        min(word_forms(word), key=len)
        for word in found
        if not is_common(word, "imperatives", "prose")
    }


def is_common(word: str, *lists: str) -> bool:
    """Tell a small word, one that fits any change, or one of more lists.

    Inflected forms count.
    """
    forms = word_forms(word)
    return any(
        not words(name).isdisjoint(forms) for name in ("generic", "english", *lists)
    )


def word_forms(word: str) -> tuple[str, ...]:
    """Return a word and what it may be an inflection of: fixes, fixed and fixing.

    Many of the forms are no words at all; look them up in a list.
    """
    stems = [word, word.removesuffix("s"), word.removesuffix("'s")]
    for ending in ("es", "ed", "ing", "er"):
        stem = word.removesuffix(ending)
        if stem != word and len(stem) > 1:
            stems += [stem, f"{stem}e"]
            if stem[-1] == stem[-2]:
                stems.append(stem[:-1])
    if word.endswith(("ies", "ied")):
        stems.append(f"{word[:-3]}y")
    return tuple(dict.fromkeys(stems))


_INFLECTED = re.compile(r"[A-Za-z]+")
_STATEMENT = re.compile(
    r"\b(?:is|are|was|were|be|been|has|have|had|does|did|do|should|must|will|would|can"
    r"|could|cannot|may|might|not)\b|n't\b"
)
_SUPPORT_FOR = re.compile(r"^support (?:for|of) ")
_PREPOSITION = re.compile(r" +(?:and|for|from|in|of|on|or|to|with)\b")


def imperative_form(subject: str) -> str:
    """Return a subject whose first verb is in its base form: `added x` is `add x`.

    Only verbs are changed that are hardly ever nouns or adjectives in that form, and
    only where no other verb follows, so that `types of errors`, `missing link` and
    `deleted files are shown` stay. `support for x` is `support x`.
    """
    subject = _SUPPORT_FOR.sub("support ", subject)
    first = _INFLECTED.match(subject)
    if first is None or first[0] in words("imperatives"):
        return subject
    rest = subject[first.end() :]
    if not rest.startswith(" ") or _STATEMENT.search(rest):
        return subject
    if first[0].endswith("s") and _PREPOSITION.match(rest):
        return subject
    verb = _base_form(first[0])
    ending = re.search(r"(?:ed|ing)$", first[0])
    if verb != first[0] and ending is not None:
        rest = _second_verb(rest, ending[0])
    return f"{verb}{rest}"


def _base_form(verb: str) -> str:
    known = (form for form in word_forms(verb) if form in words("inflected"))
    return next(known, verb)


def _second_verb(rest: str, ending: str) -> str:
    """Put the verb of `[adding] x and fixing y` into its base form too.

    Not in `[added] merged and fixed lists`, where it is an adjective.
    """
    second = re.search(rf"^(.*?) and (\w+{ending})(?= )", rest)
    if second is None or second[1].endswith(ending):
        return rest
    return f"{second[1]} and {_base_form(second[2])}{rest[second.end() :]}"
