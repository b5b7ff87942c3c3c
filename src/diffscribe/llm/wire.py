"""HTTP/1.1 over asyncio, as the transport under openai's client.

That client takes most of a millisecond of CPU to build a request and read a
reply, and its own transport looks at all connections for each request. So openai
builds the first request of an endpoint, and the others repeat its head with
another body. Its own transport also hands bytes that follow an answer to the next
request as its answer; here they end the connection.

Imported by who opens an endpoint, as httpx2 takes long to load.
"""

import asyncio
import ssl
from collections import defaultdict, deque
from typing import NamedTuple

import httpx2

MAX_REPLY_BYTES = 2**23
MAX_HEAD_BYTES = 2**16
OWN_HEADERS = (b"content-length", b"transfer-encoding")


class Origin(NamedTuple):
    """Where a connection leads."""

    host: str
    port: int
    is_secure: bool


class Template(NamedTuple):
    """All of a request but its body."""

    origin: Origin
    head: bytes
    """Request line and headers, without the body's length and the blank line."""


class Reply(NamedTuple):
    """A reply with its whole body."""

    status: int
    headers: dict[bytes, bytes]
    """By name in lower case; the last one of a name counts."""
    content: bytes


class Wire(httpx2.AsyncBaseTransport):
    """Connections that are kept and used again, the longest idle first."""

    def __init__(self) -> None:
        """Connect to nothing yet."""
        self.template: Template | None = None
        """Of the last request that openai built and that was answered with 200."""
        self._idle: defaultdict[Origin, deque[_Connection]] = defaultdict(deque)
        self._ssl: ssl.SSLContext | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Return the reply to a request that openai built."""
        template = _template(request)
        try:
            reply = await self.exchange(template, await request.aread())
        except OSError as error:
            raise httpx2.ConnectError(str(error) or type(error).__name__) from error
        if reply.status == 200 and request.method == "POST":
            self.template = template
        return httpx2.Response(
            reply.status,
            headers=list(reply.headers.items()),
            content=reply.content,
            request=request,
        )

    async def exchange(self, template: Template, body: bytes) -> Reply:
        """Send a body with a template's head, and return the reply.

        Raises:
            OSError: if there is no connection, or it is lost, or speaks no HTTP.
        """
        idle = self._idle[template.origin]
        connection = idle.popleft() if idle else await self._open(template.origin)
        length = b"content-length: %d\r\n\r\n" % len(body)
        return await connection.exchange(template.head + length + body)

    async def aclose(self) -> None:
        """Close all connections that are idle."""
        for idle in self._idle.values():
            for connection in tuple(idle):
                connection.transport.abort()
        # What is aborted says so in the next round of the loop.
        await asyncio.sleep(0)

    async def _open(self, origin: Origin) -> "_Connection":
        if origin.is_secure and self._ssl is None:
            self._ssl = httpx2.create_ssl_context()
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: _Connection(self._idle[origin]),
            origin.host,
            origin.port,
            ssl=self._ssl if origin.is_secure else None,
            happy_eyeballs_delay=0.25,
        )
        return connection


class _Connection(asyncio.Protocol):
    """One connection, that puts itself back when a reply was read to its end."""

    transport: asyncio.Transport

    def __init__(self, idle: "deque[_Connection]") -> None:
        self._idle = idle
        self._loop = asyncio.get_running_loop()
        self._turn: asyncio.Future[Reply] | None = None
        self._received = bytearray()
        self._status = 0
        self._headers: dict[bytes, bytes] = {}

    async def exchange(self, sent: bytes) -> Reply:
        if self.transport.is_closing():
            raise ConnectionResetError("the connection was closed")
        self._turn = self._loop.create_future()
        self.transport.write(sent)
        try:
            return await self._turn
        except BaseException:
            # What still comes belongs to nobody.
            self.transport.abort()
            raise

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        turn = self._turn
        if turn is None or turn.done():
            self.transport.abort()
            return
        self._received += data
        try:
            content, is_reusable = self._content()
        except (ValueError, ConnectionError) as error:
            turn.set_exception(ConnectionError(f"the reply is no HTTP: {error}"))
            return
        if content is not None:
            self._answer(turn, content, is_reusable)

    def eof_received(self) -> None:
        turn = self._turn
        is_endless = self._status and not self._headers.keys() & {*OWN_HEADERS}
        if turn is not None and not turn.done() and is_endless:
            self._answer(turn, bytes(self._received), False)

    def connection_lost(self, error: Exception | None) -> None:
        if self in self._idle:
            self._idle.remove(self)
        if self._turn is not None and not self._turn.done():
            said = f"{error or 'the endpoint closed the connection'}"
            self._turn.set_exception(ConnectionResetError(said))

    def _answer(
        self, turn: "asyncio.Future[Reply]", content: bytes, is_reusable: bool
    ) -> None:
        turn.set_result(Reply(self._status, self._headers, content))
        self._turn, self._status = None, 0
        self._received.clear()
        if is_reusable:
            self._idle.append(self)
        else:
            self.transport.abort()

    def _content(self) -> tuple[bytes | None, bool]:
        """Return the body, or None if it is not whole yet, and if more may follow."""
        if len(self._received) > MAX_REPLY_BYTES:
            raise ValueError(f"more than {MAX_REPLY_BYTES} bytes")
        while not self._status:
            if not self._read_head():
                return None, True
        is_kept = self._headers.get(b"connection", b"").lower() != b"close"
        if b"chunked" in self._headers.get(b"transfer-encoding", b"").lower():
            content, end = _dechunked(self._received)
        elif b"content-length" in self._headers:
            end = _size(self._headers[b"content-length"], 10)
            if len(self._received) < end:
                return None, True
            content = bytes(self._received[:end])
        else:
            return None, False
        return content, is_kept and end == len(self._received)

    def _read_head(self) -> bool:
        """Take the head off what was received, if it is whole."""
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            if len(self._received) > MAX_HEAD_BYTES:
                raise ValueError("its head never ends")
            return False
        first, *lines = bytes(self._received[:end]).split(b"\r\n")
        del self._received[: end + 4]
        version, status = first.split(b" ", 2)[:2]
        if not version.startswith(b"HTTP/1."):
            raise ValueError(f"it begins with {version[:20]!r}")
        self._status = 0 if status.startswith(b"1") else int(status)
        self._headers = {}
        if version == b"HTTP/1.0":
            self._headers[b"connection"] = b"close"
        for line in lines:
            name, _, value = line.partition(b":")
            self._headers[name.lower()] = value.strip()
        return True


def _template(request: httpx2.Request) -> Template:
    url = request.url
    is_secure = url.scheme == "https"
    origin = Origin(url.host, url.port or (443 if is_secure else 80), is_secure)
    lines = [b"%s %s HTTP/1.1" % (request.method.encode(), url.raw_path)]
    lines += [
        name + b": " + value
        for name, value in request.headers.raw
        if name.lower() not in OWN_HEADERS
    ]
    return Template(origin, b"\r\n".join(lines) + b"\r\n")


def _dechunked(received: bytearray) -> tuple[bytes | None, int]:
    """Return a body that came in chunks, or None, and where it ends."""
    pieces: list[bytes] = []
    at = 0
    # So ends the last chunk; to look earlier takes the square of the time.
    if not received.endswith(b"\r\n\r\n"):
        return None, 0
    while (end := received.find(b"\r\n", at)) >= 0:
        size = _size(bytes(received[at:end].split(b";")[0]), 16)
        at = end + 2 + size + 2
        if size == 0:
            trailers = received.find(b"\r\n", end + 2)
            while trailers > end + 2:
                end, trailers = trailers, received.find(b"\r\n", trailers + 2)
            return (b"".join(pieces), trailers + 2) if trailers >= 0 else (None, 0)
        pieces.append(bytes(received[end + 2 : at - 2]))
    return None, 0


def _size(digits: bytes, base: int) -> int:
    size = int(digits, base)
    if size < 0:
        raise ValueError(f"a size of {size}")
    return size
