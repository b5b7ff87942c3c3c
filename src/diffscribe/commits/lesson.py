"""What a commit of a history teaches: its message as it is learned, or why it is not.

Harvest drops commits by it before it draws windows, because one commit without a lesson
would cost the whole window; label makes plans by it. Both get the same answer, since it
depends on message and paths alone.
"""

import re
from collections.abc import Collection
from enum import StrEnum
from typing import Literal

from diffscribe.commits.cleanup import (
    clean_body,
    clean_subject,
    is_cut,
    prose_body,
    references,
    short_note,
    visible_text,
    wrap_long_lines,
)
from diffscribe.commits.grammar import (
    TYPES,
    Header,
    format_header,
    format_message,
    split_header,
    split_message,
)
from diffscribe.commits.headers import LooseHeader, read_header, shown_scope
from diffscribe.commits.path_rules import decided_type, is_change_log
from diffscribe.commits.style import StyleRule, broken_rules, is_trivial
from diffscribe.commits.type_model import guess_type, names_fault
from diffscribe.commits.words import (
    NAME_PARTS,
    imperative_form,
    is_common,
    word_forms,
    words,
)
from diffscribe.core.params import StyleParams
from diffscribe.core.records import PlannedCommit

MIN_TYPE_PROBABILITY = 0.6
"""From here on a guessed type is the author's in three quarters of the commits
of histories that the model has not seen."""
_REVERT = re.compile(r"(?i:\b(?:un)?re(?:vert|apply)(?:s|ed|ing|ies)?\b)")
_REVERTS = re.compile(r"This reverts commit [0-9a-f]{7,40}")
_DOCS = re.compile(
    r"\b(?:doc ?blocks?|docstrings?|(?:java|k|php)docs?|doc comments?|docs"
    r"|documentation|typos?|misspell\w*|spelling)\b",
    re.IGNORECASE,
)
"""Words of a subject that is about documentation, wherever its files lie."""
_FIX = re.compile(r"fix(?:e[sd])? ", re.IGNORECASE)
_FIX_OF_LESS = re.compile(
    r"(?<![\w/`.-])(?:build|ci|comments?|docs?|docstrings?|documentation|examples?|formatting|lint\w*|readme"
    r"|spelling|style|tests?|typos?|warnings?|whitespace)"
    r"(?![\w/`.-]*[/`]|\w)",
    re.IGNORECASE,
)
"""What is fixed without a fix of the program, unless it is part of a name with a slash
or in backticks."""
_GOES_ON = re.compile(r"(?:\.\.\.|\u2026)\w")


class LessonReason(StrEnum):
    """Why a commit teaches no message, beside the rules of style that it breaks."""

    REVERT = "revert"
    """The reason of a revert is not in its diff."""
    CUT_SUBJECT = "cut_subject"
    """A host cut it; the rest may stand in the body."""
    CHANGE_LOG = "change_log"
    """Files of a change log alone: it names what other commits did."""
    EMPTY_SUBJECT = "empty_subject"
    """Without issues, marks and references nothing is left that says something."""
    VAGUE_SUBJECT = "vague_subject"
    """It says no more than the paths of the commit do, or not which of many things."""
    CARELESS_SUBJECT = "careless_subject"
    """It says `we` or `I`, or a word twice, or holds a header of its own."""
    NONCONVENTIONAL = "nonconventional"
    """It names no type, and none is guessed."""
    UNSURE_TYPE = "unsure_type"
    """It names no type, and neither paths nor words tell one."""


NO_LESSON = (*LessonReason, *StyleRule)
"""Why a commit may teach nothing."""


def no_lesson(
    message: str,
    paths: Collection[str],
    style: StyleParams,
    nonconventional: Literal["guess", "reject"],
) -> LessonReason | StyleRule | None:
    """Return why a commit teaches no message, or None if it does."""
    commit = clean_commit(message, paths, style, nonconventional)
    if isinstance(commit, LessonReason):
        return commit
    return next(iter(broken_rules(format_message(commit), style)), None)


_POOR_SUBJECTS = {
    LessonReason.VAGUE_SUBJECT: re.compile(
        # `refactor parser`
        r"^(?:clean[- ]?up|tidy(?: up)?|refactor|polish|improve|optimi[sz]e|enhance)"
        r"(?: [\w./-]+){1,2}$"
        # `fix a shell issue`
        r"|^(?:fix|resolve|address|correct) (?:an? |the |some )?(?:\S+ ){0,2}"
        r"(?:bug|issue|problem)s?$"
        # `fix some bugs of the pump`
        r"|\b(?:assorted|few|misc|miscellaneous|multiple|several|some|various)"
        r" (?:more |new |other |minor |small )?(?:bugs|changes|clean-?ups|docs|errors"
        r"|fixes|improvements|issues|problems|stuff|tests|things|typos|warnings)\b"
    ),
    LessonReason.CARELESS_SUBJECT: re.compile(
        r"(?<![^ (])(?:(?:we|our|us|my|me|let's)(?![^ ,)])|I(?= [a-z]))"
        r"|(?<![\w/.-])(?!(?:long|that|before) )([a-z]{2,}) \1(?![\w/.-])"
        rf"|(?:^|: )(?:{'|'.join(TYPES)})(?:\([^()]{{1,40}}\))?!?: "
    ),
}
_ODD = re.compile(r"[^\x00-\x7f]|\d")


def _poor_subject(subject: str, paths: Collection[str]) -> LessonReason | None:
    """Return why a subject teaches nothing, unless a rule of style calls it trivial."""
    if is_trivial(subject):
        return None
    for reason, form in _POOR_SUBJECTS.items():
        if form.search(subject):
            return reason
    # `fix the broken paths` and `add a unit test` fit any project.
    fits_any = all(
        word.islower() and is_common(word, "fillers")
        for word in subject.replace(",", "").split(" ")
    )
    is_vague = fits_any or _says_only_its_paths(subject, paths)
    return LessonReason.VAGUE_SUBJECT if is_vague else None


def _says_only_its_paths(subject: str, paths: Collection[str]) -> bool:
    """Tell `update the parser tests` of a commit of tests/parser.py.

    It has a verb that fits any change, and of the words beside it each does too, or
    stands in a path.
    """
    verb, *others = map(str.lower, NAME_PARTS.findall(subject) or [""])
    if verb not in words("vague_verbs") or _ODD.search(subject):
        return False
    if not words("telling").isdisjoint(others):
        return False
    left = [word for word in others if not is_common(word, "vague_nouns")]
    shown = {
        form
        for path in paths
        for part in NAME_PARTS.findall(path)
        for form in word_forms(part.lower())
    }
    return all(not shown.isdisjoint(word_forms(word)) for word in left)


_PLURAL = re.compile(r"^BREAKING[ -]CHANGES:", re.MULTILINE)
_VARIABLE = re.compile(r"\d[\w.]*|\b[0-9a-f]{7,40}\b")


def subject_template(message: str) -> str:
    """Return the subject of a message, small, with N for each number or version.

    Subjects of one template are written by a script, or by rote.
    """
    subject = clean_subject(read_header(message).subject)
    return _VARIABLE.sub("N", subject.lower())


def clean_commit(
    message: str,
    paths: Collection[str],
    style: StyleParams,
    nonconventional: Literal["guess", "reject"],
) -> PlannedCommit | LessonReason:
    """Return a commit as it is learned, with its paths, or why it has no message.

    It may break rules of style that no cleaning mends.

    With `style.headers: by_paths` files that are all of one kind decide its type, and
    it has a scope only if a path shows one. A scope that makes the header too long is
    left out. A body that is no prose is left out; what breaks stays. With `style.body:
    none` the mark of what breaks is all that stays of a body.
    """
    message = visible_text(message)
    parts = split_message(_PLURAL.sub("BREAKING CHANGE:", message))
    found = read_header(message, paths)
    if found.type == "revert" or _REVERT.search(found.subject):
        return LessonReason.REVERT
    if _REVERTS.match(parts.body):
        return LessonReason.REVERT
    if paths and all(map(is_change_log, paths)):
        return LessonReason.CHANGE_LOG
    if is_cut(found.subject) or _GOES_ON.match(parts.body):
        return LessonReason.CUT_SUBJECT
    subject = clean_subject(found.subject)
    if not subject:
        return LessonReason.EMPTY_SUBJECT
    if style.imperative:
        subject = imperative_form(subject)
    if poor := _poor_subject(subject, paths):
        return poor
    type_ = _type_of(found, subject, paths, style, nonconventional)
    if isinstance(type_, LessonReason):
        return type_
    notes = [
        wrap_long_lines(f"BREAKING CHANGE: {note}", style.max_line_chars)
        for note in map(short_note, parts.breaking_notes)
        if note
    ]
    body = "\n\n".join(
        filter(None, (prose_body(clean_body(parts.body), subject), *notes))
    )
    header = Header(type_, None, found.breaking or bool(parts.breaking_notes), subject)
    return PlannedCommit(
        files=tuple(sorted(paths)),
        type=type_,
        scope=_scope_of(found, header, paths, style),
        breaking=header.breaking,
        subject=subject,
        body="" if style.body == "none" else body,
    )


def _type_of(
    found: LooseHeader,
    subject: str,
    paths: Collection[str],
    style: StyleParams,
    nonconventional: Literal["guess", "reject"],
) -> str | LessonReason:
    by_paths = decided_type(paths)
    if found.type is not None:
        decided = by_paths if style.headers == "by_paths" else None
        return decided or found.type
    if nonconventional == "reject":
        return LessonReason.NONCONVENTIONAL
    if by_paths is not None:
        return by_paths
    if _DOCS.search(subject):
        return "docs"
    if _FIX.match(subject) and not _FIX_OF_LESS.search(subject):
        return "fix"
    guess = guess_type(subject, paths)
    # `add a valve` and `move the valve` are no fixes unless they say what was wrong.
    is_new_or_moved = subject.partition(" ")[0].lower() in words("new_or_moved")
    is_doubtful = guess.type == "fix" and is_new_or_moved and not names_fault(subject)
    # A plain message shows no type, so a wrong one teaches nothing.
    is_sure = guess.probability >= MIN_TYPE_PROBABILITY and not is_doubtful
    if is_sure or style.message == "plain":
        return guess.type
    return LessonReason.UNSURE_TYPE


def _scope_of(
    found: LooseHeader, header: Header, paths: Collection[str], style: StyleParams
) -> str | None:
    """Return a scope that fits into the header, and that a header can hold."""
    named = (found.scope,) if found.scope else ()
    scope = shown_scope((*named, *found.areas), paths)
    if style.headers == "as_written":
        # An issue is no part of the code.
        written = found.scope if not references(found.scope or "") else None
        scope = written or scope
    whole = header._replace(scope=scope)
    text = format_header(whole)
    fits = len(text) <= style.max_header_chars and split_header(text) == whole
    return scope if fits else None
