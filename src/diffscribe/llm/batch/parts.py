"""Files of a batch: requests split by the limits of a service, and answers."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import orjson
from pydantic import BaseModel, ValidationError

from diffscribe.errors import RecordError
from diffscribe.jsonl import whole_file, write_json
from diffscribe.llm.failures import MAX_WORDS_CHARS, AnswerError
from diffscribe.llm.reply import read_answer
from diffscribe.llm.request import Answer

URL = "/v1/chat/completions"
OVER = ("batch_expired", "batch_cancelled")
"""Codes of requests that were neither answered nor refused."""


class Part(NamedTuple):
    """One file of requests and what is known of its way through a service."""

    requests: Path

    @property
    def state_file(self) -> Path:
        """Where the ids that the service gave are kept."""
        return self.requests.with_suffix(".state.json")

    @property
    def answers(self) -> Path:
        """Where answers are expected if nobody submits the file."""
        return self.requests.with_suffix(".answers.jsonl")

    def ids(self) -> dict[str, str]:
        """Return `file` and `batch` as far as they are known."""
        if not self.state_file.exists():
            return {}
        return dict(orjson.loads(self.state_file.read_bytes()))

    def keep_ids(self, ids: dict[str, str]) -> None:
        """Remember ids, whatever happens next."""
        write_json(self.state_file, ids)

    def models(self) -> dict[str, str]:
        """Return the model that is asked, by the key of the request."""
        with self.requests.open("rb") as lines:
            loaded = map(orjson.loads, lines)
            return {line["custom_id"]: line["body"]["model"] for line in loaded}

    def remove(self) -> None:
        """Delete its files; the requests last, as they make the part."""
        for file in (self.state_file, self.answers, self.requests):
            file.unlink(missing_ok=True)


def parts_in(folder: Path) -> list[Part]:
    """Return the parts whose requests are written, in the order of writing."""
    names = folder.glob("part-[0-9]*.jsonl")
    return [Part(file) for file in sorted(names) if file.suffixes == [".jsonl"]]


class PartWriter:
    """Writes requests to as many files as the limits of a service ask for."""

    def __init__(self, folder: Path, max_requests: int, max_bytes: int) -> None:
        """Write nothing yet; the folder may hold parts of earlier runs."""
        self._folder = folder
        self._max_requests = max_requests
        self._max_bytes = max_bytes
        self._stack = contextlib.ExitStack()
        self._file: IO[bytes] | None = None
        self._requests = self._bytes = 0

    def add(self, key: str, body: dict[str, Any]) -> None:
        """Write a request; its file appears when it is full, or closed.

        Raises:
            AnswerError: if it is larger than a whole file may be.
        """
        named = {"custom_id": key, "method": "POST", "url": URL, "body": body}
        line = orjson.dumps(named, option=orjson.OPT_APPEND_NEWLINE)
        if len(line) > self._max_bytes:
            raise AnswerError(f"{len(line)} bytes are more than a batch takes")
        is_full = self._requests == self._max_requests
        if is_full or self._bytes + len(line) > self._max_bytes:
            self.close()
        if self._file is None:
            partial = self._stack.enter_context(whole_file(self._next()))
            self._file = self._stack.enter_context(partial.open("wb"))
        self._file.write(line)
        self._requests += 1
        self._bytes += len(line)

    def close(self) -> None:
        """Let the file that is being written appear."""
        self._stack.close()
        self._file = None
        self._requests = self._bytes = 0

    def _next(self) -> Path:
        parts = parts_in(self._folder)
        last = int(parts[-1].requests.stem.removeprefix("part-")) if parts else 0
        return self._folder / f"part-{last + 1:05}.jsonl"


class _Response(BaseModel):
    status_code: int = 200
    body: Any = None


class _Line(BaseModel):
    custom_id: str
    response: _Response | None = None
    error: Any = None


def read_answers(file: Path) -> Iterator[tuple[str, Answer | AnswerError]]:
    """Yield what became of each request: of a service, or of `vllm run-batch`.

    Requests that a service did not come to before the end are left out.

    Raises:
        RecordError: naming file and line, at the first that is none of a batch.
    """
    with file.open("rb") as lines:
        for number, text in enumerate(lines, start=1):
            try:
                line = _Line.model_validate_json(text)
            except ValidationError as error:
                first = error.errors()[0]["msg"]
                raise RecordError(
                    f"{file}:{number}: not an answer of a batch: {first}; "
                    "fetch the file again"
                ) from None
            if not (isinstance(line.error, dict) and line.error.get("code") in OVER):
                yield line.custom_id, _result(line)


def _result(line: _Line) -> Answer | AnswerError:
    response = line.response
    if response is None or response.status_code != 200 or line.error:
        return AnswerError(_words(line))
    try:
        return read_answer(orjson.dumps(response.body))
    except AnswerError as error:
        return error


def _words(line: _Line) -> str:
    """Return what a service says of a request, in whichever place it does."""
    body = line.response.body if line.response else None
    for place in (body, line.error):
        said = place.get("error", place) if isinstance(place, dict) else place
        words = said.get("message") if isinstance(said, dict) else said
        if words:
            code = line.response.status_code if line.response else 0
            prefix = f"HTTP {code}: " if code else ""
            return f"{prefix}{words}"[:MAX_WORDS_CHARS]
    return "no answer in the batch"
