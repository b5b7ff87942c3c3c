"""Ask by batches: questions are written to files, and their answers brought later.

A folder holds a part for each file of requests: `part-00001.jsonl`, what each request
is about (`.about.json`, never sent), what the service has of it (`.state.json`), and
the answers when they come (`.answers.jsonl`). A kill at any moment loses nothing: the
next run takes the folder up where it is.
"""

import contextlib
import fcntl
import hashlib
import re
import time
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator, Set
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple, Self, TypeVar

import orjson

from diffscribe.asking.ask import Counts, in_order
from diffscribe.asking.budget import Budget, Cost
from diffscribe.asking.ledger import Ledger
from diffscribe.core.errors import ToolError
from diffscribe.core.files import repository_root, whole_file, write_json, write_lines
from diffscribe.doors.batches import (
    BatchService,
    BatchStatus,
    Sent,
    read_answers,
    request_line,
)
from diffscribe.doors.endpoint import Outgoing, prepare
from diffscribe.doors.reply import Answer, AnswerError, Question, question_key

T = TypeVar("T")
R = TypeVar("R")

MAX_REQUESTS = 50_000
MAX_BYTES = 200_000_000
"""Limits of OpenAI for one file; others take half as many bytes."""
SOMEBODY = "whoever answers a file"
"""In place of a host: a file may be answered anywhere."""
TOO_MUCH_AT_ONCE = "token_limit_exceeded"
WINDOW = 4
_KEY = re.compile(rb"[0-9a-f]{64}")


class PendingError(Exception):
    """The answer is not there yet; `bring` brings it."""


class Part(NamedTuple):
    """One file of requests and its state at a service."""

    requests: Path

    @property
    def state_file(self) -> Path:
        """Return the path of what the service has."""
        return self.requests.with_suffix(".state.json")

    @property
    def answers(self) -> Path:
        """Return the path of the answers, whoever writes them."""
        return self.requests.with_suffix(".answers.jsonl")

    @property
    def about_file(self) -> Path:
        """Return the path of the repository of each request."""
        return self.requests.with_suffix(".about.json")

    def sent(self) -> Sent | None:
        """Return what the service has, or None before anything was sent."""
        if not self.state_file.exists():
            return None
        return Sent(**orjson.loads(self.state_file.read_bytes()))

    def keep_sent(self, sent: Sent) -> None:
        """Write what the service has to the disk."""
        write_json(self.state_file, sent._asdict())

    def about(self) -> dict[str, str]:
        """Return the repository that is asked about, by the key of the request."""
        return dict(orjson.loads(self.about_file.read_bytes()))

    def asked(self) -> dict[str, tuple[str, str]]:
        """Return model and repository, by the key of the request."""
        about = self.about()
        with self.requests.open("rb") as lines:
            loaded = map(orjson.loads, lines)
            keys = ((line["custom_id"], line["body"]["model"]) for line in loaded)
            return {key: (model, about[key]) for key, model in keys}

    def drop(self, keys: Collection[str]) -> None:
        """Delete requests and the answers to them; the part if no other is left."""
        left = {key: repo for key, repo in self.about().items() if key not in keys}
        if not left:
            self.remove()
            return
        dropped = {key.encode() for key in keys}
        for file in filter(Path.exists, (self.answers, self.requests)):
            with file.open("rb") as lines:
                kept = (
                    each for each in lines if dropped.isdisjoint(_KEY.findall(each))
                )
                write_lines(file, kept)
        # Last, because after a kill it says which requests are still to be dropped.
        write_json(self.about_file, left)

    def remove(self) -> None:
        """Delete the files; the requests before the file that says what they are of."""
        for file in (self.state_file, self.answers, self.requests, self.about_file):
            file.unlink(missing_ok=True)


def parts_in(folder: Path) -> list[Part]:
    """Return the parts whose requests are written, in the order of writing."""
    names = folder.glob("part-[0-9]*.jsonl")
    return [Part(file) for file in sorted(names) if file.suffixes == [".jsonl"]]


def batch_folder(base_url: str | None) -> Path:
    """Return the folder of a service's batches; None for files that are not sent."""
    name = hashlib.sha256(base_url.encode()).hexdigest()[:12] if base_url else "offline"
    return repository_root() / ".cache" / "batches" / name


def hold(folder: Path) -> IO[bytes]:
    """Return the flock of a folder, made if there is none.

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


class Withdrawn(NamedTuple):
    """What was taken out of the batches of a folder."""

    keys: frozenset[str]
    ids: tuple[str, ...]
    """Files and batches at the service that hold some of the requests."""


def forget_requests(folder: Path, repo: str, keys: Set[str]) -> Withdrawn:
    """Delete the requests about a repository, and the answers to them.

    A service keeps what it was sent; its answers are ignored when they come.

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


class BatchAsker:
    """Answers from the ledger; a question without one is pending until `bring`."""

    def __init__(
        self,
        ledger: Ledger,
        budget: Budget,
        folder: Path,
        service: BatchService | None,
        *,
        max_requests: int = MAX_REQUESTS,
        max_bytes: int = MAX_BYTES,
        poll_s: float = 30.0,
    ) -> None:
        """Take up what an earlier run submitted; send nothing yet.

        Args:
            ledger: of all answers.
            budget: keeps questions out that may exceed it. What an earlier run
                submitted is on the bill of this one, and not in its limits.
            folder: of `batch_folder`; for one process at a time.
            service: None to write files only.
            max_requests: in a file.
            max_bytes: of a file.
            poll_s: between two looks at the state of batches.

        Raises:
            ToolError: if another process works on the folder.
        """
        self.failed: dict[str, AnswerError] = {}
        """Why a question has no answer, by key."""
        self._ledger = ledger
        self._budget = budget
        self._folder = folder
        self._service = service
        self._poll_s = poll_s
        self._known = self._answered = 0
        self._pending: dict[str, Cost | None] = {}
        """By key, the most it can cost; None if an earlier run submitted it."""
        self._is_over_budget = False
        self._tried_alone: set[Part] = set()
        self._lock = hold(folder)
        self._writer = _PartWriter(folder, max_requests, max_bytes)
        for part in parts_in(folder):
            if service and not part.sent():
                part.remove()  # never sent, so its questions are written again
            else:
                self._pending |= dict.fromkeys(part.asked())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.close()
        self._lock.close()

    async def ask(self, question: Question) -> Answer:
        """Return an answer that is there; write the question down if it is not.

        Raises:
            PendingError: if it is not there yet.
            AnswerError: if this run learned that there is none.
            ParamsError: if it is private, and the service another machine.
        """
        sent = prepare(question, self._service.host if self._service else SOMEBODY)
        key = question_key(sent.question)
        if key in self.failed:
            raise self.failed[key]
        answer = self._ledger.get(key)
        if answer is None:
            self._want(key, sent)
            raise PendingError("the answer is not there yet")
        self._known += 1
        return answer._replace(key=key, replaced=sent.replaced)

    def in_order(
        self, work: Callable[[T], Coroutine[Any, Any, R]], rows: Iterable[T]
    ) -> Iterator[R]:
        """Yield the result of each row in order; `work` may ask."""
        return in_order(work, rows, WINDOW)

    def bring(
        self,
        want: Callable[[T], Coroutine[Any, Any, object]],
        read: Callable[[], Iterable[T]],
        show: Callable[[str], None],
    ) -> None:
        """Have all answers in the ledger that these rows ask for.

        An answer decides what is asked next, so the rows are gone over until nothing
        more is pending.

        Args:
            want: asks about a row; its result is not used.
            read: gives the rows anew each time.
            show: called with the progress, at most once a poll.

        Raises:
            BudgetError: if what is pending may exceed the budget.
            ToolError: if the service failed, or the files have to be answered.
        """

        async def ask(row: T) -> None:
            with contextlib.suppress(PendingError):
                await want(row)

        is_open = True
        while is_open:
            for _ in self.in_order(ask, read()):
                pass  # its answers are there, or written down
            is_open = self.run(show)

    def run(self, show: Callable[[str], None]) -> bool:
        """Bring the answers of all files, and return whether there were any files."""
        self._writer.close()
        parts = parts_in(self._folder)
        if not parts and self._is_over_budget:
            raise self._budget.exhausted()
        if parts:
            # The rows are gone over again, and their answers counted again.
            self._known, self._is_over_budget = 0, False
            if self._service:
                self._run_batches(self._service, parts, show)
            else:
                self._collect_beside(parts)
        return bool(parts)

    @property
    def counts(self) -> Counts:
        """Where the answers came from; known are those that were used."""
        return Counts(self._known, self._answered, 0, len(self.failed))

    def line(self) -> str:
        """Return `812 known, 800 asked, 3 failed: 12,345 tokens, $0.0123`."""
        return self.counts.words(self._budget.bill.words())

    def _want(self, key: str, sent: Outgoing) -> None:
        if key in self._pending:
            return
        most = self._budget.most(sent.question)
        if not self._budget.reserve(most):
            self._is_over_budget = True
            return
        self._pending[key] = most
        try:
            self._writer.add(key, request_line(key, sent), sent.question.about)
        except AnswerError as error:
            self._settle(key, sent.question.model, error)
            raise

    def _settle(
        self, key: str, model: str, result: Answer | AnswerError | None
    ) -> None:
        """Take the result of a question; None if it may be asked again."""
        most = self._pending.pop(key)
        usage = result.usage if isinstance(result, Answer) else None
        if most is not None:
            self._budget.settle(most, model, usage)
        elif usage is not None:
            self._budget.bill.add(model, usage)
        if isinstance(result, AnswerError):
            self.failed[key] = result
        self._answered += isinstance(result, Answer)

    def _collect(self, part: Part) -> None:
        """Take the file of answers of a part; all of it is on the disk then."""
        asked = part.asked()
        puts = []
        for key, result in read_answers(part.answers):
            if key in asked and key in self._pending:
                model, about = asked[key]
                if isinstance(result, Answer):
                    puts.append(self._ledger.put(key, model, result, about=about))
                self._settle(key, model, result)
        for put in puts:
            put.result()

    def _finish(self, part: Part, *, is_final: bool) -> int:
        """Delete a part, and return how many of its questions are settled.

        Args:
            part: after `_collect`.
            is_final: whether a question without an answer failed, or may be asked
                again.
        """
        asked = part.asked()
        left = [key for key in asked if key in self._pending]
        for key in left:
            error = AnswerError("the batch ended without an answer")
            self._settle(key, asked[key][0], error if is_final else None)
        part.remove()
        return len(asked) if is_final else len(asked) - len(left)

    def _collect_beside(self, parts: list[Part]) -> None:
        """Collect the parts that somebody answered with a file beside the requests."""
        for part in parts:
            if part.answers.exists():
                self._collect(part)
                self._finish(part, is_final=True)
        left = [part for part in parts if part.requests.exists()]
        if left:
            first = left[0]
            raise ToolError(
                f"{len(left)} files wait in '{first.requests.parent}' for their "
                f"answers: 'vllm run-batch -i {first.requests} -o {first.answers} "
                "--model ...' for each, then run this again"
            )

    def _run_batches(
        self, service: BatchService, parts: list[Part], show: Callable[[str], None]
    ) -> None:
        total = len(self._pending)
        batches = {part: self._submit(service, part) for part in parts}
        while batches:
            states = {part: service.status(batches[part]) for part in batches}
            for part, status in states.items():
                if status.state == "failed":
                    is_alone = len(states) == 1
                    batches[part] = self._resubmit(service, part, status, is_alone)
                elif not status.is_running:
                    self._take(service, part, batches.pop(part), status)
            if batches:
                done = sum(states[part].done for part in batches)
                done += total - len(self._pending)
                show(f"{done:,} of {total:,} requests, {len(batches)} batches open")
                time.sleep(self._poll_s)

    def _submit(self, service: BatchService, part: Part) -> str:
        """Return the batch of a part, after the steps that no earlier run did."""
        sent = part.sent() or service.upload(part.requests)
        if not sent.batch:
            batch = service.submit(
                sent, lambda at: part.keep_sent(sent._replace(asked_at=at))
            )
            sent = sent._replace(batch=batch, asked_at=0.0)
            part.keep_sent(sent)
        return sent.batch

    def _resubmit(
        self, service: BatchService, part: Part, status: BatchStatus, is_alone: bool
    ) -> str:
        """Submit a part that was too much beside others, or give up on it."""
        sent = part.sent()
        is_too_much = TOO_MUCH_AT_ONCE in status.codes
        if not is_too_much or part in self._tried_alone or sent is None:
            part.remove()
            raise ToolError(f"the service refused a batch: {status.words}")
        if is_alone:
            self._tried_alone.add(part)
        part.keep_sent(sent._replace(batch=""))
        return self._submit(service, part)

    def _take(
        self, service: BatchService, part: Part, batch: str, status: BatchStatus
    ) -> None:
        """Take the answers of a batch that is over."""
        for file_id in status.files:
            service.download(file_id, part.answers)
            self._collect(part)
        settled = self._finish(part, is_final=status.state == "completed")
        if status.state == "cancelled" or not settled:
            raise ToolError(
                f"batch {batch} is {status.state}: {settled} of its requests were "
                "answered and are kept; run again to ask for the rest"
            )


class _PartWriter:
    """Writes requests to as many files as the limits of a service ask for."""

    def __init__(self, folder: Path, max_requests: int, max_bytes: int) -> None:
        self._folder = folder
        self._max_requests = max_requests
        self._max_bytes = max_bytes
        self._stack = contextlib.ExitStack()
        self._file: IO[bytes] | None = None
        self._about: dict[str, str] = {}
        self._bytes = 0

    def add(self, key: str, line: bytes, about: str) -> None:
        """Write a request; its file appears when it is full, or closed.

        Raises:
            AnswerError: if it is larger than a whole file may be.
        """
        if len(line) > self._max_bytes:
            raise AnswerError(f"{len(line)} bytes are more than a batch takes")
        is_full = len(self._about) == self._max_requests
        if is_full or self._bytes + len(line) > self._max_bytes:
            self.close()
        if self._file is None:
            parts = parts_in(self._folder)
            last = int(parts[-1].requests.stem.removeprefix("part-")) if parts else 0
            part = Part(self._folder / f"part-{last + 1:05}.jsonl")
            partial = self._stack.enter_context(whole_file(part.requests))
            # Before the requests appear, it is on the disk what they are about.
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
