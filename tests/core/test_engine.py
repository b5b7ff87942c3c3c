import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.support.waiting import wait_until

from diffscribe.core.engine import run_jobs
from diffscribe.core.errors import ToolError

SCRIPT = """
import os, sys, time
from pathlib import Path
from diffscribe.core.engine import run_jobs

def sleep(number):
    Path(sys.argv[1], str(os.getpid())).touch()
    time.sleep(100)

for _ in run_jobs(sleep, range(4), 2):
    pass
"""


def slower_first(number):
    time.sleep(0.05 / (number + 1))
    return number * number, os.getpid()


def die(number):
    os.kill(os.getpid(), signal.SIGKILL)


def refuse(number):
    raise ValueError(f"no {number}")


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_results_come_in_the_order_of_the_work(workers):
    done = list(run_jobs(slower_first, range(12), workers))
    assert [job for job, _ in done] == list(range(12))
    assert [square for _, (square, _) in done] == [job * job for job in range(12)]
    processes = {process for _, (_, process) in done}
    assert (os.getpid() in processes) == (workers == 1)
    assert len(processes) <= workers


def test_work_is_drawn_only_a_few_ahead():
    numbers = iter(range(100))
    results = run_jobs(slower_first, numbers, 2)
    next(results)
    assert next(numbers) <= 8
    results.close()


def test_says_that_a_worker_was_killed():
    with pytest.raises(ToolError, match=r"harvest\.workers"):
        list(run_jobs(die, range(3), 2))


def test_a_bug_in_a_worker_is_shown_as_what_it_is():
    with pytest.raises(ValueError, match="no 0"):
        list(run_jobs(refuse, range(3), 2))


@pytest.mark.slow
def test_workers_that_have_just_begun_end_as_well():
    """The first may fail before the last leaves its parent's group."""
    for _ in range(20):
        with pytest.raises(ValueError, match="no 0"):
            list(run_jobs(refuse, range(3), 8))


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_its_parent(tmp_path, end):
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], stderr=subprocess.DEVNULL
    ) as parent:
        wait_until(lambda: len(list(tmp_path.iterdir())) == 2)
        parent.send_signal(end)
    for worker in tmp_path.iterdir():
        wait_until(lambda pid=int(worker.name): is_gone(pid))


def is_gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")")[1].split()[0] == "Z"
    except FileNotFoundError:
        return True
