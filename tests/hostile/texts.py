"""Repositories whose text is meant for a terminal or a parser."""

from pathlib import Path

from tests.hostile.attacks import Place, attack
from tests.hostile.plumbing import FILE, Raw

TEXT = "text that means something else"
ESCAPES = b"\x1b]0;owned\x07\x1b[2J\x1b[31m\x9b31m\r\x08\x7f"


def raw(place: Place) -> Raw:
    return Raw(place.folder / "repository.git").started()


@attack(TEXT, rows=3)
def escapes_and_bidi(place: Place) -> Path:
    """A diff, a message and an author full of escapes and bidi marks"""
    repository = raw(place)
    text = ESCAPES.replace(b"\x9b", b"") + "\u202e\u2066\u200b\U000e0041".encode()
    for number in range(2):
        repository.commit(
            repository.text(b"%d " % number + text * 100 + b"\n"),
            b"feat: " + text + b"\n\n" + text,
            author=b"A " + text.replace(b"\x08", b"") + b" <a@example.org>",
        )
    return repository.folder


@attack(TEXT, rows=4)
def forged_borders(place: Place) -> Path:
    """Files and messages look like diffs, logs and the records of a parser"""
    repository = raw(place)
    lines = (
        b"diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n"
        b"commit " + b"1" * 40 + b"\ntree " + b"2" * 40 + b"\n"
        b":100644 100644 1111111 2222222 M\tx\n"
        b"\\ No newline at end of file\n"
    )
    for number in range(3):
        repository.commit(
            repository.text(lines * (number + 1)), b"feat: forge\n\n" + lines
        )
    return repository.folder


@attack(TEXT, rows=5)
def broken_text(place: Place) -> Path:
    """Files are UTF-16, Latin-1, overlong UTF-8 and surrogates"""
    repository = raw(place)
    for text in (
        "größe\n".encode("latin-1"),
        b"\xc0\xaf\n",
        b"\xed\xa0\x80\n",
        b"\xf5\x80\x80\x80\n",
    ):
        repository.commit(repository.text(text))
    repository.commit(repository.text("größe\n".encode("utf-16")))
    return repository.folder


@attack(TEXT, rows=3)
def odd_line_ends(place: Place) -> Path:
    """Lines end in CR, U+2028, form feeds, or not at all"""
    repository = raw(place)
    repository.commit(repository.text(b"a\rb\rc\x0cd\x0be\x85".replace(b"\x85", b"")))
    repository.commit(repository.text("a\u2028b\u2029c\u0085d".encode()))
    return repository.folder


@attack(TEXT, rows=1)
def error_with_escapes(place: Place) -> Path:
    """git complains of an object, in a folder named by escapes"""
    folder = place.folder / "\x1b]0;owned\x07\u202e.git"
    repository = Raw(folder).started()
    repository.commit(repository.tree((FILE, ESCAPES, b"1" * 40)))
    return repository.folder
