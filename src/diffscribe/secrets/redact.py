"""Replace the secrets and the people of a row, or of a prompt, by placeholders.

A secret has one placeholder in the whole row, such as `<secret:github_token:1>`.
Texts are scanned until nothing more is found, as one secret may hide another; if the
last scan still finds something, every text is emptied.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from enum import Enum, StrEnum
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

import re2

from diffscribe.core.records import Record
from diffscribe.secrets.rules import (
    MIN_PASSWORD_CHARS,
    PRIVATE_KEY,
    TRAILER,
    Rule,
    compile_linear,
    find_private_keys,
    find_secrets,
    hide_trailers,
    strip_trailers,
)

C = TypeVar("C", bound=Record)
T = TypeVar("T")

MAX_SECRET_BYTES = 100_000
"""A row with more of distinct secrets is a dump, not a change to learn from."""
MAX_SCANS = 4
WHOLE_WORD_CHARS = 16
"""Shorter secrets are first replaced as whole words: they may be part of others."""

_MARKS = (b"+", b"-", b" ", b"\\")
_MACHINE_MADE = (
    *("id", "repo", "base", "head", "committed_at", "languages", "sha"),
    *("source", "teacher", "prompt_sha256", "old_mode", "mode"),
    *("at", "command", "made_by", "shas"),
)
"""Keys of a row whose text no author wrote; all others but enums are scanned."""
_BY_PATH = ("hunks", "left_out")
"""Objects whose keys are paths, which are scanned too."""


class Problem(StrEnum):
    """Why a row cannot be learned from, even without its secrets."""

    PRIVATE_KEY = "private_key"
    SECRETS_LEFT = "secrets_left"


class Redacted(NamedTuple, Generic[C]):
    """A row without its secrets, and what it had."""

    change: C
    counts: Counter[str]
    """Distinct secrets by kind, and trailers; never a secret itself."""
    problem: Problem | None


class RedactedTexts(NamedTuple):
    """Texts without their secrets, and how to put these back."""

    texts: tuple[str, ...]
    replaced: dict[str, str]
    """The secret of each placeholder; bodies of private keys are not kept."""
    counts: Counter[str]
    problem: Problem | None

    def without(self, text: str) -> str:
        """Return a text without the secrets that stand within a word.

        Such are those behind an escaped line feed in JSON, or behind an underscore.
        """
        for new, old in sorted(self.replaced.items(), key=lambda each: -len(each[1])):
            if len(old) >= MIN_PASSWORD_CHARS:
                text = text.replace(old, new)
        return text


class _Text(NamedTuple):
    """A text that somebody may have written."""

    text: str
    is_diff: bool = False
    """Whether the first character of each line is a diff's mark."""

    def scanned(self) -> bytes:
        """Return as many bytes as the text has, with spaces for a diff's marks."""
        encoded = _encode(self.text)
        if not self.is_diff:
            return encoded
        return encoded.replace(b"\n+", b"\n ").replace(b"\n-", b"\n ")


def redact(change: C) -> Redacted[C]:
    """Return a row with placeholders for secrets and e-mails, without trailers.

    The placeholders are the same in diff, messages, paths and plan. The diff keeps
    its lines, and so stays a diff.
    """
    original = change.model_dump()
    trailers: Counter[str] = Counter()
    texts: list[_Text] = []

    def collect(key: str, text: str) -> str:
        kept, number = text, 0
        if key in ("message", "body"):
            kept, number = strip_trailers(text)
        trailers[TRAILER] += number
        # A prompt shows a diff among other lines.
        texts.append(_Text(kept, is_diff=key in ("diff", "content")))
        return text

    _edit(original, collect)
    redacted, _, counts, problem = _redact(texts)
    following = iter(redacted)
    row = _edit(original, lambda _key, _text: next(following))
    new = change if row == original else type(change).model_validate(row)
    return Redacted(new, counts + trailers, problem)


def redact_texts(texts: Sequence[str]) -> RedactedTexts:
    """Return texts that may leave the machine, such as the messages of a prompt.

    They share their placeholders, which are numbered by kind. Each may hold a diff, so
    a sign at the start of a line is no part of a secret. Lines that name people, such
    as Signed-off-by, are cut out, or emptied within a diff and within JSON.
    """
    stripped = [strip_trailers(text) for text in texts]
    hidden = [hide_trailers(text) for text, _ in stripped]
    redacted = _redact([_Text(text, is_diff=True) for text, _ in hidden])
    redacted.counts[TRAILER] += sum(number for _, number in stripped + hidden)
    return redacted._replace(texts=tuple(map(redacted.without, redacted.texts)))


def redact_json(value: Any) -> tuple[Any, Problem | None]:
    """Return a JSON value with placeholders in its strings, keys included.

    Why it cannot be kept even so is told beside it.
    """
    new, redacted = redact_within(partial(map_strings, value))
    return new, redacted.problem


def redact_within(
    with_texts: Callable[[Callable[[str], str]], T],
) -> tuple[T, RedactedTexts]:
    """Return something with its texts redacted, and what was found in them.

    `with_texts` returns it with every text changed by a function, in one order.
    """
    texts: list[str] = []

    def collect(text: str) -> str:
        texts.append(text)
        return text

    with_texts(collect)
    redacted = redact_texts(texts)
    new = iter(redacted.texts)
    return with_texts(lambda _: next(new)), redacted


def map_strings(value: Any, change: Callable[[str], str]) -> Any:
    """Return a JSON value with every string changed, keys included."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {change(key): map_strings(each, change) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [map_strings(each, change) for each in value]
    return value


def _redact(texts: Sequence[_Text]) -> RedactedTexts:
    counts: Counter[str] = Counter()
    placeholders: dict[bytes, bytes] = {}
    for scan in range(MAX_SCANS):
        joined = b"\n\n".join(each.scanned() for each in texts)
        keys, secrets = find_private_keys(joined), find_secrets(joined)
        counts[PRIVATE_KEY] += len(keys)
        for secret, rule in secrets.items():
            if secret not in placeholders:
                counts[rule.kind] += 1
                placeholders[secret] = rule.placeholder(counts[rule.kind]).encode()
        if not (keys or secrets):
            problem = Problem.PRIVATE_KEY if counts[PRIVATE_KEY] else None
            break
        if sum(map(len, placeholders)) > MAX_SECRET_BYTES:
            problem = Problem.SECRETS_LEFT
            break
        pattern = _any_of(secrets, whole_words=scan == 0)
        texts = [
            each._replace(text=_replace(each, pattern, placeholders)) for each in texts
        ]
    else:
        problem = Problem.SECRETS_LEFT
    if problem is Problem.SECRETS_LEFT:
        texts = [_Text("") for _ in texts]
    replaced = {_decode(new): _decode(old) for old, new in placeholders.items()}
    return RedactedTexts(tuple(each.text for each in texts), replaced, counts, problem)


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _decode(encoded: bytes) -> str:
    return encoded.decode("utf-8", "surrogatepass")


def _edit(value: Any, edit: Callable[[str, str], str], key: str = "") -> Any:
    """Return a copy in which every text that an author may have written is edited.

    They come in the order of the row's fields, each with its key.
    """
    if isinstance(value, dict):
        if key in _BY_PATH:
            return {edit("path", name): each for name, each in value.items()}
        return {
            name: each if name in _MACHINE_MADE else _edit(each, edit, name)
            for name, each in value.items()
        }
    if isinstance(value, list | tuple):
        return tuple(_edit(each, edit, key) for each in value)
    is_text = isinstance(value, str) and not isinstance(value, Enum)
    return edit(key, value) if is_text else value


# Replacing what was found in one text.


def _replace(text: _Text, pattern: Any, placeholders: dict[bytes, bytes]) -> str:
    encoded = _encode(text.text)
    keys = [
        (start, end, _blot(encoded[start:end], number, text.is_diff))
        for number, (start, end) in enumerate(find_private_keys(text.scanned()), 1)
    ]
    encoded = _splice(encoded, keys)
    if pattern is not None:
        matches = pattern.finditer(text._replace(text=_decode(encoded)).scanned())
        edits = [(*match.span(), placeholders[match[0]]) for match in matches]
        encoded = _splice(encoded, edits)
    return _decode(encoded)


def _any_of(secrets: dict[bytes, Rule], whole_words: bool) -> Any:
    """Return a pattern for the secrets, the longest first; None if there are none."""
    if not secrets:
        return None
    literals = []
    for secret in sorted(secrets, key=lambda each: (-len(each), each)):
        is_word = whole_words and len(secret) < WHOLE_WORD_CHARS
        start = rb"\b" if is_word and secret[:1].isalnum() else b""
        end = rb"\b" if is_word and secret[-1:].isalnum() else b""
        literals.append(start + re2.escape(secret) + end)
    return compile_linear(b"|".join(literals))


def _blot(body: bytes, number: int, is_diff: bool) -> bytes:
    """Return as many lines as the body of a private key has, without the key."""
    name = f"<secret:{PRIVATE_KEY}:{number}>".encode()
    first, *rest = body.split(b"\n")
    lines = [(b"", first)]
    for line in rest:
        mark = line[:1] if is_diff and line[:1] in _MARKS else b""
        lines.append((mark, line[len(mark) :]))
    return b"\n".join(mark + (name if line.strip() else line) for mark, line in lines)


def _splice(text: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    parts, done = [], 0
    for start, end, new in edits:
        parts += [text[done:start], new]
        done = end
    return b"".join([*parts, text[done:]])
