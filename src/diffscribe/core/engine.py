"""Run jobs in a pool of processes and yield their results in order.

A worker must not outlive its parent: not after SIGINT, SIGTERM or SIGKILL of the
parent, and not with the git programs that it has started. So each worker leads a
process group of its own and kills that group when the parent is gone.
"""

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

QUEUED_JOBS = 3
"""Jobs queued per worker; bounds memory."""


def run_jobs(
    work: Callable[[J], R], jobs: Iterable[J], workers: int
) -> Generator[tuple[J, R], None, None]:
    """Yield each job and its result, in the order of the jobs.

    One worker is this process itself. Jobs are taken from the iterable as results are
    consumed, at most QUEUED_JOBS a worker ahead. With several workers, `work`, jobs and
    results are pickled. Closing the generator ends all workers.

    Raises:
        ToolError: if a worker is killed, as by the kernel when memory runs out.
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
                if len(waiting) > QUEUED_JOBS * workers:
                    yield _take(waiting)
            while waiting:
                yield _take(waiting)
    except BrokenProcessPool as error:
        raise ToolError(
            "a worker of this stage was killed; if memory ran out, "
            "set harvest.workers to a smaller number"
        ) from error


def _take(waiting: deque[tuple[J, Future[R]]]) -> tuple[J, R]:
    job, result = waiting.popleft()
    return job, result.result()


@contextlib.contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Give a pool of processes; an exception in the block kills their groups."""
    fork = multiprocessing.get_context("fork")
    pool = ProcessPoolExecutor(workers, fork, _lead_group)
    try:
        # Fork all workers now: a fork while other threads hold locks can hang.
        pool.submit(os.getpid).result()
        yield pool
    except BaseException:
        for child in multiprocessing.active_children():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(int(str(child.pid)), signal.SIGKILL)
            # A worker that has not called setpgid yet is not in the killed group; kill
            # it directly, or it may hang on a lock held by a dead worker.
            child.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _lead_group() -> None:
    """Make this worker lead a process group that ends with the parent.

    The terminal's SIGINT then reaches the parent alone, which kills the group.
    """
    os.setpgid(0, 0)
    threading.Thread(target=_kill_group_with_parent, daemon=True).start()


def _kill_group_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os.killpg(0, signal.SIGKILL)
