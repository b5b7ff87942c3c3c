"""Many questions at once, their answers in the order of the questions."""

import asyncio
import gc
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, TypeVar

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
