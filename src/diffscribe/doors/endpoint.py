"""One OpenAI-compatible endpoint; the only door to language models.

`prepare` decides what may leave for a host: it refuses private questions, and replaces
secrets and people, unless the host is this machine. An `Endpoint` sends nothing else
than what `prepare` returned. It finds out once how a model wants to be asked for JSON,
retries what may pass, and slows down for all when it is told so.
"""

import asyncio
import logging
import math
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from functools import partial
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from diffscribe.core.errors import ParamsError, ToolError
from diffscribe.core.params import check_address
from diffscribe.core.records import Message, Turn
from diffscribe.doors.dialect import Dialect, Rung, tokenize_body, unspeakable
from diffscribe.doors.failure import (
    AnswerError,
    AttemptError,
    Fault,
    answer_error,
    hide_key,
    is_transient,
    is_unusable,
    status_error,
    wait_s,
)
from diffscribe.doors.limiter import Limiter
from diffscribe.doors.reply import Answer, Question, most_tokens, read_reply
from diffscribe.secrets.redact import Problem, map_strings, redact_within

logger = logging.getLogger(__name__)

if TYPE_CHECKING:
    import openai
    from tenacity import RetryCallState

# What may leave.


def is_passed_on(model: str) -> bool:
    """Tell whether Ollama lists a model as its own and asks it elsewhere.

    Such are `glm-4.6:cloud` and `gpt-oss:120b-cloud`.
    """
    _, mark, tag = model.rpartition(":")
    return bool(mark) and f"-{tag}".endswith("-cloud")


class WithheldError(AnswerError):
    """A question holds secrets that keep it on this machine."""

    def __init__(self, problem: Problem, host: str) -> None:
        super().__init__(
            f"it holds a {problem.value.replace('_', ' ')} and is not sent to {host}"
            if problem == Problem.PRIVATE_KEY
            else f"its secrets cannot be replaced, and it is not sent to {host}"
        )
        self.problem = problem


class Outgoing(NamedTuple):
    """A question as it may be sent to one host; only `prepare` makes it."""

    question: Question
    host: str
    replaced: Mapping[str, str]
    """What each placeholder stands for."""


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine, by its name or address alone."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def host_of(base_url: str) -> str:
    """Return the host of an address, without port."""
    return urlsplit(base_url).hostname or ""


def prepare(question: Question, host: str) -> Outgoing:
    """Return a question as it may be sent to a host.

    For this machine it is unchanged. For any other host its secrets, e-mail addresses
    and lines that name people are replaced or removed, in messages, schema and tools.

    Args:
        question: as the caller has it.
        host: name or address; anything that is no loopback address counts as
            another machine, such as a file that somebody else may answer. So does a
            model that a server here passes on.

    Raises:
        ParamsError: if the question is private and the host another machine.
        WithheldError: if it holds a private key, or more secrets than a change has.
    """
    if is_loopback(host) and not is_passed_on(question.model):
        return Outgoing(question, host, {})
    if question.private:
        model = f", which passes {question.model} on" if is_loopback(host) else ""
        raise ParamsError(
            f"{question.about} is marked private and may not be sent to {host}{model}; "
            "name an endpoint on this machine, or leave the source out"
        )
    sent, redacted = redact_within(partial(_with_texts, question))
    if redacted.problem:
        raise WithheldError(redacted.problem, host)
    return Outgoing(sent, host, redacted.replaced)


def _with_texts(question: Question, change: Callable[[str], str]) -> Question:
    """Return a question with every text of it changed, each by one call, in order."""
    return question._replace(
        messages=tuple(_with_text(each, change) for each in question.messages),
        schema=map_strings(question.schema, change),
        tools=tuple(
            tool.model_copy(
                update={
                    "description": change(tool.description),
                    "parameters": map_strings(tool.parameters, change),
                }
            )
            for tool in question.tools
        ),
    )


def _with_text(message: Message | Turn, change: Callable[[str], str]) -> Message | Turn:
    changed: dict[str, Any] = {"content": change(message.content)}
    if isinstance(message, Turn):
        changed["tool_calls"] = tuple(
            call.model_copy(update={"arguments": map_strings(call.arguments, change)})
            for call in message.tool_calls
        )
    return message.model_copy(update=changed)


def api_key_from(variable: str | None) -> str:
    """Return the key in an environment variable; `none` if no variable is named.

    Raises:
        ParamsError: if the variable is missing or empty.
    """
    if variable is None:
        return "none"
    if key := os.environ.get(variable):
        return key
    raise ParamsError(
        f"the environment has no {variable}, which api_key_variable names; "
        f"export {variable} and run again"
    )


# Asking.

MAX_REPLY_BYTES = 2**23
_CHARS_PER_TOKEN = 4


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
    ) -> None:
        """Send nothing yet.

        Args:
            base_url: ends in /v1 for most endpoints.
            api_key: anything for an endpoint that wants none.
            timeout_s: for one attempt, from its first byte to the answer's last.
            attempts: number of tries while failures look transient.
            limiter: of the requests to this endpoint.
            rung: how to ask a llama-server of ours for JSON; None finds out how any
                endpoint is asked, with the first question.

        Raises:
            ValueError: if the address holds what may be a key, as it is logged.
        """
        check_address(base_url)
        self.faults: Counter[str] = Counter()
        """Attempts without an answer, by reason."""
        self.requests_sent = 0
        self._base_url = base_url
        self._api_key = api_key
        self._timeout_s = timeout_s
        self._attempts = attempts
        self._limiter = limiter
        self._is_llama_cpp = rung is not None
        self._fixed = None if rung is None else Dialect(rung, is_llama_cpp=True)
        self._dialects: dict[str, Dialect] = {}
        """How a model wants to be asked, as far as it is known."""
        self._probed: set[tuple[str, bool]] = set()
        """Models that answered, and whether they were asked for JSON."""
        self._unspeakable: dict[str, list[int]] = {}
        """Tokens that a llama-server shall leave out beside a grammar, by model."""
        self._answers = 0
        self._unusable: ToolError | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def ask(self, sent: Outgoing) -> Answer:
        """Return a model's answer to what `prepare` made for this host.

        Timeouts, lost connections, replies that are no completion, 408, 409, 429
        and 5xx are retried after the time of Retry-After, up to two minutes, or a
        growing, random wait. A 429 also slows down all others.

        Raises:
            RefusalError: if the endpoint refuses this question, or all like it.
            AnswerError: if it failed for another reason, and others may not.
            ToolError: if it cannot be used at all.
        """
        if sent.host != host_of(self._base_url):
            raise ValueError(f"a question for {sent.host} is not one for this endpoint")
        if self._loop is not asyncio.get_running_loop():
            self._loop = asyncio.get_running_loop()
            self._probing = asyncio.Lock()
            self._client = _open_client(self._base_url, self._api_key)
        question = sent.question
        kind = (question.model, question.schema is not None)
        if not self._fixed and kind not in self._probed:
            # One question finds out for all how this endpoint wants to be asked.
            async with self._probing:
                if kind not in self._probed:
                    was_llama_cpp = self._is_llama_cpp
                    answer = await self._understood(question, is_probe=True)
                    if self._is_llama_cpp and not was_llama_cpp:
                        # That answer was drawn as the model's own file says.
                        answer = await self._understood(question, is_probe=True)
                    self._probed.add(kind)
                    return answer
        return await self._understood(question)

    def rung(self, model: str) -> Rung | None:
        """Return how a model is asked for JSON, or None before that is known."""
        found = self._fixed or self._dialects.get(model)
        return found.rung if found else None

    async def close(self) -> None:
        """Close the connections."""
        if self._loop is not None:
            self._loop = None
            await self._client.close()

    async def _understood(
        self, question: Question, *, is_probe: bool = False
    ) -> Answer:
        """Return an answer, after refusals to a milder dialect, which is remembered.

        Only a probe decides for others how firmly an endpoint is held to a schema.
        """
        answers_before = self._answers
        dialect = self._fixed or self._dialects.get(question.model, Dialect())
        if is_probe:
            dialect = dialect._replace(is_llama_cpp=self._is_llama_cpp)
        while True:
            if self._unusable:
                # Those that waited for the first question would all be refused too.
                raise self._unusable
            try:
                answer = await self._retried(question, dialect)
                break
            except AttemptError as failure:
                asks_json = question.schema is not None
                milder = dialect.milder(failure, asks_json=asks_json)
                if milder is None or self._fixed:
                    is_alive = self._answers > answers_before
                    raise self._explained(failure, question.model, is_alive) from None
                dialect = milder
        known = self._dialects.get(question.model, Dialect())
        for name in sorted(dialect.left_out - known.left_out):
            logger.warning("%s refuses %s and is asked without", question.model, name)
        joined = known.joined(dialect)
        if not is_probe:
            joined = joined._replace(rung=known.rung)
        self._dialects[question.model] = joined
        return answer

    async def _retried(self, question: Question, dialect: Dialect) -> Answer:
        from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt

        retrying = AsyncRetrying(
            retry=retry_if_exception(is_transient),
            stop=stop_after_attempt(self._attempts),
            wait=wait_s,
            before_sleep=self._slow_down,
            reraise=True,
        )
        return await retrying(self._attempt, question, dialect)

    def _slow_down(self, state: "RetryCallState") -> None:
        failure = state.outcome.exception() if state.outcome else None
        if isinstance(failure, AttemptError) and failure.code == 429:
            self._limiter.cool_down(state.upcoming_sleep, failure.sent_at)

    async def _attempt(self, question: Question, dialect: Dialect) -> Answer:
        chars = sum(len(message.content) for message in question.messages)
        tokens = chars // _CHARS_PER_TOKEN + question.max_tokens
        sent_at = await self._limiter.enter(tokens)
        unused_tokens = 0
        try:
            self.requests_sent += 1
            body = dialect.body(question)
            if "grammar" in body:
                refused = await self._refused_tokens(question.model)
                body["logit_bias"] = [[token, False] for token in refused]
            started = time.perf_counter()
            content = await self._exchange("/chat/completions", body)
            latency_s = time.perf_counter() - started
            has_tools = bool(question.tools)
            answer = read_reply(content, latency_s, has_tools=has_tools)
            # After a false count, a limit of tokens would stop all for hours.
            if 0 < answer.usage.total <= most_tokens(question).total:
                unused_tokens = tokens - answer.usage.total
        except AttemptError as failure:
            failure.sent_at = sent_at
            failure.words = hide_key(failure.words, self._api_key)
            self.faults[failure.reason] += 1
            raise
        finally:
            self._limiter.leave(unused_tokens)
        self._answers += 1
        self._limiter.succeeded()
        return answer

    async def _refused_tokens(self, model: str) -> list[int]:
        if model not in self._unspeakable:
            address = f"{self._base_url.removesuffix('/v1')}/tokenize"
            reply = await self._exchange(address, tokenize_body(model))
            self._unspeakable[model] = unspeakable(reply)
        return self._unspeakable[model]

    async def _exchange(self, address: str, body: Mapping[str, Any]) -> bytes:
        """Return the body of a 200.

        Raises:
            AttemptError: if something else came, or nothing in time.
        """
        import aiohttp
        import httpx2
        import openai

        try:
            # A timeout of the client holds between two bytes, not for the whole reply.
            async with asyncio.timeout(self._timeout_s):
                reply = await self._client.post(
                    address, cast_to=httpx2.Response, body=body
                )
        except TimeoutError:
            raise AttemptError(Fault.TIMEOUT, "no answer in time") from None
        except openai.APIStatusError as error:
            refused = error.response
            raise status_error(
                refused.status_code, refused.headers, refused.content
            ) from None
        # The transport maps some of aiohttp's errors, and lets others through.
        except (openai.APIConnectionError, aiohttp.ClientError) as error:
            raise AttemptError(Fault.CONNECTION, _first_cause(error)) from None
        self._is_llama_cpp |= reply.headers.get("Server") == "llama.cpp"
        return reply.content

    def _explained(
        self, failure: AttemptError, model: str, is_alive: bool
    ) -> ToolError:
        """Return what a failure means for this question, or for all."""
        if failure.fault == Fault.TIMEOUT:
            return AnswerError(f"no answer within {self._timeout_s:g} s")
        if failure.fault == Fault.CONNECTION:
            if is_alive:
                return AnswerError(f"the connection was lost: {failure.words}")
            return ToolError(
                f"{self._base_url} cannot be reached ({failure.words}); "
                "check the address and that the server runs"
            )
        if is_unusable(failure) or (failure.code == 429 and not is_alive):
            self._unusable = ToolError(
                f"{self._base_url} refuses {model}: {answer_error(failure)}; check "
                "the key, its quota, the address and the model's name"
            )
            return self._unusable
        return answer_error(failure)


UNPACKED = {"Accept-Encoding": "identity"}
"""A small compressed reply may unpack to any size."""


def limit_reply(response: Any, max_bytes: int, max_s: float = math.inf) -> None:
    """Have the body of a reply end with an error where it grows or takes too long.

    So it does at once if it is compressed, which UNPACKED asks not to be.
    """
    import httpx2

    started = time.monotonic()
    whole = response.stream
    encoding = response.headers.get("Content-Encoding", "identity")

    class Limited(httpx2.SyncByteStream, httpx2.AsyncByteStream):
        size = 0

        def passed(self, piece: bytes) -> bytes:
            self.size += len(piece)
            if encoding != "identity":
                raise httpx2.ReadError(f"the reply is packed with {encoding}")
            if self.size > max_bytes:
                raise httpx2.ReadError(f"more than {max_bytes} bytes")
            if time.monotonic() - started > max_s:
                raise httpx2.ReadError(f"not complete within {max_s:g} s")
            return piece

        def __iter__(self) -> Iterator[bytes]:
            yield from map(self.passed, whole)

        async def __aiter__(self) -> AsyncIterator[bytes]:
            async for piece in whole:
                yield self.passed(piece)

        def close(self) -> None:
            whole.close()

        async def aclose(self) -> None:
            await whole.aclose()

    response.stream = Limited()


def _open_client(base_url: str, api_key: str) -> "openai.AsyncOpenAI":
    import httpx2
    import openai

    async def limit(response: httpx2.Response) -> None:
        limit_reply(response, MAX_REPLY_BYTES)

    return openai.AsyncOpenAI(
        base_url=base_url,
        api_key=api_key,
        max_retries=0,
        timeout=None,
        default_headers={"Connection": "close", **UNPACKED},
        http_client=openai.DefaultAioHttpClient(
            # A redirect would carry question and key to another address.
            follow_redirects=False,
            # A proxy cannot reach this machine, and would see what stays here.
            trust_env=not is_loopback(host_of(base_url)),
            verify=httpx2.create_ssl_context(),
            limits=httpx2.Limits(
                max_connections=0,  # no limit, which the Limiter has
                # An idle connection is always too old to be used again, since what
                # came late over it would be taken for the next question's answer.
                keepalive_expiry=-1,
            ),
            event_hooks={"response": [limit]},
        ),
    )


def _first_cause(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error) or type(error).__name__


class Endpoints:
    """Servers of one model, each asked one thing at a time.

    They have to answer alike, as the one that is idle is asked.
    """

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        """Take servers that are up, at least one."""
        self._endpoints = endpoints
        self._idle: asyncio.Queue[Endpoint] = asyncio.Queue()
        for each in endpoints:
            self._idle.put_nowait(each)

    @property
    def requests_sent(self) -> int:
        """Return how many requests were sent, those sent again included."""
        return sum(each.requests_sent for each in self._endpoints)

    @property
    def faults(self) -> Counter[str]:
        """Return attempts without an answer, by reason."""
        return sum((each.faults for each in self._endpoints), Counter())

    async def ask(self, sent: Outgoing) -> Answer:
        """Return the answer of a server that is idle, as Endpoint.ask."""
        endpoint = await self._idle.get()
        try:
            return await endpoint.ask(sent)
        finally:
            self._idle.put_nowait(endpoint)

    async def close(self) -> None:
        """Close the connections to all of them."""
        for each in self._endpoints:
            await each.close()
