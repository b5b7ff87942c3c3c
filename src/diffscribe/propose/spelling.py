"""How names, texts and hunks are written, in the todo as on a terminal.

They come from strangers: no character of theirs drives a terminal, turns the direction
of a line or is invisible in a name. Names and lines that need it are in git's C-style
quotes.
"""

import re
from collections.abc import Mapping
from itertools import islice, takewhile

from wcwidth import clip, width

from diffscribe.commits.diff import ESCAPED, Hunk, patches_by_path, unescape
from diffscribe.commits.units import units_of
from diffscribe.core.errors import printable
from diffscribe.core.records import Change, FileChange, FileKind
from diffscribe.doors.git import decode, encode

_KEPT = "\u00a0\u200c\u200d\u202f\u3000"
"""Blanks and joiners that texts of some languages need, and that do no harm there."""
_LETTERS = {chr(code): f"\\{chr(letter)}" for letter, code in ESCAPED.items()}
_QUOTED = r'"(?:[^"\\]|\\.)*"'
NAME = rf'(?:{_QUOTED}(?=\s|$)|[^\s"#]\S*)'
"""A name in a line: in quotes, or one word."""
_MAX_LINE_CHARS = 200
"""Of a changed line that is shown; what is on a screen is cut further."""


def spell_name(name: str) -> str:
    """Return a name as one word, or in quotes; a byte that is no UTF-8 in octal."""
    is_plain = name.isprintable() and re.fullmatch(NAME, name) and name[0] != '"'
    return name if is_plain else _quote(name, "")


def spell_text(text: str) -> str:
    """Return one line that reads as the text and keeps its ends."""
    is_plain = (
        text == text.strip() != ""
        and safe_text(text) == text
        and not re.fullmatch(_QUOTED, text)
    )
    return text if is_plain else _quote(text, _KEPT)


def read_spelling(word: str) -> str:
    """Return the name or text that was spelled, or a plain one as it is."""
    if re.fullmatch(_QUOTED, word):
        return decode(unescape(encode(word[1:-1])))
    return word


def safe_text(text: str) -> str:
    """Return a text with escapes in place of what could drive a terminal."""
    return "".join(each if each in _KEPT else printable(each) for each in text)


def cut(text: str, columns: int) -> str:
    """Return a text of one line that is no wider, with an ellipsis if it was cut."""
    return text if width(text) <= columns else f"{clip(text, 0, columns - 1)}…"


def _quote(text: str, kept: str) -> str:
    letters = (
        _LETTERS.get(each) or (each if each in kept else _octal(each)) for each in text
    )
    return f'"{"".join(letters)}"'


def _octal(letter: str) -> str:
    if letter.isprintable():
        return letter
    return "".join(f"\\{byte:03o}" for byte in encode(letter))


def notes_of(file: FileChange) -> str:
    """Return what is to be known of a file besides its name and counts, or ''."""
    notes = (
        "" if file.old_path is None else f"from {spell_name(file.old_path)}",
        "" if file.kind == FileKind.FILE else file.kind.value,
        "binary" if file.is_binary else "",
        "" if file.mode is None else f"mode {file.old_mode} to {file.mode}",
    )
    return ", ".join(filter(None, notes))


def hunks_of(change: Change) -> Mapping[str, tuple[Hunk, ...]]:
    """Return the hunks of each file; none of one that is never split."""
    patches = patches_by_path(change.diff)
    return {
        each.path: patches[each.path][0].hunks if each.hunks > 1 else ()
        for each in units_of(change.files, change.diff)
    }


def count_lines(hunk: Hunk) -> tuple[int, int]:
    """Return how many lines a hunk adds and how many it deletes."""
    signs = [line[0] for line in hunk.lines]
    return signs.count("+"), signs.count("-")


def place_of(hunk: Hunk) -> str:
    """Return where a hunk changes its first line, and in which function if known."""
    above = len([*takewhile(lambda line: line[0] == " ", hunk.lines)])
    function = safe_text(hunk.function[1:_MAX_LINE_CHARS].expandtabs(4))
    return f"line {max(hunk.starts[1] + above, 1)}{function and f': {function}'}"


def first_changes(hunk: Hunk, count: int) -> list[str]:
    """Return the first changed lines of a hunk that are not blank, with their sign."""
    changed = (line for line in hunk.lines if line[0] in "+-" and line[1:].strip())
    return [
        safe_text(line[:_MAX_LINE_CHARS].rstrip().expandtabs(4))
        for line in islice(changed, count)
    ]
