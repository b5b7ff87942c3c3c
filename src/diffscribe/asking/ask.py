"""Ask a model any question once: the ledger knows the answers of all earlier runs.

`Asker.ask` looks a question up, asks the endpoint if it was never answered, and returns
when the answer is on the disk. `in_order` runs many rows at once and yields their
results in the order of the rows.
"""

import asyncio
import logging
from collections import deque
from collections.abc import (
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Iterator,
    Mapping,
)
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from diffscribe.asking.budget import Budget
from diffscribe.asking.ledger import Ledger
from diffscribe.core.errors import ToolError
from diffscribe.doors.endpoint import Endpoint, Endpoints, Outgoing, prepare
from diffscribe.doors.failure import AnswerError, RefusalError
from diffscribe.doors.reply import Answer, Question, question_key

logger = logging.getLogger(__name__)

T = TypeVar("T")
R = TypeVar("R")

ROWS_PER_SLOT = 4
"""Rows under way for each open request, so that no slot waits for a slow row."""

FIRST_REFUSALS = 5
"""Questions refused before any was answered, after which all are taken to be."""

CLAIM_POLL_S = 0.2
"""How often to look whether another process had an answer."""

Trace = Callable[[Question], AbstractContextManager[Callable[[Answer], object]]]
"""Gives a context to ask a question in, and what to call with its answer."""


def in_order(
    work: Callable[[T], Coroutine[Any, Any, R]],
    rows: Iterable[T],
    window: int,
    close: Callable[[], Awaitable[None]] | None = None,
) -> Iterator[R]:
    """Yield the result of each row, in the order of the rows.

    Rows are drawn when they are needed and results kept until they are yielded, so
    memory does not grow with their number. The first error ends everything, as do
    SIGINT and the end of the iteration (use contextlib.closing); open rows are
    cancelled and have ended before this returns.

    `work` runs on an event loop of its own, which stands still between results. At most
    `window` rows are open at once, done but not yielded ones included. `close` is
    awaited on the loop at the end.
    """
    waiting = iter(rows)
    tasks: deque[asyncio.Task[R]] = deque()
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        failed: asyncio.Future[asyncio.Task[R]] = loop.create_future()

        def end(task: "asyncio.Task[R]") -> None:
            is_failed = not task.cancelled() and task.exception() is not None
            if is_failed and not failed.done():
                failed.set_result(task)

        async def wait_for(task: "asyncio.Task[R]") -> None:
            ends: set[asyncio.Future[Any]] = {task, failed}
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if failed.done():
                failed.result().result()

        async def finish() -> None:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if close is not None:
                await close()

        try:
            while True:
                for row in islice(waiting, window - len(tasks)):
                    task = loop.create_task(work(row))
                    task.add_done_callback(end)
                    tasks.append(task)
                if not tasks:
                    return
                runner.run(wait_for(tasks[0]))
                while tasks and tasks[0].done():
                    yield tasks.popleft().result()
        finally:
            runner.run(finish())


class Counts(NamedTuple):
    """Where the answers of a run came from."""

    known: int
    """From the ledger."""
    asked: int
    shared: int
    """Asked at the same time by another row of this run."""
    failed: int
    """Questions that got no answer."""

    def words(self, bill: str) -> str:
        """Return `120 known, 812 asked, 3 failed: ` and a bill."""
        known = self.known + self.shared
        return f"{known:,} known, {self.asked:,} asked, {self.failed:,} failed: {bill}"


class Asker:
    """Answers questions from the ledger, or from an endpoint into the ledger."""

    def __init__(
        self,
        model: str,
        host: str,
        open_endpoint: Callable[[], Awaitable[Endpoint | Endpoints]],
        ledger: Ledger,
        budget: Budget,
        *,
        slots: int = 1,
        place: str = "",
        trace: Trace | None = None,
    ) -> None:
        """Ask nothing yet.

        The host decides what may be sent, and `open_endpoint` is called for the first
        question that the ledger does not know. If a place is given, only answers that
        were given there count. Others may use the same ledger and budget.
        """
        self.model = model
        """The name to put into questions."""
        self.counts = Counts(0, 0, 0, 0)
        self.endpoint: Endpoint | Endpoints | None = None
        """None before anything was asked."""
        self._host = host
        self._open_endpoint = open_endpoint
        self._ledger = ledger
        self._budget = budget
        self._window = ROWS_PER_SLOT * slots
        self._place = place
        self._trace = trace
        self._waits = False
        self._refusals = 0
        """Of questions that others may share the fault of."""
        self._open: dict[str, asyncio.Task[Answer]] = {}
        self._opening: asyncio.Task[Endpoint | Endpoints] | None = None

    async def ask(self, question: Question) -> Answer:
        """Return the answer, which is on the disk by then.

        Raises:
            AnswerError: if this question got none; it is asked again by the next run.
            ParamsError: if it is private, and the endpoint another machine.
            BudgetError: if asking may exceed the budget; nothing is open by then.
            ToolError: if the endpoint cannot be used, or refuses all questions.
        """
        sent = prepare(question._replace(place=self._place), self._host)
        key = question_key(sent.question)
        answer = self._ledger.get(key)
        if answer is None:
            answer = await self._ask_once(key, sent)
        else:
            self._count("known")
        return answer._replace(key=key, replaced=sent.replaced)

    def in_order(
        self, work: Callable[[T], Coroutine[Any, Any, R]], rows: Iterable[T]
    ) -> Iterator[R]:
        """Yield the result of each row in order; `work` may ask."""
        return in_order(work, rows, self._window, self.close)

    def bring(
        self,
        want: Callable[[T], Coroutine[Any, Any, object]],
        read: Callable[[], Iterable[T]],
        show: Callable[[str], None],
    ) -> None:
        """Do nothing: each answer is waited for. A BatchAsker has to bring them."""

    def line(self) -> str:
        """Return `120 known, 812 asked, 3 failed: 12,345 tokens, $0.0123`."""
        return self.counts.words(self._budget.bill.words())

    async def close(self) -> None:
        """End what is open, on the event loop that asked; asking again is fine."""
        tasks = list(self._open.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._opening = None
        if self.endpoint:
            await self.endpoint.close()

    def _count(self, name: str) -> None:
        self.counts = self.counts._replace(**{name: getattr(self.counts, name) + 1})

    async def _ask_once(self, key: str, sent: Outgoing) -> Answer:
        task = self._open.get(key)
        is_shared = task is not None
        if task is None:
            task = asyncio.create_task(self._ask_unless_claimed(key, sent))
            self._open[key] = task
            task.add_done_callback(lambda task: self._forget(key, task))
        try:
            # shield: a row that is cancelled must not cancel a paid request.
            answer = await asyncio.shield(task)
        except AnswerError:
            self._count("failed")
            raise
        if is_shared:
            self._count("shared")
        return answer

    def _forget(self, key: str, task: "asyncio.Task[Answer]") -> None:
        del self._open[key]
        if not task.cancelled():
            # Without this, asyncio logs an error that no row is left to see.
            task.exception()

    async def _ask_unless_claimed(self, key: str, sent: Outgoing) -> Answer:
        """Ask, unless another process does; then wait for its answer."""
        while not self._ledger.claim(key):
            if not self._waits:
                self._waits = True
                logger.warning("another process asks the same; its answers are awaited")
            await asyncio.sleep(CLAIM_POLL_S)
        try:
            answer = self._ledger.get(key)
            if answer is None:
                answer = await self._ask(key, sent)
                self._count("asked")
            else:
                self._count("known")
            return answer
        finally:
            self._ledger.release(key)

    async def _ask(self, key: str, sent: Outgoing) -> Answer:
        question = sent.question
        most = self._budget.most(question)
        await self._budget.admit(most)
        usage = None
        try:
            endpoint = await self._open_once()
            tracing = self._trace(question) if self._trace else nullcontext(ignore)
            with tracing as record:
                answer = await self._answered(endpoint, sent)
                usage = answer.usage
                # An error while the trace is recorded must not lose a paid answer.
                kept = self._ledger.put(
                    key,
                    question.model,
                    answer,
                    about=question.about,
                    private=question.private,
                )
                record(answer)
        finally:
            self._budget.settle(most, question.model, usage)
        return await asyncio.wrap_future(kept)

    async def _answered(self, endpoint: Endpoint | Endpoints, sent: Outgoing) -> Answer:
        """Return an endpoint's answer; a refusal may be of all that will be asked.

        Where others were answered, it is about this question, whatever it says: it
        must not end a run, or each run after it, that the others are paid for.
        """
        try:
            return await endpoint.ask(sent)
        except RefusalError as error:
            is_first = not self.counts.known and not self.counts.asked
            self._refusals += is_first and not error.is_about_one
            if is_first and self._refusals >= FIRST_REFUSALS:
                raise ToolError(
                    f"{self._host} refuses {sent.question.model}: {error}; the first "
                    f"{self._refusals} questions ended so; change what is asked, or "
                    "ask elsewhere"
                ) from None
            raise

    async def _open_once(self) -> Endpoint | Endpoints:
        """Return the endpoint, opened by the first question that needs it."""
        if self.endpoint is None:
            if self._opening is None:
                self._opening = asyncio.ensure_future(self._open_endpoint())
            self.endpoint = await asyncio.shield(self._opening)
        return self.endpoint


def ignore(answer: Answer) -> None:
    """Take an answer that is not traced."""


def figures(
    counts: Counts,
    budget: Budget,
    seconds: float,
    endpoint: Endpoint | Endpoints | None,
) -> Mapping[str, Any]:
    """Return what asking took, as metrics.

    The endpoint is None if nothing was asked, or the answers came by batches.
    """
    tokens = budget.bill.usage.total
    asked: dict[str, Any] = {
        **counts._asdict(),
        "tokens": tokens,
        "tokens_per_s": tokens / seconds,
        "usd": budget.bill.usd,
    }
    if endpoint:
        questions = counts.asked + counts.failed
        asked["retries"] = max(0, endpoint.requests_sent - questions)
        asked["faults"] = dict(endpoint.faults)
    return {"asking": asked}
