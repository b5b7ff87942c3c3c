"""A teacher that answers by files of requests, at half the price and within a day.

What is not known is written down; `run` submits it, waits and collects, and goes
on with what an earlier run left at any of the three. Without a service the files
are for whoever answers them, such as `vllm run-batch`.
"""

import fcntl
import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from diffscribe.errors import DiffscribeError, ToolError
from diffscribe.llm.batch_files import Part, PartWriter, parts_in, read_answers
from diffscribe.llm.batch_service import BatchService, BatchStatus
from diffscribe.llm.budget import Budget, Cost
from diffscribe.llm.dialect import Dialect
from diffscribe.llm.failures import AnswerError
from diffscribe.llm.ledger import Ledger
from diffscribe.llm.prices import Bill
from diffscribe.llm.request import Answer, Request, Rung, request_key
from diffscribe.llm.teacher import Counts
from diffscribe.root import repository_root

MAX_REQUESTS = 50_000
MAX_BYTES = 200_000_000
"""Limits of OpenAI; others take half as many bytes."""
DIALECT = Dialect(Rung.JSON_SCHEMA)
TOO_MUCH_AT_ONCE = "token_limit_exceeded"


class PendingError(DiffscribeError):
    """The answer is not there yet; `run` brings it."""


def batch_folder(base_url: str | None) -> Path:
    """Return where the batches of a service are kept until they are collected."""
    name = hashlib.sha256(base_url.encode()).hexdigest()[:12] if base_url else "offline"
    return repository_root() / ".cache" / "batches" / name


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
        self._ledger = ledger
        self._budget = budget
        self._service = service
        self._dialect = dialect
        self._folder = folder
        self._poll_s = poll_s
        self._counts = Counts(0, 0, 0, 0)
        self._failed: dict[str, AnswerError] = {}
        self._tried_alone: set[Part] = set()
        self._left_out = False
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = (folder / "lock").open("wb")
        self._hold()
        self._writer = PartWriter(folder, max_requests, max_bytes)
        self._pending: dict[str, Cost | None] = {}
        """By key, the most it can cost; None if an earlier run submitted it."""
        for part in parts_in(folder):
            if service and not part.ids():
                part.remove()  # never sent, so it is written again
            else:
                self._pending |= dict.fromkeys(part.models())

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
        if key in self._failed:
            raise self._failed[key]
        answer = self._ledger.get(key)
        if answer is None:
            self._want(key, request)
            raise PendingError("the answer is not there yet")
        self._counts = self._counts._replace(known=self._counts.known + 1)
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
        if not parts and self._left_out:
            raise self._budget.exhausted()
        self._left_out = False
        if not parts:
            return False
        # The rows are gone over again, and what they use is counted again.
        self.used = Bill(self._budget.prices)
        self._counts = self._counts._replace(known=0)
        if self._service is None:
            self._collect_beside(parts)
        else:
            self._bring(parts, self._service, report)
        return True

    @property
    def counts(self) -> Counts:
        """Where the answers came from so far; known are those that were used."""
        return self._counts

    def line(self) -> str:
        """Return `812 known, 800 asked, 3 failed: 12,345 tokens, $0.0123`."""
        known, asked, _, failed = self._counts
        return (
            f"{known:,} known, {asked:,} asked, {failed:,} failed: "
            f"{self._budget.bill.words()}"
        )

    def _hold(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ToolError(
                f"'{self._folder}': another process works on these batches; "
                "wait for it or end it"
            ) from error

    def _want(self, key: str, request: Request) -> None:
        if key in self._pending:
            return
        most = self._budget.most(request)
        if not self._budget.reserve(most):
            self._left_out = True
            return
        self._pending[key] = most
        try:
            self._writer.add(key, self._dialect.body(request))
        except AnswerError as error:
            self._settle(key, request.model, error)
            raise

    def _bring(
        self, parts: list[Part], service: BatchService, report: Callable[[str], None]
    ) -> None:
        total = len(self._pending)
        for part in parts:
            _submit(part, service)
        while parts:
            states = {part: service.status(part.ids()["batch"]) for part in parts}
            parts = [part for part in parts if self._is_open(part, states, service)]
            if parts:
                collected = total - len(self._pending)
                done = collected + sum(states[part].done for part in parts)
                report(f"{done:,} of {total:,} requests, {len(parts)} batches open")
                time.sleep(self._poll_s)

    def _is_open(
        self, part: Part, states: dict[Part, BatchStatus], service: BatchService
    ) -> bool:
        """Collect a part that is at its end, and return whether it is not yet."""
        status = states[part]
        if status.is_running:
            return True
        if status.state == "failed":
            self._submit_later(part, status, service, is_alone=len(states) == 1)
            return True
        batch_id = part.ids()["batch"]
        for file_id in status.files:
            service.download(file_id, part.answers)
            self._keep(part)
        answered = self._finish(part, is_final=status.state == "completed")
        if status.state == "cancelled" or not answered:
            raise ToolError(
                f"batch {batch_id} is {status.state}: {answered} of its requests were "
                "answered and are kept; run again to ask for the rest"
            )
        return False

    def _submit_later(
        self,
        part: Part,
        status: BatchStatus,
        service: BatchService,
        *,
        is_alone: bool,
    ) -> None:
        """Submit a part again that was too much beside others, or give up on it."""
        if TOO_MUCH_AT_ONCE not in status.codes or part in self._tried_alone:
            part.remove()
            raise ToolError(f"the service refused a batch: {status.words}")
        if is_alone:
            self._tried_alone.add(part)
        part.keep_ids({"file": part.ids()["file"]})
        _submit(part, service)

    def _collect_beside(self, parts: list[Part]) -> None:
        """Collect the files that somebody else has answered."""
        for part in parts:
            if part.answers.exists():
                self._keep(part)
                self._finish(part, is_final=True)
        if left := [part for part in parts if part.requests.exists()]:
            first = left[0]
            raise ToolError(
                f"{len(left)} files wait in '{self._folder}' for their answers: "
                f"'vllm run-batch -i {first.requests} -o {first.answers} --model …' "
                "for each, then run this again"
            )

    def _keep(self, part: Part) -> None:
        """Take the answers of a file into the ledger."""
        models = part.models()
        puts = []
        for key, result in read_answers(part.answers):
            if key in models and key in self._pending:
                if isinstance(result, Answer):
                    puts.append(self._ledger.put_soon(key, models[key], result))
                self._settle(key, models[key], result)
        for put in puts:
            put.result()

    def _settle(self, key: str, model: str, result: Answer | AnswerError) -> None:
        most = self._pending.pop(key)
        usage = result.usage if isinstance(result, Answer) else None
        if most is not None:
            self._budget.settle(most, model, usage)
        elif usage is not None:
            self._budget.bill.add(model, usage)
        if isinstance(result, AnswerError):
            self._failed[key] = result
            self._counts = self._counts._replace(failed=self._counts.failed + 1)
        else:
            self._counts = self._counts._replace(asked=self._counts.asked + 1)

    def _finish(self, part: Part, *, is_final: bool) -> int:
        """Delete a part, and return how many of its requests are settled.

        What has no answer failed, or is wanted again if its time was over.
        """
        models = part.models()
        left = [key for key in models if key in self._pending]
        for key in left:
            if is_final:
                error = AnswerError("the batch ended without an answer")
                self._settle(key, models[key], error)
            else:
                most = self._pending.pop(key)
                if most is not None:
                    self._budget.settle(most, models[key], None)
        part.remove()
        return len(models) if is_final else len(models) - len(left)


def _submit(part: Part, service: BatchService) -> None:
    """Upload and submit a part, or what of that an earlier run did not do."""
    ids = part.ids()
    if "file" not in ids:
        ids["file"] = service.upload(part.requests)
        part.keep_ids(ids)
    if "batch" not in ids:
        written_at = part.requests.stat().st_mtime
        ids["batch"] = service.submit(ids["file"], written_at)
        part.keep_ids(ids)
