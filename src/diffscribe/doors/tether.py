"""Run a program that ends when the one that started it ends, however it ends.

Usage: python tether.py PARENT_PID PROGRAM [ARGUMENT...]

A `finally` cannot stop a server once its own process is killed, so Linux is
asked to. Elsewhere the program simply runs. The tie is to the thread that
started it: start it from one that lives as long.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1


def tethered(command: Sequence[str]) -> list[str]:
    """Return the command that runs this one tied to the calling process."""
    # Isolated and without site-packages: it starts in milliseconds.
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), *command]


def main() -> None:
    """Tie this process to its parent, then become the program."""
    parent, program, *arguments = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # The parent may have died before the tie was made.
    if os.getppid() == int(parent):
        os.execv(program, [program, *arguments])  # noqa: S606


if __name__ == "__main__":
    main()
