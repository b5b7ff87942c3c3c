"""Wait for what happens in another process, however slow the machine is."""

import time

PATIENCE_S = 300
"""Nothing takes this long; what does will never happen."""


def wait_until(holds):
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)
