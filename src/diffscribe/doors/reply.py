"""An endpoint's reply as an answer, whichever of the usual dialects it speaks."""

import hashlib
import re
import time
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any, NamedTuple

import orjson
from pydantic import BaseModel, ValidationError

from diffscribe.core.errors import ToolError
from diffscribe.core.records import Message


class Rung(StrEnum):
    """How firmly an endpoint can be held to a schema, firmest first."""

    STRICT_SCHEMA = "strict json_schema"
    JSON_SCHEMA = "json_schema"
    JSON_OBJECT = "json_object"
    TEXT = "text"


class Request(NamedTuple):
    """One question to one model."""

    model: str
    """Its name at the endpoint."""
    messages: tuple[Message, ...]
    """The chat so far; whoever wants JSON describes it here too."""
    schema: Mapping[str, Any] | None
    """The JSON Schema of the answer, or None for free text."""
    max_tokens: int
    """Where the answer is cut, thoughts included."""
    temperature: float
    seed: int
    reasoning_effort: str | None = None
    """`low`, `medium`, …; None leaves it to the model."""
    about: str = ""
    """The repository that is asked about: kept with the answer, and never sent."""
    traced: bool = False
    """Whether it may be shown in MLflow, which is never sent either."""


class TokenUsage(NamedTuple):
    """Tokens of one answer; 0 where the endpoint does not count."""

    prompt_tokens: int
    cached_tokens: int
    """Of the prompt, those that were read before and cost less."""
    completion_tokens: int
    reasoning_tokens: int
    """Of the completion, those that were thoughts."""


class Answer(NamedTuple):
    """What a model said."""

    text: str
    """Without thoughts; empty if the model refused or called a tool."""
    usage: TokenUsage
    latency_s: float
    """Of the attempt that succeeded, without the waits before it."""
    finish_reason: str
    """`stop`, or `length` if max_tokens or the context cut the answer."""
    model: str = ""
    """Which model answered, in the endpoint's words; empty if it does not say."""


def request_key(request: Request) -> str:
    """Return the sha256, in hex, of all that decides the answer but the endpoint.

    Keys of the schema in another order give the same digest.
    """
    content = request._asdict()
    del content["about"], content["traced"]
    content["messages"] = [message.model_dump() for message in request.messages]
    canonical = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(canonical).hexdigest()


def request_body(request: Request, rung: Rung = Rung.JSON_SCHEMA) -> dict[str, Any]:
    """Return the JSON to send to /chat/completions."""
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [
            {"role": each.role, "content": each.content} for each in request.messages
        ],
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "seed": request.seed,
    }
    if request.reasoning_effort is not None:
        body["reasoning_effort"] = request.reasoning_effort
    if request.schema is not None and rung != Rung.TEXT:
        body["response_format"] = _response_format(request.schema, rung)
    return body


def _response_format(schema: Mapping[str, Any], rung: Rung) -> dict[str, Any]:
    if rung == Rung.JSON_OBJECT:
        return {"type": "json_object"}
    is_strict = rung == Rung.STRICT_SCHEMA
    named = {"name": "answer", "schema": schema, "strict": is_strict}
    return {"type": "json_schema", "json_schema": named}


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


UNKNOWN_ERROR = 500
"""What an error in a 200 counts as that names no status: it may pass."""

_THOUGHTS = re.compile(
    r"\s*<(think|thinking|thought|reasoning)>.*?(?:</\1>|\Z)\s*", re.DOTALL
)
_END_OF_THOUGHTS = re.compile(r"</(?:think|thinking|thought|reasoning)>\s*")


def read_reply(content: bytes, latency_s: float) -> Answer:
    """Return the answer in the body of a 200.

    Thoughts are taken off, and stand in for an answer that was put among them.

    Raises:
        AttemptError: if it holds none, or an error in place of one.
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
    text = without_thoughts(_text(choice.message.content))
    # Cut off while thinking, a model has not answered yet.
    if not text.strip() and choice.finish_reason != "length":
        text = choice.message.reasoning_content or choice.message.reasoning or ""
    return Answer(
        text,
        _usage(reply.usage),
        latency_s,
        choice.finish_reason or "",
        reply.model or "",
    )


def read_answer(content: bytes, latency_s: float = 0.0) -> Answer:
    """Return the answer in a reply that is kept, where nobody can be asked again.

    Raises:
        AnswerError: if it holds none.
    """
    try:
        return read_reply(content, latency_s)
    except AttemptError as error:
        raise AnswerError(error.words) from None


def without_thoughts(text: str) -> str:
    """Return a text from where its thinking ends, empty if it never does.

    Some templates open the thoughts themselves, so only their end is in the text.
    """
    if thoughts := _THOUGHTS.match(text):
        return text[thoughts.end() :]
    end = _END_OF_THOUGHTS.search(text)
    # Who begins with an answer may write about such tags inside it.
    if end and not text.lstrip().startswith(("{", "```")):
        return text[end.end() :]
    return text


class _Part(BaseModel):
    text: str | None = None


class _Message(BaseModel):
    content: str | list[_Part] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _PromptDetails(BaseModel):
    cached_tokens: int | None = None


class _CompletionDetails(BaseModel):
    reasoning_tokens: int | None = None


class _Usage(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_cache_hit_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None


class _Error(BaseModel):
    message: str | None = None
    code: int | str | None = None


class _Reply(BaseModel):
    """What we need of a reply, however much more an endpoint says."""

    choices: list[_Choice] | None = None
    model: str | None = None
    usage: _Usage | None = None
    error: _Error | str | None = None


def _beginning(content: bytes) -> str:
    """Return the first words of what is a page, not JSON, to know whose it is."""
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


def _text(content: str | list[_Part] | None) -> str:
    if isinstance(content, list):
        return "".join(part.text or "" for part in content)
    return content or ""


def _usage(usage: _Usage | None) -> TokenUsage:
    if usage is None:
        return TokenUsage(0, 0, 0, 0)
    prompt, completion = usage.prompt_tokens_details, usage.completion_tokens_details
    cached = (prompt and prompt.cached_tokens) or usage.prompt_cache_hit_tokens
    return TokenUsage(
        prompt_tokens=usage.prompt_tokens or 0,
        cached_tokens=cached or 0,
        completion_tokens=usage.completion_tokens or 0,
        reasoning_tokens=(completion and completion.reasoning_tokens) or 0,
    )
