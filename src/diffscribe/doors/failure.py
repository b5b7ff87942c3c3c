"""Why an attempt brought no answer: what an endpoint said, and what follows of it.

Endpoints say the same thing in many shapes. `status_error` and `error_in` take their
words out of any of them; the functions below tell what the words mean.
"""

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from diffscribe.core.errors import ToolError

if TYPE_CHECKING:
    from tenacity import RetryCallState

MAX_WORDS_CHARS = 300
_MAX_SAID_CHARS = 8192
MIN_SECRET_CHARS = 8
"""A shorter key protects nothing, and may be part of any word."""
UNKNOWN_ERROR = 500
"""Status of an error in a 200 that names none: another attempt may succeed."""


class AnswerError(ToolError):
    """The endpoint works, but this one question got no answer."""


class RefusalError(AnswerError):
    """The endpoint refuses this question, now and later."""

    def __init__(self, words: str, *, is_about_one: bool) -> None:
        super().__init__(words)
        self.is_about_one = is_about_one
        """False if it may refuse all questions for the same reason."""


class Fault(StrEnum):
    """How an attempt ended without an answer."""

    STATUS = "status"
    TIMEOUT = "timeout"
    CONNECTION = "connection lost"
    NONSENSE = "not a chat completion"
    FILTERED = "filtered"
    """A filter of the endpoint took the answer away."""


@dataclass(eq=False)
class AttemptError(Exception):
    """One attempt brought no answer."""

    fault: Fault
    words: str
    code: int = 0
    """HTTP status, or the one named by an error in a 200; 0 without either."""
    said: str = ""
    """All that the endpoint said, in lower case; never shown."""
    asked_wait_s: float | None = None
    """How long the endpoint asks to wait, or None."""
    sent_at: float = 0.0
    """When it was sent, in the time of the event loop."""

    def __str__(self) -> str:
        return self.words

    @property
    def reason(self) -> str:
        """Return the name to count it under: `HTTP 429`, `timeout`, ...."""
        return f"HTTP {self.code}" if self.code else self.fault.value


def parse_json(content: bytes | str) -> Any:
    """Return what JSON says, however oddly it is written; None if it is none.

    NaN, a byte order mark, lone surrogates and bytes that are no UTF-8 are no reason
    to lose an answer that was paid for.
    """
    text = content if isinstance(content, str) else content.decode("utf-8", "replace")
    try:
        return json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return None


def status_error(code: int, headers: Mapping[str, str], content: bytes) -> AttemptError:
    """Return what a reply that is no 200 says, in whichever shape.

    Args:
        code: its status.
        headers: by name in lower case.
        content: its body.
    """
    told = parse_json(content)
    text = content.decode("utf-8", "replace").strip()
    return AttemptError(
        Fault.STATUS,
        error_words(told) or text or "(no words)",
        code=code,
        said=_said(told) or _said(text),
        asked_wait_s=_asked_wait_s(headers),
    )


def error_in(reply: Any) -> AttemptError | None:
    """Return the error that a part of a 200 carries, or None if it has none."""
    if not isinstance(reply, dict):
        return None
    error = reply.get("error")
    code = str(error.get("code")) if isinstance(error, dict) else ""
    if not error or code.lower() in ("0", "200", "ok", "success"):
        return None
    status = int(code) if re.fullmatch(r"[45]\d\d", code) else UNKNOWN_ERROR
    words = f"(in a 200) {error_words(error) or '(no words)'}"
    return AttemptError(Fault.STATUS, words, code=status, said=_said(error))


_WORDS = (
    "error",
    "message",
    "detail",
    "errors",
    "error_msg",
    "msg",
    "status_msg",
    "base_resp",
    "data",
)
_ECHOES = (
    "input",
    "failed_generation",
    "flagged_input",
    "messages",
    "prompt",
    "body",
    "ctx",
)
"""Where an endpoint repeats what it was sent, or what the model said."""
_MAX_DEPTH = 8


def error_words(told: Any, depth: int = 0) -> str:
    """Return the sentence for people in a JSON error, or ''."""
    if isinstance(told, str):
        return told.strip()
    if depth < _MAX_DEPTH and isinstance(told, list):
        return "; ".join(filter(None, (error_words(each, depth + 1) for each in told)))
    if depth < _MAX_DEPTH and isinstance(told, dict):
        found = (error_words(told.get(name), depth + 1) for name in _WORDS)
        words = next(filter(None, found), "")
        place = told.get("loc") or told.get("field")
        if words and isinstance(place, str | list):
            path = [place] if isinstance(place, str) else map(str, place)
            return f"{'.'.join(path)}: {words}"
        return words
    return ""


def _said(told: Any) -> str:
    return " ".join(_strings(told, 0))[:_MAX_SAID_CHARS].lower()


def _strings(told: Any, depth: int) -> Iterator[str]:
    """Yield the strings of a JSON error, names of fields too, without its echoes."""
    if isinstance(told, str):
        # `maxTokens` is one name of max_tokens.
        yield re.sub(r"(?<=[a-z])(?=[A-Z])", "_", told[:_MAX_SAID_CHARS])
    elif depth < _MAX_DEPTH and isinstance(told, list):
        for each in told:
            yield from _strings(each, depth + 1)
    elif depth < _MAX_DEPTH and isinstance(told, dict):
        for name, value in told.items():
            if name not in _ECHOES:
                yield name
                yield from _strings(value, depth + 1)


def hide_key(words: str, api_key: str) -> str:
    """Return the beginning of an endpoint's words, with the API key replaced."""
    is_secret = len(api_key) >= MIN_SECRET_CHARS
    return (words.replace(api_key, "[key]") if is_secret else words)[:MAX_WORDS_CHARS]


def _asked_wait_s(headers: Mapping[str, str]) -> float | None:
    """Return the time of Retry-After: milliseconds, seconds, or until a date."""
    for name, per_second in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers[name]) / per_second)
        except (KeyError, ValueError):
            continue
    try:
        date = parsedate_to_datetime(headers.get("retry-after", ""))
        return max(0.0, date.timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


# What it means.

_THIS_ONE = re.compile(
    r"context[ _](?:length|size|window|limit)|too (?:long|large|many (?:\w+ )?tokens)|"
    r"(?:maximum|max) (?:\w+ ){0,2}(?:tokens|length)\b|reduce the length|"
    r"input (?:length|token)|`inputs` |tokens, exceed|at most \d+ characters|"
    r"content[ _](?:policy|filter|management|exists)|usage polic|moderation|safety|"
    r"unsafe|flagged|guardrail|inappropriate|high risk|sensitive[ _]content|"
    r"data_?inspection|json_validate_failed|invalid json\b(?! payload)|"
    r"(?:failed to|not) (?:generate|validate|parse)\b.{0,30} (?:json|output)"
)
_NO_ACCESS = re.compile(
    r"insufficient[_ ](?:quota|balance|funds?|credits?)|credit balance|arrearage|"
    r"out of credits?|good standing|(?:billing[_ ](?:hard[_ ])?|spending )limit|"
    r"payment required|account\b.{0,40} (?:suspended|deactivated|disabled|not active)|"
    r"(?:invalid|incorrect|expired|wrong|a valid)[_ ]api[_ ]?key|"
    r"api[_ ]?key[_ ](?:is )?(?:not valid|invalid|expired)"
)
_UNUSABLE = (301, 302, 303, 307, 308, 401, 402, 403, 404)
"""No question will get through: wrong address, key or model, or nothing is paid."""

MAX_ASKED_WAIT_S = 120.0
"""An endpoint that asks for a longer wait is not asked again."""
_MAX_BACKOFF_S = 30.0


def is_about_one(failure: AttemptError) -> bool:
    """Tell a refusal of this question, such as its length, from one of all like it."""
    is_told = _THIS_ONE.search(failure.said) is not None
    return failure.fault == Fault.FILTERED or failure.code == 413 or is_told


def is_unusable(failure: AttemptError) -> bool:
    """Tell whether no question at all will be answered: no key, no money, moved."""
    is_page = failure.said.startswith("<")
    if failure.code == 403 and (is_page or is_about_one(failure)):
        return False  # A firewall, or moderation, that took offence at this prompt.
    told = failure.code >= 400 and _NO_ACCESS.search(failure.said) is not None
    return failure.code in _UNUSABLE or told


def is_transient(error: BaseException) -> bool:
    """Tell whether another attempt may succeed."""
    if not isinstance(error, AttemptError) or error.fault == Fault.FILTERED:
        return False
    if error.fault != Fault.STATUS:
        return True
    # No wait heals a 429 of an exhausted quota.
    if is_unusable(error) or (error.asked_wait_s or 0.0) > MAX_ASKED_WAIT_S:
        return False
    return error.code in (408, 409, 425, 429) or error.code >= 500


def wait_s(state: "RetryCallState") -> float:
    """Return the time that the endpoint asks for, or a random, growing one."""
    from tenacity import wait_random_exponential

    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, AttemptError) and error.asked_wait_s is not None:
        return error.asked_wait_s
    return wait_random_exponential(multiplier=0.5, max=_MAX_BACKOFF_S)(state)


def answer_error(failure: AttemptError) -> AnswerError:
    """Return why a question has no answer, if others may have one."""
    code = f"HTTP {failure.code}: " if failure.code else ""
    words = f"{code}{failure.words[:MAX_WORDS_CHARS]}"
    is_refused = failure.fault == Fault.FILTERED or 400 <= failure.code < 500
    if not is_refused or is_transient(failure) or failure.code == 429:
        return AnswerError(words)
    return RefusalError(words, is_about_one=is_about_one(failure))
