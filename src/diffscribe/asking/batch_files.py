"""The files of requests that a batch is made of, split by the limits of a service."""

import contextlib
import fcntl
import hashlib
import re
from collections.abc import Collection, Iterator, Set
from pathlib import Path
from typing import IO, Any, NamedTuple

import orjson
from pydantic import BaseModel, ValidationError

from diffscribe.core.errors import RecordError, ToolError
from diffscribe.core.files import repository_root, whole_file, write_json, write_lines
from diffscribe.doors.reply import MAX_WORDS_CHARS, Answer, AnswerError, read_answer

URL = "/v1/chat/completions"
KEY = re.compile(rb"[0-9a-f]{64}")


class BatchQuestion(NamedTuple):
    """Whom a request of a part asks, and about what."""

    model: str
    about: str
    """The repository."""


class Sent(NamedTuple):
    """What a service has of a part."""

    file: str
    uploaded_at: int
    """Seconds on the service's clock; no batch of the file is older."""
    batch: str = ""
    """Empty before it is known."""
    asked_at: float = 0.0
    """When a batch was asked for last, here; 0 if none was, or it is known."""


class Part(NamedTuple):
    """One file of requests and what is known of its way through a service."""

    requests: Path

    @property
    def state_file(self) -> Path:
        """Where it is kept what the service has."""
        return self.requests.with_suffix(".state.json")

    @property
    def answers(self) -> Path:
        """Where answers are expected if nobody submits the file."""
        return self.requests.with_suffix(".answers.jsonl")

    @property
    def about_file(self) -> Path:
        """Where the repository of each request is, which nobody is sent."""
        return self.requests.with_suffix(".about.json")

    def sent(self) -> Sent | None:
        """Return what the service has, or None before anything was sent."""
        if not self.state_file.exists():
            return None
        return Sent(**orjson.loads(self.state_file.read_bytes()))

    def keep_sent(self, sent: Sent) -> None:
        """Remember it, whatever happens next."""
        write_json(self.state_file, sent._asdict())

    def about(self) -> dict[str, str]:
        """Return the repository that is asked about, by the key of the request."""
        return dict(orjson.loads(self.about_file.read_bytes()))

    def asked(self) -> dict[str, BatchQuestion]:
        """Return who is asked about what, by the key of the request."""
        about = self.about()
        with self.requests.open("rb") as lines:
            loaded = map(orjson.loads, lines)
            keys = ((line["custom_id"], line["body"]["model"]) for line in loaded)
            return {key: BatchQuestion(model, about[key]) for key, model in keys}

    def drop(self, keys: Collection[str]) -> None:
        """Delete requests and what was answered to them; the part if no other is left.

        Answers that a service has for them are ignored when they come.
        """
        left = {key: repo for key, repo in self.about().items() if key not in keys}
        if not left:
            self.remove()
            return
        dropped = {key.encode() for key in keys}
        for file in filter(Path.exists, (self.answers, self.requests)):
            with file.open("rb") as lines:
                kept = (each for each in lines if dropped.isdisjoint(KEY.findall(each)))
                write_lines(file, kept)
        # Last, as it says which requests are still to be dropped.
        write_json(self.about_file, left)

    def remove(self) -> None:
        """Delete its files; requests make the part, and need what is beside them."""
        for file in (self.state_file, self.answers, self.requests, self.about_file):
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
        self._about: dict[str, str] = {}
        self._bytes = 0

    def add(self, key: str, body: dict[str, Any], about: str) -> None:
        """Write a request; its file appears when it is full, or closed.

        Args:
            key: of the request.
            body: that is sent.
            about: the repository, which is kept beside the file.

        Raises:
            AnswerError: if it is larger than a whole file may be.
        """
        named = {"custom_id": key, "method": "POST", "url": URL, "body": body}
        line = orjson.dumps(named, option=orjson.OPT_APPEND_NEWLINE)
        if len(line) > self._max_bytes:
            raise AnswerError(f"{len(line)} bytes are more than a batch takes")
        is_full = len(self._about) == self._max_requests
        if is_full or self._bytes + len(line) > self._max_bytes:
            self.close()
        if self._file is None:
            part = Part(self._next())
            partial = self._stack.enter_context(whole_file(part.requests))
            # No request appears before it is known what it is about.
            self._stack.callback(write_json, part.about_file, self._about)
            self._file = self._stack.enter_context(partial.open("wb"))
        self._file.write(line)
        self._about[key] = about
        self._bytes += len(line)

    def close(self) -> None:
        """Let the file that is being written appear."""
        self._stack.close()
        self._file = None
        self._about, self._bytes = {}, 0

    def _next(self) -> Path:
        parts = parts_in(self._folder)
        last = int(parts[-1].requests.stem.removeprefix("part-")) if parts else 0
        return self._folder / f"part-{last + 1:05}.jsonl"


class Withdrawn(NamedTuple):
    """What was taken out of the batches of a folder."""

    keys: frozenset[str]
    """Of the requests."""
    ids: tuple[str, ...]
    """Files and batches that hold some of them at the service."""


def batch_folder(base_url: str | None) -> Path:
    """Return where the batches of a service are kept until they are collected."""
    name = hashlib.sha256(base_url.encode()).hexdigest()[:12] if base_url else "offline"
    return repository_root() / ".cache" / "batches" / name


def hold(folder: Path) -> IO[bytes]:
    """Return the lock of a folder, made if need be; whoever has it works there alone.

    Raises:
        ToolError: if another process has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / "lock").open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise ToolError(
            f"'{folder}': another process works on these batches; wait for it or end it"
        ) from error
    return lock


def forget_requests(folder: Path, repo: str, keys: Set[str]) -> Withdrawn:
    """Delete the requests about a repository, and what was answered to them.

    What a service was sent it still has; its answers are ignored when they come.

    Args:
        folder: of `batch_folder`.
        repo: what requests were written as being about.
        keys: delete these too, whatever they were about.

    Raises:
        ToolError: if another process works on the folder.
    """
    gone: set[str] = set()
    sent: list[str] = []
    with contextlib.closing(hold(folder)):
        parts = parts_in(folder)
        left_by_kills = {*folder.glob(".*.partial"), *folder.glob("*.about.json")}
        for file in left_by_kills - {part.about_file for part in parts}:
            file.unlink()
        for part in parts:
            about = part.about().items()
            if dropped := {key for key, name in about if name == repo or key in keys}:
                if there := part.sent():
                    sent += filter(None, (there.file, there.batch))
                part.drop(dropped)
                gone |= dropped
    return Withdrawn(frozenset(gone), tuple(sent))


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
