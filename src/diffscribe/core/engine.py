"""Work on ranges in several processes, with results in the order of the work."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from typing import TypeVar

from diffscribe.core.errors import ToolError

J = TypeVar("J")
R = TypeVar("R")

AHEAD = 3
"""Jobs a worker that may wait for their turn; what they hold is bounded so."""


def in_order(
    work: Callable[[J], R], jobs: Iterable[J], workers: int
) -> Generator[tuple[J, R], None, None]:
    """Yield each job and its result, in the order of the jobs.

    With one worker all is done in this process. Jobs are drawn as results are
    taken, a few ahead.

    Raises:
        ToolError: if a worker dies, as it does when memory ends.
    """
    if workers == 1:
        for job in jobs:
            yield job, work(job)
        return
    waiting: deque[tuple[J, Future[R]]] = deque()
    try:
        with _pool(workers) as pool:
            for job in jobs:
                waiting.append((job, pool.submit(work, job)))
                if len(waiting) > AHEAD * workers:
                    yield _next(waiting)
            while waiting:
                yield _next(waiting)
    except BrokenProcessPool as error:
        raise ToolError(
            "a worker of this stage was killed; if memory ran out, "
            "set harvest.workers to a smaller number"
        ) from error


def _next(waiting: deque[tuple[J, Future[R]]]) -> tuple[J, R]:
    job, result = waiting.popleft()
    return job, result.result()


@contextlib.contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Give a pool whose processes, and theirs, end with the block."""
    fork = multiprocessing.get_context("fork")
    pool = ProcessPoolExecutor(workers, fork, _stand_alone)
    try:
        # All are forked now, before a thread of anyone else runs.
        pool.submit(os.getpid).result()
        yield pool
    except BaseException:
        for child in multiprocessing.active_children():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(int(str(child.pid)), signal.SIGKILL)
            # It has no group before it stands alone, and would wait for a lock for
            # ever that one of the dead held.
            child.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _stand_alone() -> None:
    """Leave the terminal's group, and end with the parent however it ends."""
    os.setpgid(0, 0)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os.killpg(0, signal.SIGKILL)
