"""The files and batches of an OpenAI-compatible service.

A batch costs less and is answered within a day. What is uploaded here was written from
`Outgoing` questions for the same host, so it holds what may leave the machine.
"""

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import orjson

from diffscribe.core.errors import ToolError
from diffscribe.core.files import OWNER_ONLY, whole_file
from diffscribe.doors.dialect import Dialect, Rung
from diffscribe.doors.endpoint import (
    MAX_REPLY_BYTES,
    UNPACKED,
    Outgoing,
    host_of,
    is_loopback,
    limit_reply,
)
from diffscribe.doors.failure import (
    MAX_WORDS_CHARS,
    AttemptError,
    Fault,
    error_in,
    error_words,
    hide_key,
    is_transient,
    parse_json,
    status_error,
    wait_s,
)
from diffscribe.doors.reply import Answer, read_reply

T = TypeVar("T")

URL: Final = "/v1/chat/completions"
DIALECT = Dialect(Rung.JSON_SCHEMA)
"""Nobody can be probed before a batch, so the first is asked as most services want."""
_ENDS = ("completed", "failed", "expired", "cancelled")
"""A batch in any other state is waited for: what is dropped is paid all the same."""
_OVER = ("batch_expired", "batch_cancelled")
"""Codes of requests that were neither answered nor refused."""
MAX_FILE_BYTES = 2**32
"""Of answers: 80 kB for each request that a batch has at most."""
MAX_FILE_S = 3600.0
LISTED_WITHIN_S = 60.0
"""How soon a new batch is in the service's list."""
_PAGE = 100
RECENT_BATCHES = 1000
"""Batches to look through, newest first, for one that was just made."""


class BatchStatus(NamedTuple):
    """Where a batch is."""

    state: str
    """One of _ENDS at the end."""
    done: int
    """Requests answered so far."""
    files: tuple[str, ...]
    """Ids of the files of answers and errors, as far as they exist."""
    words: str
    """Why it failed, in the service's words after a space; empty if it did not."""

    @property
    def is_running(self) -> bool:
        """Tell whether there is something to wait for."""
        return self.state not in _ENDS


def request_line(key: str, sent: Outgoing, dialect: Dialect) -> bytes:
    """Return the line of a question in a file of requests."""
    body = dialect.body(sent.question)
    line = {"custom_id": key, "method": "POST", "url": URL, "body": body}
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


class BatchService:
    """Uploads, batches and downloads, repeated while failures look transient."""

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str,
        timeout_s: float,
        attempts: int,
    ) -> None:
        """Send nothing yet.

        Args:
            base_url: ends in /v1 for most services.
            api_key: anything for a service that wants none.
            timeout_s: for one attempt.
            attempts: number of tries while failures look transient.
        """
        import httpx2
        import openai

        def limit(response: httpx2.Response) -> None:
            if response.request.url.path.endswith("/content"):
                limit_reply(response, MAX_FILE_BYTES, MAX_FILE_S)
            else:
                limit_reply(response, MAX_REPLY_BYTES, timeout_s)

        self.host = host_of(base_url)
        self._openai = openai.OpenAI(
            base_url=base_url,
            api_key=api_key,
            timeout=timeout_s,
            max_retries=0,
            default_headers=UNPACKED,
            http_client=openai.DefaultHttpxClient(
                # A redirect would carry questions and key to another address.
                follow_redirects=False,
                trust_env=not is_loopback(self.host),
                event_hooks={"response": [limit]},
            ),
        )
        self._api_key = api_key
        self._attempts = attempts

    def close(self) -> None:
        """Close the connections."""
        self._openai.close()

    def upload(self, requests: Path) -> str:
        """Return the service's id of a file that it was sent."""
        files = self._openai.files.with_raw_response
        return self._call(
            lambda: _id(_object(files.create(file=requests, purpose="batch").content))
        )

    def submit(self, file: str, *, may_exist: bool) -> str:
        """Return the id of the batch of a file.

        No service lets a batch be named before it is made. After a kill or a lost
        connection meanwhile, its list is looked at before another batch is made.

        Args:
            file: id of the requests.
            may_exist: whether a batch of the file may have been made before.
        """

        def make() -> str:
            nonlocal may_exist
            if may_exist:
                time.sleep(LISTED_WITHIN_S)
                for batch in self._newest():
                    is_of = batch.get("input_file_id") == file
                    if is_of and _state(batch) != "failed":
                        return _id(batch)
            may_exist = True
            made = self._openai.batches.with_raw_response.create(
                input_file_id=file, endpoint=URL, completion_window="24h"
            )
            return _id(_object(made.content))

        return self._call(make)

    def _newest(self) -> Iterator[dict[str, Any]]:
        """Yield batches from the newest on, as far as they are looked at."""
        batches = self._openai.batches.with_raw_response
        after: dict[str, object] = {}
        for _ in range(RECENT_BATCHES // _PAGE):
            page = _object(batches.list(limit=_PAGE, extra_query=after).content)
            listed = page.get("data")
            found = [] if not isinstance(listed, list) else listed
            yield from (each for each in found if isinstance(each, dict))
            if not page.get("has_more") or not found:
                return
            after = {"after": _id(found[-1])}

    def status(self, batch_id: str) -> BatchStatus:
        """Return where a batch is."""
        batches = self._openai.batches.with_raw_response
        batch = self._call(lambda: _object(batches.retrieve(batch_id).content))
        counts, errors = batch.get("request_counts"), batch.get("errors")
        done = counts.get("completed") if isinstance(counts, dict) else 0
        words = error_words(errors)[:MAX_WORDS_CHARS]
        files = (batch.get("output_file_id"), batch.get("error_file_id"))
        return BatchStatus(
            state=_state(batch),
            done=done if isinstance(done, int) else 0,
            files=tuple(each for each in files if each and isinstance(each, str)),
            words=f" ({words})" if words else "",
        )

    def download(self, file_id: str, target: Path) -> None:
        """Write a file of the service to a path."""

        def stream() -> None:
            contents = self._openai.files.with_streaming_response
            with (
                contents.content(file_id) as content,
                whole_file(target, OWNER_ONLY) as partial,
            ):
                content.stream_to_file(partial)

        self._call(stream)

    def _call(self, ask: Callable[[], T]) -> T:
        from tenacity import Retrying, retry_if_exception, stop_after_attempt

        retrying = Retrying(
            retry=retry_if_exception(is_transient),
            stop=stop_after_attempt(self._attempts),
            wait=wait_s,
            reraise=True,
        )
        try:
            result: T = retrying(self._attempt, ask)
        except AttemptError as failure:
            code = f"HTTP {failure.code}: " if failure.code else ""
            raise ToolError(
                f"{self.host} did not do its part of a batch: {code}"
                f"{failure.words}; check the address, the key and that it offers "
                "files and batches; the same command goes on where this one ended"
            ) from None
        return result

    def _attempt(self, ask: Callable[[], T]) -> T:
        import httpx2
        import openai

        try:
            return ask()
        except openai.APIStatusError as error:
            reply = error.response
            failure = status_error(reply.status_code, reply.headers, reply.content)
            failure.words = hide_key(failure.words, self._api_key)
            raise failure from None
        except (openai.APIError, httpx2.HTTPError) as error:
            words = hide_key(str(error.__cause__ or error), self._api_key)
            raise AttemptError(Fault.CONNECTION, words) from None


def _object(content: bytes) -> dict[str, Any]:
    """Return the object in a reply.

    Raises:
        AttemptError: if there is none, or an error in its place.
    """
    told = parse_json(content)
    if not isinstance(told, dict):
        raise AttemptError(Fault.NONSENSE, "the reply is no JSON object")
    if failure := error_in(told):
        raise failure
    return told


def _state(batch: dict[str, Any]) -> str:
    return str(batch.get("status")).lower()


def _id(told: Any) -> str:
    name = told.get("id") if isinstance(told, dict) else None
    if not name or not isinstance(name, str):
        raise AttemptError(Fault.NONSENSE, "the reply holds no id")
    return name


def read_answers(file: Path) -> Iterator[tuple[str | None, Answer | AttemptError]]:
    """Yield the result of each request, from a service or `vllm run-batch`.

    A line that is no answer of a batch is a failure of an unknown request, None.
    Requests that a service did not come to before the end are left out.
    """
    with file.open("rb") as lines:
        # A line without an end is read in parts, none of which is an answer.
        for text in iter(lambda: lines.readline(MAX_REPLY_BYTES), b""):
            line = parse_json(text)
            key = line.get("custom_id") if isinstance(line, dict) else None
            if not isinstance(key, str):
                yield None, AttemptError(Fault.NONSENSE, "no answer of a batch")
                continue
            error = line.get("error")
            if isinstance(error, dict) and error.get("code") in _OVER:
                continue
            yield key, _result(line.get("response"), error)


def _result(response: Any, error: Any) -> Answer | AttemptError:
    """Return what became of a request.

    A failure is told in the body of the response, beside it, or not at all.
    """
    response = response if isinstance(response, dict) else {"status_code": 0}
    said = response.get("body") or error or "no answer in the batch"
    body = said if isinstance(said, str) else json.dumps(said)
    content = body.encode("utf-8", "surrogatepass")
    code = str(response.get("status_code", 200))
    if error or not re.fullmatch(r"2\d\d(\.0)?", code):
        is_code = code.isascii() and code.isdigit()
        return status_error(int(code) if is_code else 0, {}, content)
    try:
        return read_reply(content)
    except AttemptError as failure:
        return failure
