"""Patterns over bytes that take time linear in the text, whatever it holds.

RE2 has no backtracking, so no pattern and no hostile line can stall a scan; what it
does without are look-arounds and back-references.
"""

import re
from collections.abc import Iterable
from typing import Any

import re2

AUTOMATON_BYTES = 64 << 20
"""What an automaton may grow to; it starts anew beyond."""


def compiled(pattern: bytes) -> Any:
    """Return a pattern with the interface of `re`."""
    return re2.compile(pattern, _options())


_COUNT = re.compile(rb"\{([0-9]+)(?:,[0-9]*)?\}")


def any_of(patterns: Iterable[bytes]) -> Any:
    """Return one automaton; its `Match` gives the indices that may occur, or None.

    It does not count repetitions: an automaton that does has a state for each, and
    building states takes ten times as long as walking through them.
    """
    together = re2.Set.SearchSet(_options())
    for pattern in patterns:
        uncounted = _COUNT.sub(lambda n: b"+" if int(n[1]) else b"*", pattern)
        together.Add(uncounted)
    together.Compile()
    return together


def _options() -> Any:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = AUTOMATON_BYTES
    options.log_errors = False
    return options
