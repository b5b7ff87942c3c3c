"""Ask by batches: questions go into one file, and their answers are fetched later.

A folder holds one batch at a time: `requests.jsonl`, `state.json` (which repositories
it is about, and what the service has of it; never sent), and `answers.jsonl` when they
come. A kill at any moment loses nothing: the next run goes on with the same batch. What
does not fit into one file is asked by the next batch.
"""

import contextlib
import hashlib
import re
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Set
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar

import orjson

from diffscribe.asking.ask import Counts, in_order
from diffscribe.asking.budget import Budget, Cost
from diffscribe.asking.ledger import Ledger
from diffscribe.core.errors import ToolError
from diffscribe.core.files import (
    OWNER_ONLY,
    Lock,
    repository_root,
    write_json,
    write_lines,
)
from diffscribe.doors.batches import (
    DIALECT,
    BatchService,
    read_answers,
    request_line,
)
from diffscribe.doors.endpoint import Outgoing, prepare
from diffscribe.doors.failure import (
    AnswerError,
    AttemptError,
    Fault,
    answer_error,
    is_transient,
    is_unusable,
)
from diffscribe.doors.reply import Answer, Question, question_key

T = TypeVar("T")
R = TypeVar("R")

MAX_REQUESTS = 50_000
MAX_BYTES = 100_000_000
"""Limits of one file that all services have; OpenAI takes twice as many bytes."""
POLL_S = 30.0
"""Between two looks at the state of a batch."""
SOMEBODY = "whoever answers a file"
"""In place of a host: a file may be answered anywhere."""
WINDOW = 4
MAX_TRIES = 3
"""Batches that ask a question again whose line failed in a way that may pass."""

REQUESTS, STATE, ANSWERS = "requests.jsonl", "state.json", "answers.jsonl"
_KEY = re.compile(rb"[0-9a-f]{64}")


class Asked(NamedTuple):
    """What the ledger is told of a request beside its answer."""

    model: str
    about: str
    """Repository that is asked about."""
    private: bool = False


class BatchState(NamedTuple):
    """The batch of a folder."""

    asked: Mapping[str, "Asked"]
    """Of each request, by the key of the question."""
    file: str = ""
    """Id of the requests at the service; empty before they are uploaded."""
    batch: str = ""
    """Id of their batch; empty before it is known."""


def read_state(folder: Path) -> BatchState | None:
    """Return the batch of a folder, or None if no batch is open."""
    path = folder / STATE
    if not path.exists():
        return None
    state = BatchState(**orjson.loads(path.read_bytes()))
    asked = {key: Asked(*each) for key, each in state.asked.items()}
    return state._replace(asked=asked)


def batch_folder(base_url: str | None) -> Path:
    """Return the folder of a service's batches; None for files that are not sent."""
    name = hashlib.sha256(base_url.encode()).hexdigest()[:12] if base_url else "offline"
    return repository_root() / ".cache" / "batches" / name


def hold(folder: Path) -> Lock:
    """Return the lock of a folder, made if there is none.

    Raises:
        StorageError: if another process has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return Lock(folder / "lock", folder)


def _close(folder: Path) -> None:
    """Delete the batch of a folder, and what a kill left of an earlier one."""
    # The state goes first: without it, the other files count for nothing.
    for path in (folder / STATE, *folder.glob("*.jsonl")):
        path.unlink(missing_ok=True)


class Withdrawn(NamedTuple):
    """What was taken out of the batch of a folder."""

    keys: frozenset[str]
    ids: tuple[str, ...]
    """Files and batches at the service that hold some of the requests."""


def forget_requests(folder: Path, repo: str, keys: Set[str]) -> Withdrawn:
    """Delete the requests about a repository, and the answers to them.

    Those with the keys go too, whatever they are about. A service keeps what it was
    sent; its answers are ignored when they come.

    Raises:
        StorageError: if another process works on the folder.
    """
    with contextlib.closing(hold(folder)):
        for path in folder.glob(".*.partial"):
            path.unlink()
        state = read_state(folder) or BatchState({})
        gone = {
            key
            for key, each in state.asked.items()
            if each.about == repo or key in keys
        }
        left = {key: state.asked[key] for key in state.asked if key not in gone}
        if not left:
            _close(folder)
        elif gone:
            dropped = {key.encode() for key in gone}
            for path in folder.glob("*.jsonl"):
                with path.open("rb") as lines:
                    kept = (
                        each for each in lines if dropped.isdisjoint(_KEY.findall(each))
                    )
                    write_lines(path, kept, OWNER_ONLY)
            # Last, because after a kill it says which requests are still to be dropped.
            write_json(folder / STATE, state._replace(asked=left)._asdict(), OWNER_ONLY)
    ids = filter(None, (state.file, state.batch)) if gone else ()
    return Withdrawn(frozenset(gone), tuple(ids))


class PendingError(Exception):
    """The answer is not there yet; `bring` brings it."""


class _Request(NamedTuple):
    line: bytes
    asked: Asked
    most: Cost


class BatchAsker:
    """Answers from the ledger; a question without one is pending until `bring`."""

    def __init__(
        self,
        ledger: Ledger,
        budget: Budget,
        folder: Path,
        service: BatchService | None,
    ) -> None:
        """Take up what an earlier run submitted; send nothing yet.

        That is on the bill of this run, and not in the limits of its budget. Without a
        service a file is written only.

        Raises:
            StorageError: if another process works on the folder.
        """
        self.failed: dict[str, AnswerError] = {}
        """Why a question has no answer, by key."""
        self._ledger = ledger
        self._budget = budget
        self._folder = folder
        self._service = service
        self._known = self._answered = 0
        self._is_over_budget = False
        self._requests: dict[str, _Request] = {}
        """What this run asks by the next batch, or by the open one."""
        self._bytes = 0
        self._dialect = self._next_dialect = DIALECT
        self._tries: Counter[str] = Counter()
        self._unusable: ToolError | None = None
        self._lock = hold(folder)
        self._state = read_state(folder)
        if service and self._state and not self._state.file:
            self._state = None  # Never sent, so its questions are written again.

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.close()

    async def ask(self, question: Question) -> Answer:
        """Return an answer that is there; put the question down if it is not.

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

        An answer decides what is asked next, so the rows, which `read` gives anew each
        time, are gone over until nothing more is pending. `want` asks about a row; its
        result is not used. `show` gets the progress, at most once a poll.

        Raises:
            BudgetError: if what is pending may exceed the budget.
            ToolError: if the service failed, or the file has to be answered.
        """

        async def ask(row: T) -> None:
            with contextlib.suppress(PendingError):
                await want(row)

        is_open = True
        while is_open:
            for _ in self.in_order(ask, read()):
                pass  # Its answers are there, or put down.
            is_open = self.run(show)

    def run(self, show: Callable[[str], None]) -> bool:
        """Bring the answers of one batch, and return whether there was anything."""
        if self._state is None and self._requests:
            asked = self._requests.items()
            _close(self._folder)
            lines = (each.line for _, each in asked)
            write_lines(self._folder / REQUESTS, lines, OWNER_ONLY)
            self._keep(BatchState({key: each.asked for key, each in asked}))
        if self._state is None:
            if self._is_over_budget:
                raise self._budget.exhausted()
            return False
        # The rows are gone over again, and their answers counted again.
        self._known, self._is_over_budget = 0, False
        if self._service:
            self._fetch(self._service, self._state, show)
            if self._unusable:
                # The next batch would be refused as this one was.
                raise self._unusable
            return True
        requests, answers = self._folder / REQUESTS, self._folder / ANSWERS
        if not answers.exists():
            raise ToolError(
                f"{len(self._state.asked)} requests wait for their answers: 'vllm "
                f"run-batch -i {requests} -o {answers} --model ...', then run again"
            )
        left = dict(self._state.asked)
        self._finish(left, self._take(left), is_final=True)
        return True

    @property
    def counts(self) -> Counts:
        """Where the answers came from; known are those that were used."""
        return Counts(self._known, self._answered, 0, len(self.failed))

    def line(self) -> str:
        """Return `812 known, 800 asked, 3 failed: 12,345 tokens, $0.0123`."""
        return self.counts.words(self._budget.bill.words())

    def _want(self, key: str, sent: Outgoing) -> None:
        """Put a question down for the next batch, if no batch is open."""
        if self._state or key in self._requests:
            return
        line = request_line(key, sent, self._dialect)
        if len(line) > MAX_BYTES:
            words = f"{len(line)} bytes are more than a batch takes"
            self.failed[key] = AnswerError(words)
            raise self.failed[key]
        is_full = len(self._requests) == MAX_REQUESTS
        if is_full or self._bytes + len(line) > MAX_BYTES:
            return
        most = self._budget.most(sent.question)
        if not self._budget.reserve(most):
            self._is_over_budget = True
            return
        question = sent.question
        asked = Asked(question.model, question.about, question.private)
        self._requests[key] = _Request(line, asked, most)
        self._bytes += len(line)

    def _keep(self, state: BatchState) -> None:
        write_json(self._folder / STATE, state._asdict(), OWNER_ONLY)
        self._state = state

    def _fetch(
        self, service: BatchService, state: BatchState, show: Callable[[str], None]
    ) -> None:
        """Upload and submit what no earlier run did, wait, and take the answers."""
        # A run that was killed may have made the batch without hearing of its id.
        may_exist = bool(state.file)
        if not state.file:
            state = state._replace(file=service.upload(self._folder / REQUESTS))
            self._keep(state)
        if not state.batch:
            batch = service.submit(state.file, may_exist=may_exist)
            state = state._replace(batch=batch)
            self._keep(state)
        while (status := service.status(state.batch)).is_running:
            show(f"{status.done:,} of {len(state.asked):,} requests of the batch")
            time.sleep(POLL_S)
        left = dict(state.asked)
        unreadable = 0
        for file in status.files:
            service.download(file, self._folder / ANSWERS)
            unreadable += self._take(left)
        is_final = status.state == "completed"
        # A service may look at the parameters before it takes a batch.
        refusal = AttemptError(Fault.STATUS, status.words, 400, status.words.lower())
        is_learned = status.state == "failed" and self._learns(refusal)
        self._finish(left, unreadable, is_final=is_final)
        if is_learned:
            return
        settled = len(state.asked) - len(left)
        # What expired without a single answer might expire for ever.
        if not is_final and (status.state != "expired" or not settled):
            raise ToolError(
                f"batch {state.batch} is {status.state}{status.words}: {settled} of "
                "its requests were answered and are kept; run again to ask for the "
                "rest"
            )

    def _take(self, left: dict[str, Asked]) -> int:
        """Keep the answers of the file beside the requests; they are on the disk then.

        Those with a result are taken out of `left`. Return the number of lines that are
        no answer.
        """
        puts = []
        unreadable = 0
        for key, result in read_answers(self._folder / ANSWERS):
            unreadable += key is None
            if key in left:
                model, about, private = left.pop(key)
                if isinstance(result, Answer):
                    puts.append(
                        self._ledger.put(
                            key, model, result, about=about, private=private
                        )
                    )
                    self._settle(key, model, result)
                else:
                    self._settle(key, model, self._failure(key, result))
        for put in puts:
            put.result()
        return unreadable

    def _finish(
        self, left: Mapping[str, Asked], unreadable: int, *, is_final: bool
    ) -> None:
        """End the batch; requests without an answer failed, or may be asked again."""
        words = "the batch ended without an answer"
        if unreadable:
            words += f"; {unreadable} lines of its file are none"
        for key, each in left.items():
            self._settle(key, each.model, AnswerError(words) if is_final else None)
        _close(self._folder)
        self._state, self._requests, self._bytes = None, {}, 0
        self._dialect = self._next_dialect

    def _failure(self, key: str, error: AttemptError) -> AnswerError | None:
        """Return why a question failed; None if it is to be asked again."""
        if self._learns(error):
            return None
        failure = answer_error(error)
        if is_unusable(error):
            self._unusable = ToolError(
                f"the service refuses what is asked: {failure}; check the key, its "
                "quota and the model's name; all answers are kept"
            )
        if self._service and is_transient(error):
            self._tries[key] += 1
            if self._tries[key] < MAX_TRIES:
                return None
        return failure

    def _learns(self, error: AttemptError) -> bool:
        """Tell whether a refusal is one that the next batch is asked without."""
        milder = self._dialect.milder(error, asks_json=True)
        if milder:
            self._next_dialect = self._next_dialect.joined(milder)
        return milder is not None

    def _settle(
        self, key: str, model: str, result: Answer | AnswerError | None
    ) -> None:
        """Take the result of a question; None if it may be asked again."""
        request = self._requests.get(key)
        usage = result.usage if isinstance(result, Answer) else None
        if request is not None:
            self._budget.settle(request.most, model, usage)
        elif usage is not None:
            self._budget.bill.add(model, usage)
        if isinstance(result, AnswerError):
            self.failed[key] = result
        self._answered += isinstance(result, Answer)
