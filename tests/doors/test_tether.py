import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from diffscribe.doors.tether import tethered

PARENT = """
import subprocess, sys, time
from diffscribe.doors.tether import tethered
print(subprocess.Popen(tethered(["/bin/sleep", "600"])).pid, flush=True)
time.sleep(600)
"""


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can tie them")
def test_a_program_ends_when_its_parent_is_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert is_running(child)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 5
    while is_running(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_running(child)


def test_a_program_keeps_its_arguments_and_exit_code() -> None:
    command = ["/bin/sh", "-c", 'printf %s "$1"; exit 7', "sh", "a b"]
    done = subprocess.run(tethered(command), capture_output=True, check=False)
    assert (done.stdout, done.returncode) == (b"a b", 7)


def test_nothing_is_run_for_a_parent_that_is_gone(tmp_path: Path) -> None:
    made = tmp_path / "made"
    command = tethered(["/usr/bin/touch", str(made)])
    stranger = [part if part != str(os.getpid()) else "1" for part in command]
    subprocess.run(stranger, check=True)
    assert not made.exists()
    subprocess.run(command, check=True)
    assert made.exists()
