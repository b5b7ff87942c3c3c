"""A teacher: its answers come from the ledger, or from an endpoint into it."""

import asyncio
import gc
from collections import deque
from collections.abc import (
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import contextmanager
from itertools import islice
from typing import Any, NamedTuple, Protocol, TypeVar

from diffscribe.asking.budget import Bill, Budget
from diffscribe.asking.ledger import Ledger
from diffscribe.core.records import Message
from diffscribe.doors.endpoint import Endpoint, Limiter
from diffscribe.doors.reply import (
    Answer,
    AnswerError,
    RefusalError,
    Request,
    Rung,
    request_key,
)

T = TypeVar("T")
R = TypeVar("R")

YOUNG_OBJECTS = 50_000
"""How many are new before Python looks for cycles to free among them. A few requests
make its usual 700, and to look that often takes a third of all time."""


def in_order(
    work: Callable[[T], Coroutine[Any, Any, R]],
    rows: Iterable[T],
    window: int,
    close: Callable[[], Awaitable[None]] | None = None,
) -> Iterator[R]:
    """Yield what work makes of each row, in the order of the rows.

    Rows are drawn as they are needed and results kept no longer than until they
    are yielded, so memory does not grow with their number. The first error ends
    all; so do Ctrl-C and whoever stops listening (contextlib.closing makes that
    sure). What is open then is cancelled and has ended before this returns.

    Args:
        work: runs on an event loop of its own, which is idle between results.
        rows: drawn on this thread, outside the loop.
        window: how many rows are open at once, done but not yielded included; two
            or four times what may be asked at once keeps slow ones from blocking.
        close: what to await on the loop at the end, such as Endpoint.close.
    """
    waiting = iter(rows)
    tasks: deque[asyncio.Task[R]] = deque()
    with _seldom_collected(), asyncio.Runner() as runner:
        loop = runner.get_loop()
        watch = _Watch(loop)
        try:
            while True:
                for row in islice(waiting, window - len(tasks)):
                    task = loop.create_task(work(row))
                    task.add_done_callback(watch.ended)
                    tasks.append(task)
                if not tasks:
                    return
                runner.run(watch.until_done(tasks[0]))
                while tasks and tasks[0].done():
                    yield tasks.popleft().result()
        finally:
            runner.run(_end(tasks, close))


@contextmanager
def _seldom_collected() -> Iterator[None]:
    usual = gc.get_threshold()
    gc.set_threshold(YOUNG_OBJECTS, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


class _Watch:
    """Wakes who waits for a task when it ends, or when any task fails."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._awaited: asyncio.Task[Any] | None = None
        self._woken: asyncio.Future[None] | None = None
        self._failed: asyncio.Task[Any] | None = None

    def ended(self, task: "asyncio.Task[Any]") -> None:
        if not task.cancelled() and task.exception() is not None:
            self._failed = self._failed or task
        is_awaited = task is self._awaited or task is self._failed
        if is_awaited and self._woken and not self._woken.done():
            self._woken.set_result(None)

    async def until_done(self, task: "asyncio.Task[Any]") -> None:
        if not task.done() and self._failed is None:
            self._awaited, self._woken = task, self._loop.create_future()
            await self._woken
        if self._failed is not None:
            self._failed.result()


async def _end(
    tasks: Iterable["asyncio.Task[Any]"],
    close: Callable[[], Awaitable[None]] | None,
) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    if close is not None:
        await close()


class Asked(Protocol):
    """Whatever answers a request, such as an Endpoint."""

    async def ask(self, request: Request) -> Answer:
        """Return an answer, or raise AnswerError if there is none to this one."""


class Counts(NamedTuple):
    """Where the answers of a run came from."""

    known: int
    """From the ledger, so for nothing."""
    asked: int
    shared: int
    """Asked at the same time by somebody else in this run."""
    failed: int
    """Requests that got no answer."""


class Teacher:
    """Asks what the ledger does not know, each request once; stops at a budget."""

    def __init__(self, endpoint: Asked, ledger: Ledger, budget: Budget) -> None:
        """Ask nothing yet; all three may be shared with other teachers."""
        self.used = Bill(budget.prices)
        """All answers given, known ones too: the same whenever a run was killed."""
        self._endpoint = endpoint
        self._ledger = ledger
        self._budget = budget
        self._counts = Counts(0, 0, 0, 0)
        self._open: dict[str, asyncio.Task[Answer]] = {}

    async def ask(self, request: Request) -> Answer:
        """Return the answer, which is on the disk by then.

        Raises:
            AnswerError: if this request got none.
            BudgetError: if asking may exceed the budget; nothing is open by then.
            ToolError: if the endpoint cannot be used.
        """
        key = request_key(request)
        answer = self._ledger.get(key)
        if answer is None:
            answer = await self._asked_once(key, request)
        else:
            self._count(known=1)
        self.used.add(request.model, answer.usage)
        return answer

    async def close(self) -> None:
        """End what is open, on the event loop that asked."""
        tasks = list(self._open.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def counts(self) -> Counts:
        """Where the answers came from so far."""
        return self._counts

    def line(self) -> str:
        """Return `120 known, 812 asked, 3 failed: 12,345 tokens, $0.0123`."""
        known, asked, shared, failed = self._counts
        return (
            f"{known + shared:,} known, {asked:,} asked, {failed:,} failed: "
            f"{self._budget.bill.words()}"
        )

    def _count(self, **more: int) -> None:
        counts = self._counts._asdict()
        self._counts = Counts(
            **{name: counts[name] + more.get(name, 0) for name in counts}
        )

    async def _asked_once(self, key: str, request: Request) -> Answer:
        task = self._open.get(key)
        is_shared = task is not None
        if task is None:
            task = asyncio.create_task(self._asked(key, request))
            self._open[key] = task
            task.add_done_callback(lambda task: self._ended(key, task))
        # Who gives up waiting does not end what others wait for, or what is paid.
        try:
            answer = await asyncio.shield(task)
        except AnswerError:
            self._count(failed=1)
            raise
        self._count(shared=is_shared, asked=not is_shared)
        return answer

    def _ended(self, key: str, task: "asyncio.Task[Answer]") -> None:
        del self._open[key]
        if not task.cancelled():
            # Seen, as perhaps nobody is left who waits for it.
            task.exception()

    async def _asked(self, key: str, request: Request) -> Answer:
        most = self._budget.most(request)
        await self._budget.admitted(most)
        usage = None
        try:
            answer = await self._endpoint.ask(request)
            usage = answer.usage
            kept = self._ledger.put_soon(
                key, request.model, answer, about=request.about
            )
        finally:
            self._budget.settle(most, request.model, usage)
        return await asyncio.wrap_future(kept)


class Client:
    """A model to ask; close it, or use contextlib.closing."""

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key: str,
        timeout_s: float,
        attempts: int,
    ) -> None:
        """Prepare to ask; nothing is sent yet.

        Args:
            base_url: ends in /v1 for most endpoints.
            model: its name at the endpoint.
            api_key: anything for an endpoint that wants none.
            timeout_s: for one attempt.
            attempts: how often to ask while failures look transient.
        """
        self._endpoint = Endpoint(
            base_url,
            api_key=api_key,
            timeout_s=timeout_s,
            attempts=attempts,
            limiter=Limiter(1),
            rung=Rung.STRICT_SCHEMA,
        )
        self._model = model
        self._runner = asyncio.Runner()

    def close(self) -> None:
        """Close the connections."""
        self._runner.run(self._endpoint.close())
        self._runner.close()

    def complete(
        self,
        messages: Sequence[Message],
        schema: Mapping[str, Any] | None,
        *,
        max_tokens: int,
        seed: int,
    ) -> Answer:
        """Return the most likely answer, at temperature 0.

        Args:
            messages: the chat so far.
            schema: the JSON Schema of the answer; None for free text.
            max_tokens: where the answer is cut.
            seed: for endpoints that are not greedy at temperature 0.

        Raises:
            AnswerError: if this request failed, and others may not.
            ToolError: if the endpoint cannot be used.
        """
        request = Request(self._model, tuple(messages), schema, max_tokens, 0, seed)
        try:
            return self._runner.run(self._endpoint.ask(request))
        except RefusalError as error:
            # What is compared is asked the same way, and a refusal is a result.
            raise AnswerError(error.words) from error
