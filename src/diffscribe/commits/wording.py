"""Tell messages that teach nothing: trivial, a bare ticket, no English, no verb."""

import re
from enum import StrEnum

from diffscribe.commits.conventional import CLOSING, REFERENCE
from diffscribe.commits.verbs import IMPERATIVES
from diffscribe.records import PlannedCommit


class WordingProblem(StrEnum):
    """Why a message is not worth learning, in the order of the checks."""

    TRIVIAL_MESSAGE = "trivial_message"
    TICKET_ONLY = "ticket_only"
    NOT_ENGLISH = "not_english"
    NOT_IMPERATIVE = "not_imperative"


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
    r"|v?\d+(?:\.\d+)+",
    re.IGNORECASE,
)
"""Whole subjects, without the full stop. Sources: NNGen (Liu et al., 2018), as
CommitBench and CommitChronicle apply it; CommitPackFT (bigcode-project/octopack).
"""
_REFERENCES = re.compile(rf"\b{CLOSING}\b|{REFERENCE}", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]{2,}")
_FIRST_WORD = re.compile(r"(?:[Rr]e|[Uu]n|[Pp]re|[Aa]uto)?-?([A-Za-z]+)(?![\w.(/:])")

_ENGLISH = """
    a add an and are as at be by can do fix for from has if in into is it its no not
    now of on only or so that the their then this to use was when which with
"""
_FOREIGN = """
    aber auf bei beim das dem den der ein eine einem einen einer für im ist mit nach
    nicht oder über und von wird zum zur
    au aux avec dans de des du est et la le les lors pour sur une vers
    al como con del el los las para por que se según una y
    ao da dos em não os pelo uma
    alla che dei della di gli il nel per sono
    aan een het naar niet van voor worden
    att av det för inte och på som till
    dla jest nie się
"""
"""Small words of German, French, Spanish, Portuguese, Italian, Dutch, Swedish
and Polish, a line each; those that are English words too are left out.
"""
_MIN_ASCII_SHARE = 0.5
_MIN_FOREIGN_WORDS = 2


def wording_problem(
    commit: PlannedCommit, english_only: bool, imperative_only: bool
) -> WordingProblem | None:
    """Name the first reason why a message teaches nothing, or None."""
    subject = commit.subject.strip().rstrip(".")
    if _TRIVIAL.fullmatch(subject):
        return WordingProblem.TRIVIAL_MESSAGE
    if not _WORD.search(_REFERENCES.sub("", subject)):
        return WordingProblem.TICKET_ONLY
    if english_only and not is_english(f"{subject}\n{commit.body}"):
        return WordingProblem.NOT_ENGLISH
    if imperative_only and not is_imperative(subject):
        return WordingProblem.NOT_IMPERATIVE
    return None


def is_english(text: str) -> bool:
    """Tell English, or words too few to tell, from what is surely another language.

    Surely: most letters are outside ASCII, or two small words of another
    language that uses the Latin script stand there, and more of them than
    of English ones. A bare technical term is in no language.
    """
    letters = [letter for letter in text if letter.isalpha()]
    if sum(map(str.isascii, letters)) < _MIN_ASCII_SHARE * len(letters):
        return False
    words = [word.lower() for word in re.findall(r"(?<![\w./-])[^\W\d_]+", text)]
    foreign = sum(word in _FOREIGN.split() for word in words)
    english = sum(word in _ENGLISH.split() for word in words)
    return foreign < _MIN_FOREIGN_WORDS or foreign <= english


def is_imperative(subject: str) -> bool:
    """Tell whether a subject begins with a known verb in its base form."""
    found = _FIRST_WORD.match(subject)
    return found is not None and (
        found[1].lower() in IMPERATIVES or found[0].lower() in IMPERATIVES
    )
