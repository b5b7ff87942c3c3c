"""How one request goes out and its reply comes in: openai's client and the wire.

Imported by who asks an endpoint, as openai takes long to load.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import aiohttp
import httpx2
import openai
import orjson

from diffscribe.llm.address import proxy_to
from diffscribe.llm.failures import AttemptError, Fault, status_error
from diffscribe.llm.wire import Wire


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
