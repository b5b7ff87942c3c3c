"""What became of the requests of a batch, as the file of answers tells it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel, ValidationError

from diffscribe.errors import RecordError
from diffscribe.llm.failures import MAX_WORDS_CHARS, AnswerError
from diffscribe.llm.reply import read_answer
from diffscribe.llm.request import Answer

OVER = ("batch_expired", "batch_cancelled")
"""Codes of requests that were neither answered nor refused."""


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
