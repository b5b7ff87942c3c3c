"""One model behind one OpenAI-compatible endpoint; the only door to LLMs."""

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError

from diffscribe.errors import ToolError
from diffscribe.llm.retries import is_transient, wait_s
from diffscribe.records import Message

if TYPE_CHECKING:
    import openai

LOOPBACK = ("127.0.0.1", "localhost", "::1")
UNUSABLE = (401, 403, 404, 429)
"""No request will get through: wrong key, wrong model, or a spent quota."""
MAX_WORDS_CHARS = 300


class AnswerError(ToolError):
    """The endpoint works, but gave no answer to this one request."""


class Completion(NamedTuple):
    """One answer of a model."""

    text: str
    """Empty if the model refused or called a tool."""
    prompt_tokens: int
    """0 if the endpoint does not count."""
    completion_tokens: int
    latency_s: float
    """Of the attempt that succeeded, without the waits before it."""
    finish_reason: str
    """`stop`, or `length` if max_tokens or the context cut the answer."""


class Client:
    """A model to ask; close it, or use contextlib.closing."""

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key: str,
        timeout_s: float,
        attempts: int,
    ) -> None:
        """Prepare to ask; nothing is sent yet.

        Args:
            base_url: ends in /v1 for most endpoints.
            model: its name at the endpoint.
            api_key: anything for an endpoint that wants none.
            timeout_s: for one attempt.
            attempts: how often to ask while failures look transient.
        """
        import openai

        # A proxy named in the environment cannot reach this machine's loopback.
        is_local = urlsplit(base_url).hostname in LOOPBACK
        self._openai = openai.OpenAI(
            base_url=base_url,
            api_key=api_key,
            timeout=timeout_s,
            max_retries=0,
            http_client=openai.DefaultHttpxClient(trust_env=not is_local),
        )
        self._base_url = base_url
        self._model = model
        self._timeout_s = timeout_s
        self._attempts = attempts

    def close(self) -> None:
        """Close the connections."""
        self._openai.close()

    def complete(
        self,
        messages: Sequence[Message],
        schema: Mapping[str, Any] | None,
        *,
        max_tokens: int,
        seed: int,
    ) -> Completion:
        """Return the most likely answer, at temperature 0.

        Timeouts, lost connections, 408, 409, 429 and 5xx are retried after a
        growing wait, or after what Retry-After says up to two minutes.

        Args:
            messages: the chat so far.
            schema: the JSON Schema of the answer; None for free text.
            max_tokens: where the answer is cut.
            seed: for endpoints that are not greedy at temperature 0.

        Raises:
            AnswerError: if this request failed, and others may not.
            ToolError: if the endpoint cannot be used.
        """
        import openai
        from tenacity import Retrying, retry_if_exception, stop_after_attempt

        retrying = Retrying(
            retry=retry_if_exception(is_transient),
            stop=stop_after_attempt(self._attempts),
            wait=wait_s,
            reraise=True,
        )
        request = {
            "model": self._model,
            "messages": [message.model_dump() for message in messages],
            "temperature": 0,
            "max_tokens": max_tokens,
            "seed": seed,
            **_response_format(schema),
        }
        try:
            return retrying(self._ask, request)
        except openai.APITimeoutError as error:
            raise AnswerError(f"no answer within {self._timeout_s:g} s") from error
        except openai.APIConnectionError as error:
            raise ToolError(
                f"{self._base_url} cannot be reached ({error.__cause__ or error}); "
                "check the address and that the server runs"
            ) from error
        except openai.APIStatusError as error:
            raise self._explained(error) from error

    def _ask(self, request: Mapping[str, Any]) -> Completion:
        started = time.perf_counter()
        answer = self._openai.chat.completions.with_raw_response.create(**request)
        latency_s = time.perf_counter() - started
        try:
            reply = _Reply.model_validate_json(answer.http_response.content)
        except ValidationError as error:
            raise AnswerError("the answer is not a chat completion") from error
        if not reply.choices:
            raise AnswerError("the answer has no choices")
        return Completion(
            text=reply.choices[0].message.content or "",
            prompt_tokens=reply.usage.prompt_tokens if reply.usage else 0,
            completion_tokens=reply.usage.completion_tokens if reply.usage else 0,
            latency_s=latency_s,
            finish_reason=reply.choices[0].finish_reason or "",
        )

    def _explained(self, error: "openai.APIStatusError") -> ToolError:
        words = f"HTTP {error.status_code}: {_words(error)}"
        if error.status_code in UNUSABLE:
            return ToolError(
                f"{self._base_url} refuses {self._model}: {words}; check the key, "
                "its quota, the address and the model's name"
            )
        return AnswerError(words)


class _ReplyMessage(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _ReplyMessage
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: int
    completion_tokens: int


class _Reply(BaseModel):
    """What we need of an answer, however much more an endpoint says."""

    choices: list[_Choice]
    usage: _Usage | None = None


def _response_format(schema: Mapping[str, Any] | None) -> dict[str, Any]:
    if schema is None:
        return {}
    named = {"name": "answer", "schema": schema, "strict": True}
    return {"response_format": {"type": "json_schema", "json_schema": named}}


def _words(error: "openai.APIStatusError") -> str:
    """Return what the endpoint itself says, as much as an error can show."""
    said = error.body.get("message") if isinstance(error.body, dict) else None
    return str(said or error.response.text or "(no words)").strip()[:MAX_WORDS_CHARS]
