"""The answer to Ctrl-C, from a stage's first import on.

Imports take a third of a second, and who sees a wrong path is quicker. So a
script imports `cli` before all else, `cli` this module, and this one nothing
that Python has not loaded itself; ruff keeps the order.
"""

import os
import sys
from types import TracebackType


def exit_interrupted(name: str) -> None:
    """Say in one line that Ctrl-C ended the named command, and exit with its code."""
    sys.stderr.write(
        f"{name}: interrupted; nothing was half-written, "
        "run the same command again to go on\n"
    )
    sys.exit(130)


def _explain(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if kind is KeyboardInterrupt:
        exit_interrupted(os.path.basename(sys.argv[0]))  # noqa: PTH119
    sys.__excepthook__(kind, error, trace)


sys.excepthook = _explain
