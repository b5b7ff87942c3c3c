"""One OpenAI-compatible endpoint; the only door to LLMs."""

import asyncio
import os
import re
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from diffscribe.core.errors import ParamsError, ToolError
from diffscribe.doors.reply import (
    Answer,
    AnswerError,
    AttemptError,
    Fault,
    RefusalError,
    Request,
    Rung,
    read_reply,
    request_body,
    shown_words,
)

if TYPE_CHECKING:
    from tenacity import RetryCallState


LOOPBACK = ("127.0.0.1", "localhost", "::1")


def is_loopback(base_url: str) -> bool:
    """Tell whether what is sent there stays on this machine."""
    return urlsplit(base_url).hostname in LOOPBACK


def proxy_to(base_url: str) -> str | None:
    """Return the proxy that the environment names for an address, or None.

    It cannot reach this machine, so what leads here has none.
    """
    parts = urlsplit(base_url)
    if is_loopback(base_url) or proxy_bypass(parts.netloc):
        return None
    proxies = getproxies()
    return proxies.get(parts.scheme) or proxies.get("all")


def api_key_from(variable: str | None, setting: str) -> str:
    """Return the key that a variable of the environment holds.

    Args:
        variable: None for an endpoint that wants no key.
        setting: what names the variable, for who has to mend it.

    Raises:
        ParamsError: if the environment has no such variable, or it is empty.
    """
    if variable is None:
        return "none"
    if key := os.environ.get(variable):
        return key
    raise ParamsError(
        f"the environment has no {variable}, which {setting} names; "
        f"export {variable} and run again"
    )


TRANSIENT = (408, 409, 429)
"""Worth another attempt, as every 5xx is."""
SPENT = "insufficient_quota"
"""A 429 that no wait heals."""
MAX_ASKED_WAIT_S = 120.0
"""Who asks to wait longer is not asked again."""
MAX_BACKOFF_S = 30.0


def is_transient(error: BaseException) -> bool:
    """Tell failures that time may heal from those that repeat."""
    if not isinstance(error, AttemptError):
        return False
    if error.fault != Fault.STATUS:
        return True
    if (error.asked_wait_s or 0.0) > MAX_ASKED_WAIT_S or SPENT in error.names:
        return False
    return error.code in TRANSIENT or error.code >= 500


def wait_s(state: "RetryCallState") -> float:
    """Return what the endpoint asks to wait, or a random, growing time."""
    from tenacity import wait_random_exponential

    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, AttemptError) and error.asked_wait_s is not None:
        return error.asked_wait_s
    return wait_random_exponential(multiplier=0.5, max=MAX_BACKOFF_S)(state)


RECOVERY_SHARE = 0.05
"""Of the concurrency asked for; so much comes back each time all slots answered."""


class Limiter:
    """A number of slots that 429s halve and answers restore, and two rates.

    One event loop at a time; shared by all who ask one endpoint.
    """

    def __init__(
        self,
        concurrency: int,
        *,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
    ) -> None:
        """Allow so many requests at once; no rate means none is kept."""
        self._ceiling = concurrency
        self._slots = float(concurrency)
        self._active = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._resumes_at = 0.0
        self._halved_at = 0.0
        self._requests = _Rate(requests_per_minute)
        self._tokens = _Rate(tokens_per_minute)

    @property
    def slots(self) -> int:
        """Return how many requests may be open now."""
        return int(self._slots)

    async def enter(self, tokens: int) -> float:
        """Return when a request may be sent, at that time; pair it with `leave`.

        Args:
            tokens: what it may cost; `leave` gives back what it did not.
        """
        loop = asyncio.get_running_loop()
        await self._slot(loop)
        try:
            due = max(
                self._requests.take(1, loop.time()),
                self._tokens.take(tokens, loop.time()),
            )
            while (delay_s := max(due, self._resumes_at) - loop.time()) > 0:
                await asyncio.sleep(delay_s)
        except BaseException:
            self.leave(tokens)
            raise
        return loop.time()

    def leave(self, unused_tokens: int) -> None:
        """Let the next one in."""
        self._tokens.give_back(unused_tokens)
        self._active -= 1
        self._admit()

    def succeeded(self) -> None:
        """Restore a little of what 429s took."""
        if self._slots < self._ceiling:
            gain = max(1.0, RECOVERY_SHARE * self._ceiling) / self._slots
            self._slots = min(self._ceiling, self._slots + gain)

    def cool_down(self, wait_s: float, sent_at: float) -> None:
        """Send nothing for a while, then half as much at once.

        Requests that were open when it was halved say nothing about the half.

        Args:
            wait_s: from now on.
            sent_at: when the refused request was, as `enter` said.
        """
        loop = asyncio.get_running_loop()
        if loop.time() + wait_s > self._resumes_at:
            self._resumes_at = loop.time() + wait_s
            loop.call_at(self._resumes_at, self._admit)
        if sent_at > self._halved_at:
            self._slots = max(1.0, self._slots / 2)
            self._halved_at = loop.time()

    async def _slot(self, loop: asyncio.AbstractEventLoop) -> None:
        is_free = self._active < self.slots and loop.time() >= self._resumes_at
        if is_free and not self._waiting:
            self._active += 1
            return
        turn = loop.create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            # The turn may have come in the same moment; then it is handed on.
            if turn.done() and not turn.cancelled():
                self.leave(0)
            raise

    def _admit(self) -> None:
        while self._waiting and self._active < self.slots:
            turn = self._waiting[0]
            if turn.get_loop().time() < self._resumes_at and not turn.done():
                return
            self._waiting.popleft()
            if not turn.done():
                self._active += 1
                turn.set_result(None)


class _Rate:
    """So many a minute, spread evenly."""

    def __init__(self, per_minute: float | None) -> None:
        self._each_s = 60.0 / per_minute if per_minute else 0.0
        self._next_at = 0.0

    def take(self, count: int, now: float) -> float:
        """Return from when on so many may be used."""
        due = max(self._next_at, now)
        self._next_at = due + count * self._each_s
        return due

    def give_back(self, count: int) -> None:
        self._next_at -= count * self._each_s


REFUSALS = (400, 422, 500, 501)
"""A server that validates what it does not know may call that its own fault."""

_FORMAT = re.compile(r"response_format|json_schema|json_object|json mode|structured")
_SCHEMA = re.compile(r"invalid schema|unsupported schema|grammar")
_UNSUPPORTED = re.compile(
    r"unsupported|not support|unrecognized|unknown|unexpected|not permitted|extra input"
)
_THIS_ALONE = re.compile(
    r"context[ _](?:length|size|window)|too (?:long|large|many tokens)|"
    r"maximum (?:\w+ )?(?:tokens|length)|reduce the length|"
    r"content[ _](?:policy|filter|management)|moderation|safety"
)


class Dialect(NamedTuple):
    """How to put a request so that an endpoint takes it."""

    rung: Rung = Rung.STRICT_SCHEMA
    limit_name: str = "max_tokens"
    left_out: frozenset[str] = frozenset()
    """Parameters that it refuses, of those that an answer can do without."""

    def body(self, request: Request) -> dict[str, Any]:
        """Return the JSON to send."""
        body = request_body(request, self.rung)
        body[self.limit_name] = body.pop("max_tokens")
        for name in self.left_out:
            del body[name]
        return body

    def milder(self, failure: AttemptError, request: Request) -> "Dialect | None":
        """Return what to try after a refusal, or None if it was about other things."""
        said = f"{failure.words} {failure.names}".lower()
        if failure.code not in REFUSALS or is_about_one(failure):
            return None
        if "max_completion_tokens" in said and self.limit_name == "max_tokens":
            return self._replace(limit_name="max_completion_tokens")
        if _UNSUPPORTED.search(said):
            for name in {"temperature", "seed"} - self.left_out:
                if re.search(rf"\b{name}\b", said):
                    return self._replace(left_out=self.left_out | {name})
        if request.schema is None or self.rung == Rung.TEXT:
            return None
        if _FORMAT.search(said) or _SCHEMA.search(said):
            rungs = list(Rung)
            return self._replace(rung=rungs[rungs.index(self.rung) + 1])
        return None


def is_about_one(failure: AttemptError) -> bool:
    """Tell a refusal of this request, such as its length, from one of all like it."""
    said = f"{failure.words} {failure.names}".lower()
    return failure.code == 413 or _THIS_ALONE.search(said) is not None


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
        from diffscribe.doors.wire import Door

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
