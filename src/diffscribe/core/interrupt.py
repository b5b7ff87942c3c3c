"""The answer to Ctrl-C, from a stage's first import on.

Imports take a third of a second, and who sees a wrong path is quicker. So a
script imports `cli` before all else, `cli` this module, and this one next to
nothing that Python has not loaded itself; ruff keeps the order.
"""

import os
import sys
from types import TracebackType

NAME = os.path.basename(sys.argv[0])  # noqa: PTH119
FOLDER = os.path.basename(os.path.dirname(sys.argv[0]))  # noqa: PTH119, PTH120
EXIT_CODE = 130


def exit_interrupted(name: str) -> None:
    """Say in one line that Ctrl-C ended the named command, and exit with its code."""
    _say(name)
    sys.exit(EXIT_CODE)


def interrupt_by_exception() -> None:
    """From now on there may be something to put in order before the end."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _say(name: str) -> None:
    sys.stderr.write(
        f"{name}: interrupted; nothing was half-written, "
        "run the same command again to go on\n"
    )


def _explain(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if kind is KeyboardInterrupt:
        exit_interrupted(NAME)
    sys.__excepthook__(kind, error, trace)


def _end(*_: object) -> None:
    """End at once: of an exception, imports and extensions may make something else."""
    _say(NAME)
    sys.stderr.flush()
    os._exit(EXIT_CODE)


sys.excepthook = _explain

import signal  # noqa: E402

# Who ignores Ctrl-C, as what runs in the background does, goes on with it.
handler = signal.getsignal(signal.SIGINT)
if FOLDER == "scripts" and handler is signal.default_int_handler:
    signal.signal(signal.SIGINT, _end)
