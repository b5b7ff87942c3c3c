"""The files and batches of an OpenAI-compatible service."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

from diffscribe.errors import ToolError
from diffscribe.llm.address import is_loopback
from diffscribe.llm.batch.parts import Sent
from diffscribe.llm.failures import AttemptError, Fault, shown_words, status_error
from diffscribe.llm.retries import is_transient, wait_s

T = TypeVar("T")

RUNNING = ("validating", "in_progress", "finalizing", "cancelling")
LISTED_WITHIN_S = 60.0


class BatchStatus(NamedTuple):
    """Where a batch is."""

    state: str
    """`completed`, `failed`, `expired` or `cancelled` at the end."""
    done: int
    """Requests answered so far."""
    files: tuple[str, ...]
    """Ids of what there is of answers and errors."""
    words: str
    """Why it failed, in the service's words."""
    codes: tuple[str, ...]

    @property
    def is_running(self) -> bool:
        """Whether there is something to wait for."""
        return self.state in RUNNING


class BatchService:
    """Uploads, batches and downloads, repeated while failures look transient."""

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str,
        timeout_s: float,
        attempts: int,
        listed_within_s: float = LISTED_WITHIN_S,
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            base_url: ends in /v1 for most services.
            api_key: anything for a service that wants none.
            timeout_s: for one attempt.
            attempts: how often to ask while failures look transient.
            listed_within_s: how soon a new batch is in the service's list.
        """
        import openai

        self._openai = openai.OpenAI(
            base_url=base_url,
            api_key=api_key,
            timeout=timeout_s,
            max_retries=0,
            http_client=openai.DefaultHttpxClient(trust_env=not is_loopback(base_url)),
        )
        self._host = urlsplit(base_url).hostname
        self._api_key = api_key
        self._attempts = attempts
        self._listed_within_s = listed_within_s

    def close(self) -> None:
        """Close the connections."""
        self._openai.close()

    def upload(self, requests: Path) -> Sent:
        """Return what the service has of a file that it was sent."""
        files = self._openai.files
        file = self._call(lambda: files.create(file=requests, purpose="batch"))
        return Sent(file.id, file.created_at or 0)

    def submit(self, sent: Sent, will_ask: Callable[[float], object]) -> str:
        """Return the id of the batch of a file, made if there is none.

        No service lets a batch be named before it is made. So whoever was killed,
        or lost the connection, while one was made has to look for it in the
        service's list, until it must be there, before asking for another.

        Args:
            sent: the file, and when a batch of it was asked for.
            will_ask: told the time before each attempt to make one, to remember.
        """
        asked_at = sent.asked_at

        def submitted() -> str:
            nonlocal asked_at
            if asked_at and (batch := self._found(sent, asked_at)):
                return batch
            asked_at = time.time()
            will_ask(asked_at)
            return self._create(sent.file)

        return self._call(submitted)

    def status(self, batch_id: str) -> BatchStatus:
        """Return where a batch is."""
        batch = self._call(lambda: self._openai.batches.retrieve(batch_id))
        errors = (batch.errors and batch.errors.data) or []
        return BatchStatus(
            state=batch.status,
            done=batch.request_counts.completed if batch.request_counts else 0,
            files=tuple(
                file for file in (batch.output_file_id, batch.error_file_id) if file
            ),
            words="; ".join(each.message or "" for each in errors) or "no reason given",
            codes=tuple(each.code or "" for each in errors),
        )

    def download(self, file_id: str, target: Path) -> None:
        """Write a file of the service to a path."""
        self._call(lambda: self._stream(file_id, target))

    def _stream(self, file_id: str, target: Path) -> None:
        contents = self._openai.files.with_streaming_response
        with contents.content(file_id) as content:
            content.stream_to_file(target)

    def _found(self, sent: Sent, asked_at: float) -> str | None:
        """Return the batch of a file, or None when it would be listed by now."""
        while True:
            is_last_look = time.time() > asked_at + self._listed_within_s
            batch = self._listed(sent)
            if batch or is_last_look:
                return batch
            time.sleep(self._listed_within_s / 10)

    def _listed(self, sent: Sent) -> str | None:
        for batch in self._openai.batches.list(limit=100):
            if batch.input_file_id == sent.file and batch.status != "failed":
                return batch.id
            if batch.created_at < sent.uploaded_at:
                return None
        return None

    def _create(self, file_id: str) -> str:
        batch = self._openai.batches.create(
            input_file_id=file_id,
            endpoint="/v1/chat/completions",
            completion_window="24h",
        )
        return str(batch.id)

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
                f"{self._host} did not do its part of a batch: {code}"
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
            failure.words = shown_words(failure.words, self._api_key)
            raise failure from None
        except (openai.APIError, httpx2.HTTPError) as error:
            words = shown_words(str(error.__cause__ or error), self._api_key)
            raise AttemptError(Fault.CONNECTION, words) from None
