"""What goes wrong with a request, in the endpoint's own words, without keys."""

import time
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from diffscribe.errors import ToolError

if TYPE_CHECKING:
    import openai

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
        super().__init__(words)
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

    @property
    def reason(self) -> str:
        """Return what to count it under: `HTTP 429`, `timeout`, …."""
        return f"HTTP {self.code}" if self.code else self.fault.value


def attempt_error(error: "openai.APIError", api_key: str) -> AttemptError:
    """Return what the client's error says, without its traceback, url and key."""
    import openai

    if isinstance(error, openai.APIStatusError):
        return AttemptError(
            Fault.STATUS,
            without_key(_words(error), api_key)[:MAX_WORDS_CHARS],
            code=error.status_code,
            names=" ".join(
                str(name) for name in (error.type, error.code, error.param) if name
            ),
            asked_wait_s=_asked_wait_s(error),
        )
    if isinstance(error, openai.APITimeoutError):
        return AttemptError(Fault.TIMEOUT, "no answer in time")
    return AttemptError(
        Fault.CONNECTION, without_key(str(error.__cause__ or error), api_key)
    )


def without_key(words: str, api_key: str) -> str:
    """Return words in which an endpoint cannot repeat the key."""
    is_secret = len(api_key) >= MIN_SECRET_CHARS
    return words.replace(api_key, "[key]") if is_secret else words


def _words(error: "openai.APIStatusError") -> str:
    said: Any = error.body
    if isinstance(said, dict):
        said = said.get("message") or said.get("detail") or said.get("error")
    return str(said or error.response.text or "(no words)").strip()


def _asked_wait_s(error: "openai.APIStatusError") -> float | None:
    """Return how long to wait: milliseconds, seconds, or until a date."""
    headers = error.response.headers
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
