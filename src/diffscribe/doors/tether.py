"""Run a program that Linux kills when the process that started it dies.

Usage: python tether.py PARENT_PID PROGRAM [ARGUMENT...]

A process that gets SIGKILL cannot stop its children, so PR_SET_PDEATHSIG has the kernel
do it. Other systems have no such call, and the program runs untied. The tie is to the
thread that starts the program, which therefore has to live as long as it is needed.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1


def tethered(command: Sequence[str]) -> list[str]:
    """Return the command that runs a command tied to the calling process."""
    # -I -S skips site-packages, so Python starts in milliseconds.
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), *command]


def main() -> None:
    """Tie this process to its parent, then become the program."""
    parent, program, *arguments = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # The parent may have died before prctl; then no signal would ever come.
    if os.getppid() == int(parent):
        os.execv(program, [program, *arguments])  # noqa: S606


if __name__ == "__main__":
    main()
