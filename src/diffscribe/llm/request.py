"""What is asked of a model and what it answers, whatever endpoint serves it."""

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

import orjson

from diffscribe.records import Message


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
