"""An OpenAI-compatible server on loopback that fails in every way seen in the wild.

A real asyncio HTTP/1.1 server on a thread of its own. Faults are drawn per request
from its seed, or named one by one with `then`; whatever a request holds decides
its answer, so that answers that were mixed up do not go unnoticed.
"""

import asyncio
import json
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from enum import StrEnum
from random import Random
from typing import Any, NamedTuple


class Fault(StrEnum):
    """One way to fail."""

    RATE_LIMITED = "429 with Retry-After"
    RATE_LIMITED_MS = "429 with retry-after-ms"
    RATE_LIMITED_SILENTLY = "429 without Retry-After"
    SERVER_ERROR = "500"
    UNAVAILABLE = "503"
    RESET = "connection reset mid-body"
    SLOW_LORIS = "one byte at a time"
    TRUNCATED = "truncated JSON"
    WRONG_JSON = "JSON of something else"
    HTML = "an HTML error page"
    ERROR_IN_200 = "a 200 that carries an error"
    DUPLICATED = "the answer twice"
    MOVED = "307"
    EMPTY = "empty content"
    REASONING_ONLY = "reasoning only"


PASSING = tuple(fault for fault in Fault if fault != Fault.MOVED)
"""After which a run goes on."""
TRANSIENT = tuple(
    fault
    for fault in PASSING
    if fault not in (Fault.DUPLICATED, Fault.EMPTY, Fault.REASONING_ONLY)
)
"""After which asking again may help; the others are answers of a kind."""


class Received(NamedTuple):
    """A request as it came."""

    headers: dict[str, str]
    body: dict[str, Any]
    at_s: float
    """In the server's time."""


def echo(body: dict[str, Any]) -> str:
    """Return an answer that only this request can have."""
    return json.dumps({"said": body["messages"][-1]["content"]})


class FaultServer:
    """The server; use it as a context manager.

    Args:
        share: of the requests that fail, drawn one by one.
        faults: what is drawn from.
        refused_formats: types of response_format that get a 400, and why not.
        slots: requests above so many at once get a 429; None serves all.
    """

    def __init__(
        self,
        *,
        share: float = 0.0,
        faults: Sequence[Fault] = PASSING,
        refused_formats: Sequence[str] = (),
        refuses: Callable[[dict[str, Any]], str | None] = lambda body: None,
        answer: Callable[[dict[str, Any]], str] = echo,
        latency_s: float = 0.0,
        slots: int | None = None,
        seed: int = 7,
    ) -> None:
        self.received: list[Received] = []
        self.done: Counter[str] = Counter()
        """How requests ended: by fault, `answered` or `refused`."""
        self.most_open = 0
        self.connections = 0
        self._share, self._faults = share, faults
        self._refused_formats, self._refuses = refused_formats, refuses
        self._answer, self._latency_s, self._slots = answer, latency_s, slots
        self._draw = Random(seed)
        self._script: deque[Fault | None] = deque()
        self._open = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def then(self, *faults: Fault | None) -> "FaultServer":
        """Fail the next requests this way, in order; None answers one."""
        self._script.extend(faults)
        return self

    def __enter__(self) -> "FaultServer":
        self._thread.start()
        starting = asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=2048)
        self._server = self._run(starting)
        port = self._server.sockets[0].getsockname()[1]
        self.base_url = f"http://127.0.0.1:{port}/v1"
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _stop(self) -> None:
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.connections += 1
        try:
            while await self._exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            """The client gave up first."""
        finally:
            writer.close()

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Serve one request; return whether the connection can go on."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        lines = [line.split(": ", 1) for line in head.split("\r\n")[1:] if line]
        headers = {name.lower(): value for name, value in lines}
        body = json.loads(await reader.readexactly(int(headers["content-length"])))
        self.received.append(Received(headers, body, self._loop.time()))
        self._open += 1
        self.most_open = max(self.most_open, self._open)
        try:
            return await self._respond(body, writer)
        finally:
            self._open -= 1

    async def _respond(
        self, body: dict[str, Any], writer: asyncio.StreamWriter
    ) -> bool:
        kind = body.get("response_format", {}).get("type", "text")
        words = self._refuses(body)
        if kind in self._refused_formats:
            words = "This response_format type is unavailable now"
        if words:
            return self._write(writer, "refused", 400, error(words, "invalid_request"))
        if self._slots is not None and self._open > self._slots:
            return self._write(writer, "over slots", *STATUSES[Fault.RATE_LIMITED])
        fault = self._next_fault()
        if self._latency_s and fault not in QUICK:
            await asyncio.sleep(self._latency_s)
        return await self._fail(fault, body, writer)

    def _next_fault(self) -> Fault | None:
        if self._script:
            return self._script.popleft()
        fails = self._draw.random() < self._share
        return self._draw.choice(self._faults) if fails else None

    async def _fail(
        self, fault: Fault | None, body: dict[str, Any], writer: asyncio.StreamWriter
    ) -> bool:
        name = fault.value if fault else "answered"
        if fault in STATUSES:
            code, text, headers = STATUSES[fault]
            return self._write(writer, name, code, text, headers)
        good = completion(self._answer(body))
        if fault == Fault.EMPTY:
            good = completion("")
        if fault == Fault.REASONING_ONLY:
            good = completion(None, reasoning_content=self._answer(body))
        if fault in (Fault.RESET, Fault.SLOW_LORIS):
            return await self._break_off(fault, good, writer)
        if fault == Fault.TRUNCATED:
            good = good[: len(good) // 2]
        return self._write(
            writer, name, 200, good, times=2 if fault == Fault.DUPLICATED else 1
        )

    async def _break_off(
        self, fault: Fault, good: str, writer: asyncio.StreamWriter
    ) -> bool:
        """Announce all of an answer, and send only its beginning, or very slowly."""
        self.done[fault.value] += 1
        encoded = good.encode()
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n" % len(encoded)
        )
        if fault == Fault.SLOW_LORIS:
            for byte in encoded:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0.1)
            return True
        writer.write(encoded[: len(encoded) // 2])
        await writer.drain()
        writer.transport.abort()
        return False

    def _write(
        self,
        writer: asyncio.StreamWriter,
        name: str,
        code: int,
        text: str,
        headers: dict[str, str] | None = None,
        times: int = 1,
    ) -> bool:
        self.done[name] += 1
        kind = "text/html" if text.startswith("<") else "application/json"
        lines = [
            f"HTTP/1.1 {code} Because",
            f"Content-Type: {kind}",
            f"Content-Length: {len(text.encode())}",
            *(f"{key}: {value}" for key, value in (headers or {}).items()),
        ]
        head = "\r\n".join(lines) + "\r\n\r\n"
        writer.write((head + text).encode() * times)
        return True


def error(words: str, code: str | int) -> str:
    """Return the body of a failure in the shape most endpoints use."""
    return json.dumps({"error": {"message": words, "type": "error", "code": code}})


def completion(content: str | None, **message: str) -> str:
    """Return the body of an answer."""
    usage = {
        "prompt_tokens": 30,
        "completion_tokens": 10,
        "total_tokens": 40,
        "prompt_tokens_details": {"cached_tokens": 20},
        "completion_tokens_details": {"reasoning_tokens": 4},
    }
    said = {"role": "assistant", "content": content, **message}
    choice = {"index": 0, "message": said, "finish_reason": "stop"}
    return json.dumps(
        {"id": "1", "object": "chat.completion", "choices": [choice], "usage": usage}
    )


PAGE = "<html><body><h1>502 Bad Gateway</h1></body></html>"
BUSY = error("slow down", "rate_limit_exceeded")
STATUSES: dict[Fault | None, tuple[int, str, dict[str, str]]] = {
    Fault.RATE_LIMITED: (429, BUSY, {"Retry-After": "0.05"}),
    Fault.RATE_LIMITED_MS: (429, BUSY, {"retry-after-ms": "50"}),
    Fault.RATE_LIMITED_SILENTLY: (429, BUSY, {}),
    Fault.SERVER_ERROR: (500, error("it broke", 500), {"Retry-After": "0"}),
    Fault.UNAVAILABLE: (503, error("too busy", 503), {"Retry-After": "0"}),
    Fault.MOVED: (307, "", {"Location": "/v2"}),
    Fault.HTML: (502, PAGE, {"Retry-After": "0"}),
    Fault.ERROR_IN_200: (200, error("upstream broke", 502), {}),
    Fault.WRONG_JSON: (200, '{"object": "list", "data": []}', {}),
}
QUICK = (Fault.RATE_LIMITED, Fault.RATE_LIMITED_MS, Fault.RATE_LIMITED_SILENTLY)
