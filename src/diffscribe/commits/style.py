"""The style of a message: one set of rules, as the section `style` of params says.

Label asks a teacher again by these rules, curate rejects by them, the gate shows
them and eval scores them, all by `broken_rules`. What a message has to name
correctly is not style: see grounding.py.
"""

import re
from enum import StrEnum
from functools import lru_cache

from diffscribe.commits.grammar import CLOSING, REFERENCE, split_header
from diffscribe.commits.words import MAX_MATCHED_CHARS, specific_words, words
from diffscribe.core.params import StyleParams


class StyleRule(StrEnum):
    """What a message can break, in the order of the checks."""

    OTHER_TYPE = "other_type"
    """The header is no `type(scope): subject` with a type of the style."""
    LONG_HEADER = "long_header"
    """Type and scope included."""
    FULL_STOP = "full_stop"
    CAPITALISED = "capitalised"
    """The subject begins with a capitalised word that is no name or acronym."""
    TRIVIAL_MESSAGE = "trivial_message"
    """The subject could stand on any change, or only names an issue."""
    NOT_ENGLISH = "not_english"
    """The message is surely in another language."""
    NOT_IMPERATIVE = "not_imperative"
    """The subject does not begin with a known verb in its base form."""
    BODY_MISSING = "body_missing"
    BODY_GIVEN = "body_given"
    LONG_LINE = "long_line"
    """A line of the body is too long, and could be wrapped."""


_CAPITALISED = re.compile(r"[^\W\d_](?<![a-z])[a-z']*(?![\w.(/-])")


@lru_cache(maxsize=256)
def broken_rules(message: str, style: StyleParams) -> tuple[StyleRule, ...]:
    """Return the rules that a whole commit message breaks, in their order.

    A message without a type is judged as if its first line were the subject.
    """
    header, *lines = message.strip().split("\n")
    parts = split_header(header[:MAX_MATCHED_CHARS])
    subject = parts.subject if parts else header[:MAX_MATCHED_CHARS]
    body = "\n".join(lines).strip()
    breaks = {
        StyleRule.OTHER_TYPE: parts is None or parts.type not in style.types,
        StyleRule.LONG_HEADER: len(header) > style.max_header_chars,
        StyleRule.FULL_STOP: not style.full_stop and subject.endswith((".", "。")),
        StyleRule.CAPITALISED: style.lower_case
        and subject[:1].isupper()
        and _CAPITALISED.match(subject) is not None,
        StyleRule.TRIVIAL_MESSAGE: is_trivial(subject),
        StyleRule.NOT_ENGLISH: style.english and not is_english(f"{subject}\n{body}"),
        StyleRule.NOT_IMPERATIVE: style.imperative and not is_imperative(subject),
        StyleRule.BODY_MISSING: style.body == "required" and not body,
        StyleRule.BODY_GIVEN: style.body == "none" and body != "",
        StyleRule.LONG_LINE: any(
            len(line) > style.max_line_chars and " " in line.strip() for line in lines
        ),
    }
    return tuple(rule for rule in StyleRule if breaks[rule])


_TRIVIAL = re.compile(
    # What NNGen's authors removed from the first test set of the field.
    r"ignore update '.*'"
    r"|updated? (?:the )?(?:changelog|gitignore|readme(?:\.\w+| file)?)"
    r"|prepare (?:next )?version v?[ \d.]+"
    r"|bump (?:up )?(?:the )?version(?: number| code)?(?: to v?[ \d.]+(?:-snapshot)?)?"
    r"|modify (?:dockerfile|makefile)"
    r"|updates? (?:the )?(?:git )?submodules?"
    # What CommitPackFT leaves out, and its kin: a subject that names nothing.
    r"|(?:readme|dummy|tests?|wip|work in progress|auto ?commit|initial commit)"
    r"|(?:(?:small|minor|misc(?:ellaneous)?|various|more|some|other|further) )?"
    r"(?:fix(?:e[sd])?|updated?s?|change[sd]?|edit(?:s|ed)?|tweaks?|clean-? ?ups?"
    r"|improvements?|refactor(?:ed|ing)?|polish|typos?|stuff|things|work)"
    r"(?: (?:it|this|things|stuff|again|code|files?|bugs?|issues?|changes?|typos?))?"
    r"|v?\d+(?:\.\d+)+(?:-[a-z]+[.\d]*)?"
    # What hosts write for a person.
    r"|(?:resolve|merge) [\"'].*[\"']|merge (?:branch|pull request|remote-track)\b.*"
    # What programs are called by.
    r"|(?:run )?(?:go mod tidy|(?:cargo |go )?fmt|(?:npm|yarn|pnpm)(?: i| install)?)",
    re.IGNORECASE,
)
"""Whole subjects, without the full stop. Sources: NNGen (Liu et al., 2018), as
CommitBench and CommitChronicle apply it; CommitPackFT (bigcode-project/octopack).
"""
_FILE_ALONE = re.compile(
    r"(?:change|edit|modif|update)(?:d|e[ds]|s|ie[ds]|y)? (?:the )?"
    r"`?([\w./@-]+\.\w{1,8})`?",
    re.IGNORECASE,
)
"""What the editors of hosts propose: the file is seen anyway."""
_REFERENCES = re.compile(rf"\b{CLOSING}\b|{REFERENCE}", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]{2,}")


_MIN_SUBJECT_CHARS = 8
"""A shorter description, such as `fix it`, says nothing."""


def is_trivial(subject: str) -> bool:
    """Tell a subject that could stand on any change, or only names an issue."""
    subject = subject[:MAX_MATCHED_CHARS].strip().rstrip(".")
    without = _REFERENCES.sub("", subject)
    file = _FILE_ALONE.fullmatch(subject)
    return (
        len(subject) < _MIN_SUBJECT_CHARS
        or _TRIVIAL.fullmatch(subject) is not None
        or (file is not None and file[1].lower() not in words("well_known"))
        or not _WORD.search(without)
        or not specific_words(without)
    )


_MIN_ASCII_SHARE = 0.5
_MIN_FOREIGN_WORDS = 2


def is_english(text: str) -> bool:
    """Tell English, or words too few to tell, from what is surely another language.

    Surely: most letters are outside ASCII, or two small words of another
    language that uses the Latin script stand there, and more of them than
    of English ones. A bare technical term is in no language.
    """
    letters = [letter for letter in text if letter.isalpha()]
    if sum(map(str.isascii, letters)) < _MIN_ASCII_SHARE * len(letters):
        return False
    found = [word.lower() for word in re.findall(r"(?<![\w./-])[^\W\d_]+", text)]
    foreign = sum(word in words("foreign") for word in found)
    english = sum(word in words("english") for word in found)
    return foreign < _MIN_FOREIGN_WORDS or foreign <= english


_FIRST_WORD = re.compile(
    r"(?:[a-z]{2,}ly )?(?:[Rr]e|[Uu]n|[Pp]re|[Aa]uto)?-?([A-Za-z]+)(?![\w.(/:-])"
)


_NOUN_FIRST = re.compile(
    r"(?:error (?:in|messages?|when)|link for|log messages?|note (?:about|on))\b",
    re.IGNORECASE,
)
"""Words that are verbs elsewhere."""


def is_imperative(subject: str) -> bool:
    """Tell whether a subject begins with a known verb in its base form.

    An adverb may stand before it, as in `properly close the valve`.
    """
    found = _FIRST_WORD.match(subject)
    if _NOUN_FIRST.match(subject):
        return False
    return found is not None and not words("imperatives").isdisjoint(
        (found[0].split(" ")[-1].lower(), found[1].lower())
    )
