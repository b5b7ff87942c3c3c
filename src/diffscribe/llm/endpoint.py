"""One OpenAI-compatible endpoint; the only door to LLMs."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from diffscribe.errors import ParamsError, ToolError
from diffscribe.llm.dialect import Dialect, is_about_one
from diffscribe.llm.failures import (
    AnswerError,
    AttemptError,
    Fault,
    RefusalError,
    shown_words,
)
from diffscribe.llm.limiter import Limiter
from diffscribe.llm.reply import read_reply
from diffscribe.llm.request import Answer, Request, Rung
from diffscribe.llm.retries import is_transient, wait_s

if TYPE_CHECKING:
    from tenacity import RetryCallState

UNUSABLE = (301, 302, 303, 307, 308, 401, 403, 404)
"""No request will get through: wrong address, wrong key or wrong model."""
CHARS_PER_TOKEN = 4

Tracing = Callable[[Request], AbstractContextManager[bool]]


class Endpoint:
    """An address to ask; close it on the event loop that asked."""

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str,
        timeout_s: float,
        attempts: int,
        limiter: Limiter,
        rung: Rung | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        """Prepare to ask; nothing is sent yet.

        Args:
            base_url: ends in /v1 for most endpoints.
            api_key: anything for an endpoint that wants none.
            timeout_s: for one attempt, from its first byte to the answer's last.
            attempts: how often to ask while failures look transient.
            limiter: shared with whoever else asks this endpoint.
            rung: how to ask for JSON; None finds out with the first request.
            tracing: gives the context to send a request in, and whether MLflow is to
                look on, which takes longer.

        Raises:
            ParamsError: if the address holds what may be a key, and would be shown.
        """
        parts = urlsplit(base_url)
        if "@" in parts.netloc or parts.query:
            raise ParamsError(
                f"an address at {parts.hostname} holds a user or a query; keys belong "
                "in an environment variable, since addresses are logged"
            )
        self.faults: Counter[str] = Counter()
        """Attempts without an answer, by reason."""
        self.requests_sent = 0
        self._base_url = base_url
        self._api_key = api_key
        self._timeout_s = timeout_s
        self._attempts = attempts
        self._limiter = limiter
        self._fixed = None if rung is None else Dialect(rung)
        self._found: dict[tuple[str, bool], Dialect] = {}
        """By model and whether JSON is asked for."""
        self._tracing = tracing
        self._answers = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    async def ask(self, request: Request) -> Answer:
        """Return a model's answer.

        Timeouts, lost connections, replies that are no completion, 408, 409, 429
        and 5xx are retried after what Retry-After says, up to two minutes, or a
        growing, random wait. A 429 also slows down all others.

        Raises:
            AnswerError: if this request failed, and others may not.
            RefusalError: if the endpoint does not take such requests.
            ToolError: if it cannot be used at all.
        """
        self._connect()
        kind = (request.model, request.schema is not None)
        dialect = self._fixed or self._found.get(kind)
        if dialect is None:
            # One request finds out for all how this endpoint wants to be asked.
            async with self._probing:
                if kind not in self._found:
                    answer, self._found[kind] = await self._understood(
                        request, Dialect()
                    )
                    return answer
            dialect = self._found[kind]
        return (await self._understood(request, dialect))[0]

    def rung(self, model: str) -> Rung | None:
        """Return how a model is asked for JSON, or None before that is known."""
        found = self._fixed or self._found.get((model, True))
        return found.rung if found else None

    async def close(self) -> None:
        """Close the connections."""
        if self._loop is not None:
            self._loop = None
            await self._door.close()

    def _connect(self) -> None:
        """Make connections that belong to this event loop, if it has none yet."""
        if self._loop is asyncio.get_running_loop():
            return
        from diffscribe.llm.door import Door

        self._loop = asyncio.get_running_loop()
        self._probing = asyncio.Lock()
        self._door = Door(
            self._base_url,
            api_key=self._api_key,
            timeout_s=self._timeout_s,
        )

    async def _understood(
        self, request: Request, dialect: Dialect
    ) -> tuple[Answer, Dialect]:
        """Return an answer and how it was asked for, which is milder after refusals."""
        answers_before = self._answers
        while True:
            try:
                return await self._retried(request, dialect), dialect
            except AttemptError as failure:
                milder = None if self._fixed else dialect.milder(failure, request)
                if milder is None:
                    is_alive = self._answers > answers_before
                    raise self._explained(failure, request.model, is_alive) from None
                dialect = milder

    async def _retried(self, request: Request, dialect: Dialect) -> Answer:
        """Return an answer, by the last attempt that is allowed at the latest."""
        chars = sum(len(message.content) for message in request.messages)
        tokens = chars // CHARS_PER_TOKEN + request.max_tokens
        body = dialect.body(request)
        try:
            return await self._attempt(request, body, tokens)
        except AttemptError as failure:
            if self._attempts == 1 or not is_transient(failure):
                raise
            failures = [failure]
        from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt

        # It takes longer to start than a request to send, so only failures see it.
        async def attempt() -> Answer:
            if failures:
                raise failures.pop()
            return await self._attempt(request, body, tokens)

        retrying = AsyncRetrying(
            retry=retry_if_exception(is_transient),
            stop=stop_after_attempt(self._attempts),
            wait=wait_s,
            before_sleep=self._slow_down,
            reraise=True,
        )
        return await retrying(attempt)

    def _slow_down(self, state: "RetryCallState") -> None:
        failure = state.outcome.exception() if state.outcome else None
        if isinstance(failure, AttemptError) and failure.code == 429:
            self._limiter.cool_down(state.upcoming_sleep, failure.sent_at)

    async def _attempt(
        self, request: Request, body: Mapping[str, Any], tokens: int
    ) -> Answer:
        sent_at = await self._limiter.enter(tokens)
        unused_tokens = 0
        try:
            self.requests_sent += 1
            started = time.perf_counter()
            tracing = self._tracing(request) if self._tracing else nullcontext(False)
            with tracing as traced:
                content = await self._door.send(body, traced=traced)
            answer = read_reply(content, time.perf_counter() - started)
            used = answer.usage.prompt_tokens + answer.usage.completion_tokens
            unused_tokens = tokens - used if used else 0
        except AttemptError as failure:
            failure.sent_at = sent_at
            failure.words = shown_words(failure.words, self._api_key)
            self.faults[failure.reason] += 1
            raise
        finally:
            self._limiter.leave(unused_tokens)
        self._answers += 1
        self._limiter.succeeded()
        return answer

    def _explained(
        self, failure: AttemptError, model: str, is_alive: bool
    ) -> ToolError:
        """Return what an attempt's failure means for the request, or for all."""
        words = f"HTTP {failure.code}: {failure.words}"
        if failure.fault == Fault.TIMEOUT:
            return AnswerError(f"no answer within {self._timeout_s:g} s")
        if failure.fault == Fault.NONSENSE:
            return AnswerError(failure.words)
        if failure.fault == Fault.CONNECTION:
            if is_alive:
                return AnswerError(f"the connection was lost: {failure.words}")
            return ToolError(
                f"{self._base_url} cannot be reached ({failure.words}); "
                "check the address and that the server runs"
            )
        if failure.code in UNUSABLE or (failure.code == 429 and not is_alive):
            return ToolError(
                f"{self._base_url} refuses {model}: {words}; check the key, "
                "its quota, the address and the model's name"
            )
        if failure.code in (400, 422) and not is_about_one(failure):
            return RefusalError(f"{self._base_url} refuses {model}", words)
        return AnswerError(words)
