"""The files and batches of an OpenAI-compatible service."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self, TypeVar
from urllib.parse import urlsplit

from diffscribe.asking.ask import Counts
from diffscribe.asking.batch_files import (
    Part,
    PartWriter,
    Sent,
    hold,
    parts_in,
    read_answers,
)
from diffscribe.asking.budget import Bill, Budget, Cost
from diffscribe.asking.ledger import Ledger
from diffscribe.core.errors import ToolError
from diffscribe.doors.endpoint import Dialect, is_loopback, is_transient, wait_s
from diffscribe.doors.reply import (
    Answer,
    AnswerError,
    AttemptError,
    Fault,
    Request,
    Rung,
    request_key,
    shown_words,
    status_error,
)

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


class Pending:
    """Keys of what is not answered yet; answers go to the ledger and the bill."""

    def __init__(self, ledger: Ledger, budget: Budget) -> None:
        """Begin with nothing on its way."""
        self.failed: dict[str, AnswerError] = {}
        """Why a request has no answer, by key."""
        self.answered = 0
        self.was_left_out = False
        """Whether a request did not fit into the budget."""
        self._ledger = ledger
        self._budget = budget
        self._most: dict[str, Cost | None] = {}
        """By key, the most it can cost; None if an earlier run submitted it."""

    def __len__(self) -> int:
        return len(self._most)

    def take_over(self, part: Part) -> None:
        """Count on the answers to what an earlier run submitted."""
        self._most |= dict.fromkeys(part.asked())

    def add(self, key: str, request: Request) -> bool:
        """Return whether a request is new, and fits into the budget."""
        if key in self._most:
            return False
        most = self._budget.most(request)
        if not self._budget.reserve(most):
            self.was_left_out = True
            return False
        self._most[key] = most
        return True

    def settle(self, key: str, model: str, result: Answer | AnswerError | None) -> None:
        """Take what became of a request; None if it may be asked again."""
        most = self._most.pop(key)
        usage = result.usage if isinstance(result, Answer) else None
        if most is not None:
            self._budget.settle(most, model, usage)
        elif usage is not None:
            self._budget.bill.add(model, usage)
        if isinstance(result, AnswerError):
            self.failed[key] = result
        self.answered += isinstance(result, Answer)

    def collect(self, part: Part) -> None:
        """Take the file of answers of a part; all of it is on the disk then."""
        asked = part.asked()
        puts = []
        for key, result in read_answers(part.answers):
            if key in asked and key in self._most:
                model, about = asked[key]
                if isinstance(result, Answer):
                    put = self._ledger.put_soon(key, model, result, about=about)
                    puts.append(put)
                self.settle(key, model, result)
        for put in puts:
            put.result()

    def finish(self, part: Part, *, is_final: bool) -> int:
        """Delete a part, and return how many of its requests are settled.

        Args:
            part: what was collected of it counts.
            is_final: whether what has no answer failed, or may be asked again.
        """
        asked = part.asked()
        left = [key for key in asked if key in self._most]
        for key in left:
            error = AnswerError("the batch ended without an answer")
            self.settle(key, asked[key].model, error if is_final else None)
        part.remove()
        return len(asked) if is_final else len(asked) - len(left)


TOO_MUCH_AT_ONCE = "token_limit_exceeded"


class Round:
    """Brings the answers of parts by a service."""

    def __init__(self, service: BatchService, pending: Pending) -> None:
        """Send nothing yet."""
        self._service = service
        self._pending = pending
        self._sent: dict[Part, Sent] = {}
        self._tried_alone: set[Part] = set()

    def bring(
        self, parts: Sequence[Part], report: Callable[[str], None], poll_s: float
    ) -> None:
        """Return when all answers that there will be are in the ledger.

        Raises:
            ToolError: if the service failed, refused a batch or cancelled it.
        """
        total = len(self._pending)
        for part in parts:
            self._submit(part)
        while parts:
            states = {
                each: self._service.status(self._sent[each].batch) for each in parts
            }
            parts = [part for part in parts if self._is_open(part, states)]
            if parts:
                done = sum(states[part].done for part in parts)
                done += total - len(self._pending)
                report(f"{done:,} of {total:,} requests, {len(parts)} batches open")
                time.sleep(poll_s)

    def _submit(self, part: Part) -> None:
        """Upload and submit a part, or what of that an earlier run did not do."""
        sent = part.sent() or self._service.upload(part.requests)
        if not sent.batch:
            batch = self._service.submit(
                sent, lambda at: part.keep_sent(sent._replace(asked_at=at))
            )
            sent = sent._replace(batch=batch, asked_at=0.0)
            part.keep_sent(sent)
        self._sent[part] = sent

    def _is_open(self, part: Part, states: dict[Part, BatchStatus]) -> bool:
        """Collect a part that is at its end, and return whether it is not yet."""
        status = states[part]
        if status.is_running:
            return True
        if status.state == "failed":
            self._submit_again(part, status, is_alone=len(states) == 1)
            return True
        for file_id in status.files:
            self._service.download(file_id, part.answers)
            self._pending.collect(part)
        settled = self._pending.finish(part, is_final=status.state == "completed")
        if status.state == "cancelled" or not settled:
            raise ToolError(
                f"batch {self._sent[part].batch} is {status.state}: {settled} of its "
                "requests were answered and are kept; run again to ask for the rest"
            )
        return False

    def _submit_again(self, part: Part, status: BatchStatus, *, is_alone: bool) -> None:
        """Submit a part that was too much beside others, or give up on it."""
        if TOO_MUCH_AT_ONCE not in status.codes or part in self._tried_alone:
            part.remove()
            raise ToolError(f"the service refused a batch: {status.words}")
        if is_alone:
            self._tried_alone.add(part)
        part.keep_sent(self._sent[part]._replace(batch=""))
        self._submit(part)


def collect_beside(parts: Sequence[Part], pending: Pending) -> None:
    """Collect parts that somebody answered with a file beside the requests.

    Raises:
        ToolError: saying how, if some are not answered yet.
    """
    for part in parts:
        if part.answers.exists():
            pending.collect(part)
            pending.finish(part, is_final=True)
    left = [part for part in parts if part.requests.exists()]
    if left:
        first = left[0]
        raise ToolError(
            f"{len(left)} files wait in '{first.requests.parent}' for their answers: "
            f"'vllm run-batch -i {first.requests} -o {first.answers} --model …' "
            "for each, then run this again"
        )


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
