"""What is asked of a model and what it answers, whatever endpoint serves it."""

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from diffscribe.records import Message


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


def request_key(request: Request) -> str:
    """Return the sha256, in hex, of all that decides the answer but the endpoint.

    Keys of the schema in another order give the same digest.
    """
    content = {
        **request._asdict(),
        "messages": [message.model_dump() for message in request.messages],
    }
    canonical = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(canonical).hexdigest()
