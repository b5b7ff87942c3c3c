"""A teacher that answers by files of requests, at half the price and within a day.

What is not known is written down; `run` submits it, waits and collects, and goes
on with what an earlier run left at any of the three. Without a service the files
are for whoever answers them, such as `vllm run-batch`.
"""

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from diffscribe.llm.batch.folder import hold
from diffscribe.llm.batch.parts import PartWriter, parts_in
from diffscribe.llm.batch.pending import Pending
from diffscribe.llm.batch.round import Round, collect_beside
from diffscribe.llm.batch.service import BatchService
from diffscribe.llm.budget import Budget
from diffscribe.llm.dialect import Dialect
from diffscribe.llm.failures import AnswerError
from diffscribe.llm.ledger.answers import Ledger
from diffscribe.llm.prices import Bill
from diffscribe.llm.request import Answer, Request, Rung, request_key
from diffscribe.llm.teacher import Counts

MAX_REQUESTS = 50_000
MAX_BYTES = 200_000_000
"""Limits of OpenAI; others take half as many bytes."""
DIALECT = Dialect(Rung.JSON_SCHEMA)


class PendingError(Exception):
    """The answer is not there yet; `run` brings it."""


class BatchTeacher:
    """Answers from the ledger; what is not there is pending until `run`."""

    def __init__(
        self,
        ledger: Ledger,
        budget: Budget,
        folder: Path,
        service: BatchService | None,
        *,
        dialect: Dialect = DIALECT,
        max_requests: int = MAX_REQUESTS,
        max_bytes: int = MAX_BYTES,
        poll_s: float = 30.0,
    ) -> None:
        """Take up what an earlier run submitted; send nothing yet.

        Args:
            ledger: where answers are looked for and kept.
            budget: keeps requests out that may exceed it; what an earlier run
                submitted is on the bill of this one, and not in its limits.
            folder: of `batch_folder`; for one process at a time.
            service: None to have files only.
            dialect: what whoever answers understands, as nobody can be probed.
            max_requests: in a file.
            max_bytes: of a file.
            poll_s: between two looks at how far batches are.

        Raises:
            ToolError: if another process works on the folder.
        """
        self.used = Bill(budget.prices)
        """All answers given since the last `run`, known ones too."""
        self._ledger = ledger
        self._budget = budget
        self._service = service
        self._dialect = dialect
        self._folder = folder
        self._poll_s = poll_s
        self._known = 0
        self._lock = hold(folder)
        self._writer = PartWriter(folder, max_requests, max_bytes)
        self._pending = Pending(ledger, budget)
        for part in parts_in(folder):
            if service and not part.sent():
                part.remove()  # never sent, so it is written again
            else:
                self._pending.take_over(part)

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

    async def ask(self, request: Request) -> Answer:
        """Return an answer that is there; write down that it is wanted if not.

        Raises:
            PendingError: if it is not there yet.
            AnswerError: if this run learned that there is none.
        """
        key = request_key(request)
        if key in self._pending.failed:
            raise self._pending.failed[key]
        answer = self._ledger.get(key)
        if answer is None:
            self._want(key, request)
            raise PendingError("the answer is not there yet")
        self._known += 1
        self.used.add(request.model, answer.usage)
        return answer

    def run(self, report: Callable[[str], None]) -> bool:
        """Bring all that is pending, and return whether anything was.

        Args:
            report: told how far it is, at most once a poll.

        Raises:
            BudgetError: if what is pending may exceed the budget.
            ToolError: if the service failed, or the files have to be answered.
        """
        self._writer.close()
        parts = parts_in(self._folder)
        if not parts and self._pending.was_left_out:
            raise self._budget.exhausted()
        if not parts:
            return False
        # The rows are gone over again, and what they use is counted again.
        self.used, self._known = Bill(self._budget.prices), 0
        self._pending.was_left_out = False
        if self._service is None:
            collect_beside(parts, self._pending)
        else:
            Round(self._service, self._pending).bring(parts, report, self._poll_s)
        return True

    @property
    def counts(self) -> Counts:
        """Where the answers came from so far; known are those that were used."""
        failed = len(self._pending.failed)
        return Counts(self._known, self._pending.answered, 0, failed)

    def line(self) -> str:
        """Return `812 known, 800 asked, 3 failed: 12,345 tokens, $0.0123`."""
        known, asked, _, failed = self.counts
        return (
            f"{known:,} known, {asked:,} asked, {failed:,} failed: "
            f"{self._budget.bill.words()}"
        )

    def _want(self, key: str, request: Request) -> None:
        if self._pending.add(key, request):
            try:
                self._writer.add(key, self._dialect.body(request), request.about)
            except AnswerError as error:
                self._pending.settle(key, request.model, error)
                raise
