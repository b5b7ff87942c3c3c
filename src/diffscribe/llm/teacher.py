"""A teacher: its answers come from the ledger, or from an endpoint into it."""

import asyncio
from typing import NamedTuple, Protocol

from diffscribe.llm.budget import Budget
from diffscribe.llm.failures import AnswerError
from diffscribe.llm.ledger.answers import Ledger
from diffscribe.llm.prices import Bill
from diffscribe.llm.request import Answer, Request, request_key


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
