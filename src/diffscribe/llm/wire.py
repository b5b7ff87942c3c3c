"""aiohttp as the transport under openai's client.

That client takes most of a millisecond of CPU to build a request and read a
reply. So it builds the first request of an endpoint, and the others take over its
address and headers with a body of their own.

Imported by who opens an endpoint, as aiohttp and httpx2 take long to load.
"""

from collections.abc import Mapping
from typing import NamedTuple

import aiohttp
import httpx2

from diffscribe.llm.failures import without_key

MAX_REPLY_BYTES = 2**23
OF_ONE_REQUEST = ("content-length", "traceparent", "tracestate")
"""Headers that no other may repeat; an endpoint need not know of traces either."""


class Template(NamedTuple):
    """All of a POST but its body."""

    url: str
    headers: Mapping[str, str]


class Reply(NamedTuple):
    """A reply with its whole body."""

    status: int
    headers: Mapping[str, str]
    """By name in any case."""
    content: bytes


class Wire(httpx2.AsyncBaseTransport):
    """Connections that are kept and used again, as many as there are requests."""

    def __init__(self, proxy: str | None, api_key: str) -> None:
        """Connect to nothing yet, and then to a proxy if there is one."""
        self._api_key = api_key
        self.template: Template | None = None
        """Of the last request that openai built and that was answered with 200."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=httpx2.create_ssl_context()),
            cookie_jar=aiohttp.DummyCookieJar(),
            # Who asks knows how long to wait.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            request_class=_Request,
            proxy=proxy,
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Return the reply to a request that openai built, without the key in it.

        MLflow looks on where openai asks, and keeps the words of an error.
        """
        headers = {
            name: value
            for name, value in request.headers.items()
            if name not in OF_ONE_REQUEST
        }
        template = Template(str(request.url), headers)
        try:
            reply = await self.exchange(template, await request.aread())
        except aiohttp.ClientError as error:
            raise httpx2.ConnectError(str(error) or type(error).__name__) from error
        if reply.status == 200:
            self.template = template
        return httpx2.Response(
            reply.status,
            headers=list(reply.headers.items()),
            content=without_key(reply.content, self._api_key),
            request=request,
        )

    async def exchange(self, template: Template, body: bytes) -> Reply:
        """Post a body, and return the reply.

        Raises:
            aiohttp.ClientError: if there is no connection, or it is lost, or what
                comes over it is no HTTP, or too much.
        """
        url, headers = template
        async with self._session.post(
            url, headers=headers, data=body, allow_redirects=False
        ) as reply:
            content = bytearray()
            async for piece in reply.content.iter_any():
                content += piece
                if len(content) > MAX_REPLY_BYTES:
                    raise aiohttp.ClientPayloadError(
                        f"more than {MAX_REPLY_BYTES} bytes"
                    )
            return Reply(reply.status, reply.headers, bytes(content))

    async def aclose(self) -> None:
        """Close all connections."""
        await self._session.close()


class _Request(aiohttp.ClientRequest):
    """Refuses a connection over which more came than its last reply."""

    async def send(self, conn: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
        # aiohttp itself looks only when it keeps a connection, and would take what
        # came later for the reply to this request.
        if conn.protocol is None or conn.protocol.should_close:
            raise aiohttp.ServerDisconnectedError("more than one reply came")
        return await super().send(conn)
