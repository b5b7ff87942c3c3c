"""What goes wrong with a request, in the endpoint's own words, without keys."""

import time
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any

import orjson

from diffscribe.errors import ToolError

MAX_WORDS_CHARS = 300
MIN_SECRET_CHARS = 8
"""What is shorter protects nothing, and may be part of any word."""


class AnswerError(ToolError):
    """The endpoint works, but gave no answer to this one request."""


class RefusalError(ToolError):
    """The endpoint does not take such requests; others like it would fail too."""

    def __init__(self, where: str, words: str) -> None:
        super().__init__(f"{where}: {words}; change what is asked, or ask elsewhere")
        self.words = words


class Fault(StrEnum):
    """How an attempt ended without an answer."""

    STATUS = "status"
    TIMEOUT = "timeout"
    CONNECTION = "connection lost"
    NONSENSE = "not a chat completion"


class AttemptError(Exception):
    """One attempt brought no answer; whether another may is for `retries`."""

    def __init__(
        self,
        fault: Fault,
        words: str,
        *,
        code: int = 0,
        names: str = "",
        asked_wait_s: float | None = None,
    ) -> None:
        super().__init__()
        self.fault = fault
        self.words = words
        self.code = code
        """HTTP status, or what an error in a 200 says; 0 if neither."""
        self.names = names
        """What the endpoint calls it: its type, code and parameter."""
        self.asked_wait_s = asked_wait_s
        """How long the endpoint asks to wait, or None."""
        self.sent_at = 0.0
        """In the time of the event loop."""

    def __str__(self) -> str:
        return self.words

    @property
    def reason(self) -> str:
        """Return what to count it under: `HTTP 429`, `timeout`, …."""
        return f"HTTP {self.code}" if self.code else self.fault.value


def status_error(code: int, headers: Mapping[str, str], content: bytes) -> AttemptError:
    """Return what a reply that is no 200 says, in whichever shape.

    Args:
        code: its status.
        headers: by name, in any case or in lower case.
        content: its body.
    """
    try:
        said = orjson.loads(content)
    except orjson.JSONDecodeError:
        said = None
    if isinstance(said, dict):
        said = said.get("error") or said
    names: Iterable[Any] = ()
    if isinstance(said, dict):
        names = [said.get(key) for key in ("type", "code", "param")]
        said = said.get("message") or said.get("detail")
    words = str(said or content.decode("utf-8", "replace") or "(no words)").strip()
    return AttemptError(
        Fault.STATUS,
        words,
        code=code,
        names=" ".join(str(name) for name in names if name),
        asked_wait_s=_asked_wait_s(headers),
    )


def shown_words(words: str, api_key: str) -> str:
    """Return as much as an error can show of words that may repeat the key."""
    is_secret = len(api_key) >= MIN_SECRET_CHARS
    return (words.replace(api_key, "[key]") if is_secret else words)[:MAX_WORDS_CHARS]


def without_key(content: bytes, api_key: str) -> bytes:
    """Return what an endpoint says, which may repeat the key, without it."""
    is_secret = len(api_key) >= MIN_SECRET_CHARS
    return content.replace(api_key.encode(), b"[key]") if is_secret else content


def _asked_wait_s(headers: Mapping[str, str]) -> float | None:
    """Return how long to wait: milliseconds, seconds, or until a date."""
    for name, per_second in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers[name]) / per_second)
        except (KeyError, ValueError):
            continue
    try:
        date = parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return None
    return max(0.0, date.timestamp() - time.time())
