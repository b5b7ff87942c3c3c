"""One model to ask one thing after the other, without an event loop."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from diffscribe.llm.endpoint import Endpoint
from diffscribe.llm.failures import AnswerError, RefusalError
from diffscribe.llm.limiter import Limiter
from diffscribe.llm.request import Answer, Request, Rung
from diffscribe.records import Message


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
        self._endpoint = Endpoint(
            base_url,
            api_key=api_key,
            timeout_s=timeout_s,
            attempts=attempts,
            limiter=Limiter(1),
            rung=Rung.STRICT_SCHEMA,
        )
        self._model = model
        self._runner = asyncio.Runner()

    def close(self) -> None:
        """Close the connections."""
        self._runner.run(self._endpoint.close())
        self._runner.close()

    def complete(
        self,
        messages: Sequence[Message],
        schema: Mapping[str, Any] | None,
        *,
        max_tokens: int,
        seed: int,
    ) -> Answer:
        """Return the most likely answer, at temperature 0.

        Args:
            messages: the chat so far.
            schema: the JSON Schema of the answer; None for free text.
            max_tokens: where the answer is cut.
            seed: for endpoints that are not greedy at temperature 0.

        Raises:
            AnswerError: if this request failed, and others may not.
            ToolError: if the endpoint cannot be used.
        """
        request = Request(self._model, tuple(messages), schema, max_tokens, 0, seed)
        try:
            return self._runner.run(self._endpoint.ask(request))
        except RefusalError as error:
            # What is compared is asked the same way, and a refusal is a result.
            raise AnswerError(error.words) from error
