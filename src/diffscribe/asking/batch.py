"""Ask by batches: questions are written to files, and their answers brought later."""

import contextlib
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from diffscribe.asking.ask import Counts, in_order
from diffscribe.asking.budget import Budget, Cost
from diffscribe.asking.ledger import Ledger
from diffscribe.asking.parts import Part, PartWriter, hold, parts_in
from diffscribe.core.errors import ToolError
from diffscribe.doors.batches import (
    BatchService,
    BatchStatus,
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


class PendingError(Exception):
    """The answer is not there yet; `bring` brings it."""


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
        self._writer = PartWriter(folder, max_requests, max_bytes)
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
