"""Run a program that ends with its parent: `tether.py PARENT PROGRAM ARGUMENT...`.

A process that gets SIGKILL cannot stop its children. Linux does it for it, by
PR_SET_PDEATHSIG; other systems have no such call, and the program runs untied.

It is run by its path and without site-packages, so that Python starts in milliseconds.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1

if __name__ == "__main__":
    parent, program, *arguments = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # The parent may have died before prctl; then no signal would ever come.
    if os.getppid() == int(parent):
        os.execv(program, [program, *arguments])  # noqa: S606
