"""Run a command with the words of $ARGS behind its own.

Quotes and backslashes hold words together as in a shell; nothing is expanded.
"""

import os
import shlex
import sys

try:
    words = shlex.split(os.environ.get("ARGS", ""))
except ValueError as error:
    sys.exit(f"ARGS: {error}; close it, as in ARGS=\"-k 'a b'\"")
os.execvp(sys.argv[1], [*sys.argv[1:], *words])  # noqa: S606
