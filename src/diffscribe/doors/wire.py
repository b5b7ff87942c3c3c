"""aiohttp as the transport under openai's client.

That client takes most of a millisecond of CPU to build a request and read a
reply. So it builds the first request of an endpoint, and the others take over its
address and headers with a body of their own.

Imported by who opens an endpoint, as aiohttp and httpx2 take long to load.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

import aiohttp
import httpx2
import openai
import orjson

from diffscribe.doors.endpoint import proxy_to
from diffscribe.doors.reply import AttemptError, Fault, status_error, without_key

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


class Door:
    """Open connections to one address, of one event loop."""

    def __init__(self, base_url: str, *, api_key: str, timeout_s: float) -> None:
        """Connect to nothing yet.

        Args:
            base_url: ends in /v1 for most endpoints.
            api_key: anything for an endpoint that wants none.
            timeout_s: for a whole exchange.
        """
        self._timeout_s = timeout_s
        self._wire = Wire(proxy_to(base_url), api_key)
        self._openai = openai.AsyncOpenAI(
            base_url=base_url,
            api_key=api_key,
            max_retries=0,
            timeout=timeout_s,
            # Answers are small, and what is not compressed need not be unpacked.
            default_headers={"Accept-Encoding": "identity"},
            # The key goes where it was meant to, and nowhere else.
            http_client=openai.DefaultAsyncHttpxClient(
                transport=self._wire, follow_redirects=False
            ),
        )

    async def send(self, body: Mapping[str, Any], *, traced: bool = False) -> bytes:
        """Return the body of a 200.

        Args:
            body: the JSON to send.
            traced: whether to send it where MLflow looks on, which takes longer.

        Raises:
            AttemptError: if something else came, or nothing in time.
        """
        try:
            # openai's own limits hold between two bytes, not for all of them.
            async with asyncio.timeout(self._timeout_s):
                if traced or self._wire.template is None:
                    return await self._sent_by_openai(body, traced)
                reply = await self._wire.exchange(
                    self._wire.template, orjson.dumps(body)
                )
        except TimeoutError:
            raise AttemptError(Fault.TIMEOUT, "no answer in time") from None
        except aiohttp.ClientError as error:
            raise _lost(error) from None
        if reply.status != 200:
            raise status_error(*reply)
        return reply.content

    async def close(self) -> None:
        """Close the connections."""
        await self._openai.close()

    async def _sent_by_openai(self, body: Mapping[str, Any], traced: bool) -> bytes:
        try:
            if traced:
                completions = self._openai.chat.completions.with_raw_response
                answered = await completions.create(**body)
                content: bytes = answered.http_response.content
                return content
            # MLflow watches `create`, and would show what is not to be traced.
            reply = await self._openai.post(
                "/chat/completions", cast_to=httpx2.Response, body=body
            )
        except openai.APITimeoutError:
            raise TimeoutError from None
        except openai.APIConnectionError as error:
            raise _lost(error.__cause__ or error) from None
        except openai.APIStatusError as error:
            refused = error.response
            raise status_error(
                refused.status_code, refused.headers, refused.content
            ) from None
        return reply.content


def _lost(error: BaseException) -> AttemptError:
    return AttemptError(Fault.CONNECTION, str(error) or type(error).__name__)
