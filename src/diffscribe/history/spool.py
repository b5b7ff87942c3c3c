"""Hold changes on disk until it is known which of them stay."""

import tempfile
from collections.abc import Iterable, Iterator
from typing import IO, NamedTuple

from diffscribe.history.caps import Candidate


class Drawn(NamedTuple):
    """A change that was read, as a line of JSON, and what caps ask about it."""

    line: bytes
    candidate: Candidate
    commits: int
    is_composite: bool


def spooled(rows: Iterable[Drawn]) -> Iterator[Drawn]:
    """Read all rows at once, to the disk, and return them one by one."""
    lines = tempfile.TemporaryFile()  # noqa: SIM115
    drawn = []
    try:
        for row in rows:
            lines.write(row.line)
            drawn.append(row._replace(line=b""))
    except BaseException:
        lines.close()
        raise
    lines.seek(0)
    return _read(lines, drawn)


def _read(lines: IO[bytes], drawn: list[Drawn]) -> Iterator[Drawn]:
    with lines:
        for line, row in zip(lines, drawn, strict=True):
            yield row._replace(line=line)
