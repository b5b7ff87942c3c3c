"""The files and batches of an OpenAI-compatible service."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

from diffscribe.errors import ToolError
from diffscribe.llm.address import is_loopback
from diffscribe.llm.failures import AttemptError, Fault, shown_words, status_error
from diffscribe.llm.retries import is_transient, wait_s

T = TypeVar("T")

RUNNING = ("validating", "in_progress", "finalizing", "cancelling")
CLOCK_SKEW_S = 3600


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
        self, base_url: str, *, api_key: str, timeout_s: float, attempts: int
    ) -> None:
        """Prepare; nothing is sent yet."""
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

    def close(self) -> None:
        """Close the connections."""
        self._openai.close()

    def upload(self, requests: Path) -> str:
        """Return the id of an uploaded file."""
        files = self._openai.files
        return self._call(lambda: files.create(file=requests, purpose="batch")).id

    def submit(self, file_id: str, written_at: float) -> str:
        """Return the id of the batch of a file; there is never a second one.

        Args:
            file_id: of the uploaded file.
            written_at: seconds; no batch of it is older.
        """
        return self._call(
            lambda: self._batch_of(file_id, written_at) or self._create(file_id)
        )

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

    def _batch_of(self, file_id: str, written_at: float) -> str | None:
        """Return a batch that was made before a kill or a lost connection."""
        for batch in self._openai.batches.list(limit=100):
            if batch.input_file_id == file_id and batch.status != "failed":
                return batch.id
            if batch.created_at < written_at - CLOCK_SKEW_S:
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
