"""How one request goes out and its reply comes in: openai's client and our wire.

Imported by who asks an endpoint, as openai takes long to load.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import openai
import orjson

from diffscribe.llm.address import needs_proxy
from diffscribe.llm.failures import AttemptError, Fault, status_error
from diffscribe.llm.wire import Wire


class Door:
    """Open connections to one address, of one event loop."""

    def __init__(
        self, base_url: str, *, api_key: str, timeout_s: float, traced: bool
    ) -> None:
        """Connect to nothing yet.

        Args:
            base_url: ends in /v1 for most endpoints.
            api_key: anything for an endpoint that wants none.
            timeout_s: for a whole exchange.
            traced: whether each request is openai's own, which MLflow can watch.
        """
        self._timeout_s = timeout_s
        self._traced = traced
        # What goes through a proxy is left to openai's own transport.
        self._wire = None if needs_proxy(base_url) else Wire()
        self._openai = openai.AsyncOpenAI(
            base_url=base_url,
            api_key=api_key,
            max_retries=0,
            timeout=timeout_s,
            # Answers are small, and what is not compressed need not be unpacked.
            default_headers={"Accept-Encoding": "identity"},
            http_client=openai.DefaultAsyncHttpxClient(transport=self._wire),
        )

    async def send(self, body: Mapping[str, Any]) -> bytes:
        """Return the body of a 200.

        Raises:
            AttemptError: if something else came, or nothing in time.
        """
        try:
            # openai's own limits hold between two bytes, not for all of them.
            async with asyncio.timeout(self._timeout_s):
                if self._wire is None or self._wire.template is None or self._traced:
                    return await self._sent_by_openai(body)
                reply = await self._wire.exchange(
                    self._wire.template, orjson.dumps(body)
                )
        except TimeoutError:
            raise AttemptError(Fault.TIMEOUT, "no answer in time") from None
        except OSError as error:
            raise _lost(error) from None
        if reply.status != 200:
            raise status_error(*reply)
        return reply.content

    async def close(self) -> None:
        """Close the connections."""
        await self._openai.close()

    async def _sent_by_openai(self, body: Mapping[str, Any]) -> bytes:
        completions = self._openai.chat.completions.with_raw_response
        try:
            reply = await completions.create(**body)
        except openai.APITimeoutError:
            raise TimeoutError from None
        except openai.APIConnectionError as error:
            raise _lost(error.__cause__ or error) from None
        except openai.APIStatusError as error:
            refused = error.response
            headers = {name.lower(): value for name, value in refused.headers.raw}
            raise status_error(refused.status_code, headers, refused.content) from None
        content: bytes = reply.http_response.content
        return content


def _lost(error: BaseException) -> AttemptError:
    return AttemptError(Fault.CONNECTION, str(error) or type(error).__name__)
