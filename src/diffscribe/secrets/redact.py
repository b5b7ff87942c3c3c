"""Replace the secrets and the people of a row by typed placeholders."""

from collections import Counter
from collections.abc import Callable, Iterator
from enum import Enum, StrEnum
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

import re2

from diffscribe.core.records import Change
from diffscribe.secrets.formats import TokenFormat
from diffscribe.secrets.linear import compiled
from diffscribe.secrets.personal import TRAILER, strip_trailers
from diffscribe.secrets.private_keys import PRIVATE_KEY, find_private_keys
from diffscribe.secrets.scan import FORMATS, find_secrets

C = TypeVar("C", bound=Change)

MAX_SECRET_BYTES = 100_000
"""Of all distinct ones in a row; more is a dump, not a change to learn from."""
MAX_SCANS = 4
"""The last one has to find nothing; one secret may hide another."""
WHOLE_WORD_CHARS = 16
"""Shorter secrets are first replaced as whole words: they may be part of others."""

COUNTED = tuple(dict.fromkeys([PRIVATE_KEY, *(each.name for each in FORMATS), TRAILER]))
"""What is counted, in the order of the metrics."""

_MACHINE_MADE = (
    *("id", "repo", "base", "head", "committed_at", "languages", "sha"),
    *("license", "source", "teacher", "prompt_sha256"),
)
"""Keys of a row whose text no author wrote; all others but enums are scanned."""

_Edit = Callable[[str, str], str]
"""Gives the new text of a key's text."""


class Problem(StrEnum):
    """Why a row cannot be learned from, even without its secrets."""

    PRIVATE_KEY = "private_key"
    SECRETS_LEFT = "secrets_left"


class Redacted(NamedTuple, Generic[C]):
    """A row without its secrets, and what it had."""

    change: C
    counts: Counter[str]
    """Distinct secrets by format, and trailers; never a secret itself."""
    problem: Problem | None


def redact(change: C) -> Redacted[C]:
    """Return a row with placeholders for secrets, e-mails and trailers removed.

    A secret has one placeholder in the whole row: diff, messages, paths, plan.
    The diff keeps its lines, and so stays a diff. If the last scan still finds
    something, every text of the row is emptied.
    """
    original = change.model_dump()
    counts: Counter[str] = Counter()
    row = _edited(original, partial(_without_trailers, counts))
    placeholders: dict[bytes, bytes] = {}
    for scan in range(MAX_SCANS):
        text = b"\n\n".join(_visible(key, _bytes(each)) for key, each in _texts(row))
        keys, secrets = find_private_keys(text), find_secrets(text)
        counts[PRIVATE_KEY] += len(keys)
        _number(secrets, counts, placeholders)
        if not (keys or secrets):
            problem = Problem.PRIVATE_KEY if counts[PRIVATE_KEY] else None
            return Redacted(_changed(change, original, row), counts, problem)
        if sum(map(len, placeholders)) > MAX_SECRET_BYTES:
            break
        pattern = _any_of(secrets, whole_words=scan == 0)
        row = _edited(row, partial(_replaced, pattern, placeholders))
    row = _edited(row, lambda _key, _text: "")
    return Redacted(_changed(change, original, row), counts, Problem.SECRETS_LEFT)


def _changed(change: C, original: dict[str, Any], row: dict[str, Any]) -> C:
    return change if row == original else type(change).model_validate(row)


def _texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text an author may have written, with its key."""
    if isinstance(value, dict):
        for name, each in value.items():
            if name not in _MACHINE_MADE:
                yield from _texts(each, name)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each, key)
    elif _is_text(value):
        yield key, value


def _edited(value: Any, edit: _Edit, key: str = "") -> Any:
    """Return a copy in which the texts that `_texts` yields are edited."""
    if isinstance(value, dict):
        return {
            name: each if name in _MACHINE_MADE else _edited(each, edit, name)
            for name, each in value.items()
        }
    if isinstance(value, list | tuple):
        return tuple(_edited(each, edit, key) for each in value)
    return edit(key, value) if _is_text(value) else value


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not isinstance(value, Enum)


def _without_trailers(counts: Counter[str], key: str, text: str) -> str:
    if key not in ("message", "body"):
        return text
    kept, trailers = strip_trailers(text)
    counts[TRAILER] += trailers
    return kept


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _visible(key: str, text: bytes) -> bytes:
    """Return a text as long, without the marks at the start of a diff's lines."""
    if key != "diff":
        return text
    return text.replace(b"\n+", b"\n ").replace(b"\n-", b"\n ")


def _number(
    secrets: dict[bytes, TokenFormat],
    counts: Counter[str],
    placeholders: dict[bytes, bytes],
) -> None:
    for secret, kind in secrets.items():
        if secret in placeholders:
            continue
        counts[kind.name] += 1
        placeholders[secret] = kind.placeholder(counts[kind.name]).encode()


def _any_of(secrets: dict[bytes, TokenFormat], whole_words: bool) -> Any:
    """Return a pattern for the secrets, the longest first; None without any."""
    if not secrets:
        return None
    longest_first = sorted(secrets, key=lambda secret: (-len(secret), secret))
    literals = (_literal(each, whole_words) for each in longest_first)
    return compiled(b"|".join(literals))


def _literal(secret: bytes, whole_word: bool) -> bytes:
    escaped: bytes = re2.escape(secret)
    if not whole_word or len(secret) >= WHOLE_WORD_CHARS:
        return escaped
    start = rb"\b" if secret[:1].isalnum() else b""
    end = rb"\b" if secret[-1:].isalnum() else b""
    return start + escaped + end


def _replaced(
    pattern: Any, placeholders: dict[bytes, bytes], key: str, text: str
) -> str:
    encoded = _bytes(text)
    keys = find_private_keys(_visible(key, encoded))
    encoded = _spliced(
        encoded,
        [
            (start, end, _blotted(key, encoded[start:end], number))
            for number, (start, end) in enumerate(keys, start=1)
        ],
    )
    if pattern is not None:
        matches = pattern.finditer(_visible(key, encoded))
        edits = [(*match.span(), placeholders[match[0]]) for match in matches]
        encoded = _spliced(encoded, edits)
    return encoded.decode("utf-8", "surrogatepass")


def _blotted(key: str, body: bytes, number: int) -> bytes:
    """Return as many lines as the body of a private key has, without the key."""
    first, *rest = body.split(b"\n")
    lines = [(b"", first)]
    lines += [(line[:1], line[1:]) if key == "diff" else (b"", line) for line in rest]
    name = f"<secret:{PRIVATE_KEY}:{number}>".encode()
    return b"\n".join(mark + (name if line.strip() else line) for mark, line in lines)


def _spliced(text: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    parts, done = [], 0
    for start, end, new in edits:
        parts += [text[done:start], new]
        done = end
    return b"".join([*parts, text[done:]])
