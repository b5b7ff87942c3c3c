"""A proxy on this machine that passes on what an assistant asks, and logs it.

It stands before any OpenAI-compatible endpoint or Ollama. What passes through is what
was sent, byte by byte, as it comes; the log gets a redacted copy when an answer is
whole. Nothing that fails in logging fails a request.
"""

import asyncio
import hashlib
import json
import logging
import os
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import aiohttp
import orjson
from aiohttp import web

from diffscribe.core.errors import ToolError
from diffscribe.doors.endpoint import is_loopback
from diffscribe.doors.failure import parse_json
from diffscribe.memory import MAX_LINE_BYTES, append_line
from diffscribe.secrets.redact import redact_json

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"
MAX_REQUEST_BYTES = 64 * 2**20
MAX_ANSWER_BYTES = 16 * 2**20
"""A longer one passes and is not logged."""
ROTATE_BYTES = 256 * 2**20
CHATS = ("/chat/completions", "/api/chat")
"""Ends of the paths of what is logged; all else only passes."""
_HOP_BY_HOP = {
    *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te"),
    *("trailer", "transfer-encoding", "upgrade", "host", "content-length"),
}
ID_HEADER = "X-Diffscribe-Id"
"""Of an answer: the id under which it is logged, for `diffscribe rate`."""


class ProxyCounts(NamedTuple):
    """What became of the answers so far."""

    logged: int
    failed: int
    """Answers that were no 200, broke off, or were of no shape that is known."""
    withheld: int
    """Not logged, since a private key or too many secrets are in them."""


class LogProxy:
    """Passes requests on to one endpoint and logs chats to one file."""

    def __init__(
        self, upstream: str, log: Path, on_problem: Callable[[str], None]
    ) -> None:
        parts = urlsplit(upstream)
        self._root = f"{parts.scheme}://{parts.netloc}"
        self._base_path = parts.path.rstrip("/")
        self._log = log
        self._on_problem = on_problem
        self._told: set[str] = set()
        self._counts: Counter[str] = Counter()
        # One thread, so that lines stand in the order of their answers.
        self._writer = ThreadPoolExecutor(max_workers=1)
        self._writes: set[asyncio.Task[None]] = set()

    @property
    def counts(self) -> ProxyCounts:
        """Return what became of the answers so far."""
        return ProxyCounts(*(self._counts[name] for name in ProxyCounts._fields))

    async def serve(self, port: int, on_ready: Callable[[int], None]) -> None:
        """Serve on the loopback address until cancelled; port 0 takes a free one.

        Raises:
            ToolError: if the port is taken.
        """
        timeout = aiohttp.ClientTimeout(total=None, connect=30)
        async with aiohttp.ClientSession(
            timeout=timeout, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
        ) as session:
            app = web.Application(client_max_size=MAX_REQUEST_BYTES)

            async def handle(request: web.Request) -> web.StreamResponse:
                return await self._pass_on(request, session)

            app.router.add_route("*", "/{path:.*}", handle)
            runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
            await runner.setup()
            try:
                site = web.TCPSite(runner, HOST, port)
                try:
                    await site.start()
                except OSError as error:
                    raise ToolError(
                        f"port {port} of {HOST} cannot be used: {error.strerror}; name "
                        "another with --port"
                    ) from error
                on_ready(runner.addresses[0][1])
                await asyncio.Event().wait()
            finally:
                await runner.cleanup()
                await asyncio.gather(*self._writes)

    async def _pass_on(
        self, request: web.Request, session: aiohttp.ClientSession
    ) -> web.StreamResponse:
        if not _is_from_here(request):
            return _refusal(403, "only programs on this machine may ask this proxy")
        body = await request.read()
        is_chat = request.method == "POST" and request.path.endswith(CHATS)
        exchange = _Exchange.begin(request.path, body) if is_chat else None
        try:
            answer = await session.request(
                request.method,
                self._address(request),
                data=body,
                headers=_passed(request.headers) | {"Accept-Encoding": "identity"},
                allow_redirects=False,
            )
        except (aiohttp.ClientError, TimeoutError) as error:
            self._counts["failed"] += exchange is not None
            return _refusal(502, f"{self._root} cannot be reached: {error}")
        async with answer:
            response = web.StreamResponse(
                status=answer.status, headers=_passed(answer.headers)
            )
            if exchange:
                response.headers[ID_HEADER] = exchange.id
            if answer.content_length is not None:
                response.content_length = answer.content_length
            await response.prepare(request)
            said = bytearray()
            try:
                async for piece in answer.content.iter_any():
                    if exchange and len(said) <= MAX_ANSWER_BYTES:
                        said += piece
                    await response.write(piece)
            except aiohttp.ClientError:
                # A chunk that breaks off must not look like an end.
                if request.transport:
                    request.transport.abort()
                self._missed(exchange)
                return response
            else:
                await response.write_eof()
            if exchange:
                self._keep(exchange, answer.status, bytes(said))
            return response

    def _address(self, request: web.Request) -> str:
        path = request.rel_url.raw_path
        # A client is told a base URL with /v1 or without, and so is this proxy.
        if not path.startswith(f"{self._base_path}/"):
            path = f"{self._base_path}{path}"
        query = request.rel_url.raw_query_string
        return f"{self._root}{path}{'?' * bool(query)}{query}"

    def _missed(self, exchange: "_Exchange | None") -> None:
        self._counts["failed"] += exchange is not None

    def _keep(self, exchange: "_Exchange", status: int, said: bytes) -> None:
        if status != 200 or len(said) > MAX_ANSWER_BYTES:
            self._missed(exchange)
            return
        task = asyncio.create_task(self._write(exchange, said))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)

    async def _write(self, exchange: "_Exchange", said: bytes) -> None:
        loop = asyncio.get_running_loop()
        try:
            became = await loop.run_in_executor(
                self._writer, log_exchange, self._log, exchange, said
            )
        except OSError as error:
            became = "failed"
            words = f"{self._log}: {error.strerror}; answers pass and are not logged"
            if words not in self._told:
                self._told.add(words)
                self._on_problem(words)
        self._counts[became] += 1


def log_exchange(log: Path, exchange: "_Exchange", said: bytes) -> str:
    """Append an exchange to a log, and return which of ProxyCounts it is.

    Raises:
        OSError: if the log cannot be written.
    """
    row = exchange.row(said)
    if row is None:
        return "failed"
    kept, problem = redact_json(row)
    if problem:
        return "withheld"
    line = orjson.dumps(kept)
    if len(line) >= MAX_LINE_BYTES:
        return "failed"
    rotate(log)
    append_line(log, line)
    return "logged"


def rotate(log: Path) -> None:
    """Give a log that is full a name of its time, so that the next line begins anew."""
    with suppress(FileNotFoundError):
        if log.stat().st_size >= ROTATE_BYTES:
            stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
            number = f"{os.getpid()}-{time.monotonic_ns()}"
            log.rename(log.with_stem(f"{log.stem}-{stamp}-{number}"))


class _Exchange(NamedTuple):
    """A chat that was asked."""

    id: str
    at: str
    is_ollama: bool
    request: dict[str, Any]

    @classmethod
    def begin(cls, path: str, body: bytes) -> "_Exchange | None":
        """Return the exchange of a request, or None if it is no chat."""
        request = parse_json(body)
        if not isinstance(request, dict) or not isinstance(
            request.get("messages"), list
        ):
            return None
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        unique = f"{at} {os.getpid()} {time.monotonic_ns()} ".encode() + body
        return cls(
            hashlib.sha256(unique).hexdigest()[:16],
            at,
            path.endswith("/api/chat"),
            request,
        )

    def row(self, said: bytes) -> dict[str, Any] | None:
        """Return a line of the log, or None if the answer is of no known shape."""
        message = (_ollama_message if self.is_ollama else _openai_message)(said)
        if message is None:
            return None
        kept = ("messages", "tools", "model")
        request = {name: self.request[name] for name in kept if name in self.request}
        return {
            "id": self.id,
            "at": self.at,
            "session": _session(self.request["messages"]),
            "model": request.pop("model", ""),
            "request": request,
            "response": {"message": message},
        }


def _session(messages: list[Any]) -> str:
    """Return a name that a chat keeps as it grows: a digest of how it began."""
    begun: list[Any] = []
    for message in messages:
        begun.append(message)
        if isinstance(message, dict) and message.get("role") == "user":
            break
    text = json.dumps(begun, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _openai_message(said: bytes) -> dict[str, Any] | None:
    """Return the message of a chat completion, whole or as a stream of events."""
    if not said.lstrip().startswith((b"data:", b":", b"event:")):
        return _message_of(parse_json(said), "message")
    whole: dict[str, Any] = {"role": "assistant", "content": ""}
    calls: dict[int, dict[str, Any]] = {}
    is_done = False
    for line in said.splitlines():
        data = line.removeprefix(b"data:").strip()
        if not line.startswith(b"data:"):
            continue
        if data == b"[DONE]":
            is_done = True
            break
        event = parse_json(data)
        delta = _message_of(event, "delta")
        if delta is None:
            continue
        is_done = is_done or bool(event["choices"][0].get("finish_reason"))
        content = delta.get("content")
        whole["content"] += content if isinstance(content, str) else ""
        for part in delta.get("tool_calls") or ():
            _add_part(calls, part)
    if not is_done:
        return None
    if calls:
        whole["tool_calls"] = [calls[at] for at in sorted(calls)]
    return whole


def _message_of(reply: Any, name: str) -> dict[str, Any] | None:
    choices = reply.get("choices") if isinstance(reply, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get(name) if isinstance(choice, dict) else None
    return message if isinstance(message, dict) else None


def _add_part(calls: dict[int, dict[str, Any]], part: Any) -> None:
    """Add a piece of a streamed call: its name comes first, its arguments by and by."""
    if not isinstance(part, dict):
        return
    at = part.get("index")
    at = at if isinstance(at, int) else len(calls)
    call = calls.setdefault(
        at, {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}
    )
    if isinstance(part.get("id"), str):
        call["id"] = call["id"] or part["id"]
    function = part.get("function")
    for name in ("name", "arguments"):
        piece = function.get(name) if isinstance(function, dict) else None
        if isinstance(piece, str):
            call["function"][name] += piece


def _ollama_message(said: bytes) -> dict[str, Any] | None:
    """Return the message of /api/chat, whole or as a stream of lines."""
    whole: dict[str, Any] = {"role": "assistant", "content": ""}
    calls: list[Any] = []
    is_done = False
    for line in said.splitlines():
        event = parse_json(line) if line.strip() else None
        message = event.get("message") if isinstance(event, dict) else None
        if isinstance(message, dict):
            content = message.get("content")
            whole["content"] += content if isinstance(content, str) else ""
            told = message.get("tool_calls")
            calls += told if isinstance(told, list) else []
        is_done = is_done or (isinstance(event, dict) and event.get("done") is True)
    if not is_done:
        return None
    return whole | ({"tool_calls": calls} if calls else {})


def _is_from_here(request: web.Request) -> bool:
    """Tell whether a program asks, and no page of a browser.

    A page of any site may send requests to this machine, under a name that it has
    made to mean this machine, or with its own name as their origin.
    """
    host = urlsplit(f"//{request.host}").hostname or ""
    origin = request.headers.get("Origin")
    is_own = origin is None or is_loopback(urlsplit(origin).hostname or "")
    return is_loopback(host) and is_own


def _passed(headers: Any) -> dict[str, str]:
    """Return the headers that go on to the other side."""
    named = {each.strip().lower() for each in headers.get("Connection", "").split(",")}
    return {
        name: value
        for name, value in headers.items()
        if name.lower() not in _HOP_BY_HOP | named
    }


def _refusal(status: int, words: str) -> web.Response:
    return web.json_response(
        {"error": {"message": f"diffscribe log-proxy: {words}", "type": "log_proxy"}},
        status=status,
    )
