"""Questions to models, and their replies in whichever of the usual dialects.

`read_reply` makes an Answer of the body of a 200; `status_error` makes of every other
reply an AttemptError with the endpoint's words and the time that it asks to wait.
"""

import hashlib
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any, NamedTuple

import orjson
from pydantic import BaseModel, ValidationError

from diffscribe.core.errors import ToolError
from diffscribe.core.records import Message

MAX_WORDS_CHARS = 300
MIN_SECRET_CHARS = 8
"""A shorter key protects nothing, and may be part of any word."""
MAX_TOKEN_COUNT = 2**40
"""No answer has as many. SQLite cannot hold an integer of more than 64 bits."""
UNKNOWN_ERROR = 500
"""Status of an error in a 200 that names none: another attempt may succeed."""


class Question(NamedTuple):
    """One question to one model."""

    model: str
    """Its name at the endpoint; for a GGUF, the digest of the file."""
    messages: tuple[Message, ...]
    """The chat so far. A question for JSON also describes it here."""
    schema: Mapping[str, Any] | None
    """The JSON Schema of the answer, or None for free text."""
    max_tokens: int
    """Length limit of the answer, thoughts included."""
    temperature: float
    seed: int
    about: str
    """Repository that the question is about; kept with the answer and never sent."""
    private: bool
    """Whether the question must not leave this machine."""
    reasoning_effort: str | None = None
    """`low`, `medium`, ...; None leaves it to the model."""
    traced: bool = False
    """Whether MLflow may show question and answer."""
    place: str = ""
    """Where the answer must come from; empty if an answer from anywhere counts."""
    grammar: str = ""
    """GBNF that llama-server holds the answer to; no other endpoint is sent it."""


TEMPLATE_TOKENS = 512
"""More than a chat template and its own system message add to a prompt."""


class TokenUsage(NamedTuple):
    """Tokens of one answer; 0 where the endpoint does not count."""

    prompt_tokens: int
    cached_tokens: int
    """Prompt tokens that the endpoint had read before, which cost less."""
    completion_tokens: int
    reasoning_tokens: int
    """Completion tokens that were thoughts."""

    @property
    def total(self) -> int:
        """Tokens of prompt and completion, which hold all others."""
        return self.prompt_tokens + self.completion_tokens


def most_tokens(question: Question) -> TokenUsage:
    """Return the most that a question can take.

    A token is at least a byte, and max_tokens ends an answer.
    """
    content = [message.content for message in question.messages]
    prompt_bytes = len(orjson.dumps([content, question.schema]))
    return TokenUsage(TEMPLATE_TOKENS + prompt_bytes, 0, question.max_tokens, 0)


class Answer(NamedTuple):
    """What a model said."""

    text: str
    """Without thoughts; empty if the model refused or called a tool."""
    usage: TokenUsage
    latency_s: float
    """Time of the attempt that succeeded, without the waits before it."""
    finish_reason: str
    """`stop`, or `length` if max_tokens or the context cut the answer."""
    key: str = ""
    """`question_key` of what was sent; filled in by asking."""
    replaced: Mapping[str, str] = {}
    """What each placeholder in the question stands for; filled in by asking."""


def question_key(question: Question) -> str:
    """Return the sha256, in hex, of everything that decides the answer.

    The endpoint is part of it only where `place` names one; the order of the schema's
    keys is not.
    """
    content = question._asdict()
    for name in ("about", "private", "traced"):
        del content[name]
    for name in ("place", "grammar"):
        # Without this, every key of an earlier ledger would be another.
        if not content[name]:
            del content[name]
    content["messages"] = [message.model_dump() for message in question.messages]
    canonical = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(canonical).hexdigest()


class AnswerError(ToolError):
    """The endpoint works, but this one question got no answer."""


class RefusalError(ToolError):
    """The endpoint takes no questions of this kind; others like it would fail too."""

    def __init__(self, where: str, words: str) -> None:
        super().__init__(f"{where}: {words}; change what is asked, or ask elsewhere")
        self.words = words


class Fault(StrEnum):
    """How an attempt ended without an answer."""

    STATUS = "status"
    TIMEOUT = "timeout"
    CONNECTION = "connection lost"
    NONSENSE = "not a chat completion"


@dataclass(eq=False)
class AttemptError(Exception):
    """One attempt brought no answer."""

    fault: Fault
    words: str
    code: int = 0
    """HTTP status, or the one named by an error in a 200; 0 without either."""
    names: str = ""
    """Type, code and parameter, as the endpoint names them."""
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


def status_error(code: int, headers: Mapping[str, str], content: bytes) -> AttemptError:
    """Return what a reply that is no 200 says, in whichever shape.

    Args:
        code: its status.
        headers: by name in lower case.
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
    except ValueError:
        return None
    return max(0.0, date.timestamp() - time.time())


def read_reply(content: bytes, latency_s: float = 0.0) -> Answer:
    """Return the answer in the body of a 200.

    Thoughts are removed. They become the answer if there is no other and the model
    was not cut off while thinking.

    Raises:
        AttemptError: if there is no answer, or an error in place of one.
    """
    try:
        reply = _Reply.model_validate_json(content)
    except ValidationError:
        raise AttemptError(
            Fault.NONSENSE, f"the answer is not a chat completion{_beginning(content)}"
        ) from None
    if not reply.choices:
        raise _error_in_reply(reply.error)
    choice = reply.choices[0]
    if choice.finish_reason == "error":
        # A gateway that lost the model sends the beginning of the answer this way.
        raise _error_in_reply(choice.error or "the answer broke off")
    said = choice.message.content or ""
    if isinstance(said, list):
        said = "".join(part.text or "" for part in said)
    text = without_thoughts(said)
    if not text.strip() and choice.finish_reason != "length":
        text = choice.message.reasoning_content or choice.message.reasoning or ""
    return Answer(text, _usage(reply.usage), latency_s, choice.finish_reason or "")


_THOUGHTS = re.compile(
    r"\s*(?:<(think|thinking|thought|reasoning)>.*?(?:</\1>|\Z)"
    r"|\[THINK\].*?(?:\[/THINK\]|\Z))\s*",
    re.DOTALL,
)
_END_OF_THOUGHTS = re.compile(
    r"(?:</(?:think|thinking|thought|reasoning)>|\[/THINK\])\s*"
)


def without_thoughts(text: str) -> str:
    """Return the text after the thoughts; empty if they never end.

    Some chat templates open the thoughts themselves, so that the text holds only
    their end.
    """
    if thoughts := _THOUGHTS.match(text):
        return text[thoughts.end() :]
    end = _END_OF_THOUGHTS.search(text)
    # An answer that starts as JSON or a code block may mention such a tag.
    if end and not text.lstrip().startswith(("{", "```")):
        return text[end.end() :]
    return text


class _Part(BaseModel):
    text: str | None = None


class _Message(BaseModel):
    content: str | list[_Part] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None


class _Error(BaseModel):
    message: str | None = None
    code: int | str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None
    error: _Error | str | None = None


class _Reply(BaseModel):
    """The fields that are read; endpoints add many others."""

    choices: list[_Choice] | None = None
    usage: Any = None
    error: _Error | str | None = None


def _beginning(content: bytes) -> str:
    """Return the first words of an HTML page, which tell who sent it; else nothing."""
    text = content[:MAX_WORDS_CHARS].decode("utf-8", "replace")
    words = " ".join(re.sub(r"<[^>]*>?", " ", text).split())
    return f": {words}" if text.lstrip().startswith("<") and words else ""


def _error_in_reply(error: _Error | str | None) -> AttemptError:
    if error is None:
        return AttemptError(Fault.NONSENSE, "the answer has no choices")
    said, code = (
        (error, None) if isinstance(error, str) else (error.message, error.code)
    )
    return AttemptError(
        Fault.STATUS,
        f"(in a 200) {said or '(no words)'}",
        code=code if isinstance(code, int) and code >= 400 else UNKNOWN_ERROR,
        names=str(code or ""),
    )


def _usage(told: Any) -> TokenUsage:
    """Return the counts; one that is no whole number, or too large, is not told."""

    def count(*path: str) -> int:
        value = told
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        is_whole = type(value) is int or (type(value) is float and value.is_integer())
        return int(value) if is_whole and 0 <= value < MAX_TOKEN_COUNT else 0

    prompt_tokens = count("prompt_tokens")
    cached = count("prompt_tokens_details", "cached_tokens")
    return TokenUsage(
        prompt_tokens=prompt_tokens,
        # More would make the fresh tokens, and so their price, negative.
        cached_tokens=min(prompt_tokens, cached or count("prompt_cache_hit_tokens")),
        completion_tokens=count("completion_tokens"),
        reasoning_tokens=count("completion_tokens_details", "reasoning_tokens"),
    )
