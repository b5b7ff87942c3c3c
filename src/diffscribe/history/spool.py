"""Hold changes on disk until it is known which of them stay."""

import tempfile
from collections.abc import Iterable, Iterator
from typing import IO, NamedTuple

from diffscribe.records import Change


class Drawn(NamedTuple):
    """A change that was read, and whose it is."""

    change: Change
    authors: frozenset[str]


def spooled(rows: Iterable[Drawn]) -> Iterator[Drawn]:
    """Read all rows at once, to the disk, and return them one by one."""
    lines = tempfile.TemporaryFile()  # noqa: SIM115
    authors = []
    try:
        for row in rows:
            lines.write(row.change.model_dump_json().encode() + b"\n")
            authors.append(row.authors)
    except BaseException:
        lines.close()
        raise
    lines.seek(0)
    return _read(lines, authors)


def _read(lines: IO[bytes], authors: list[frozenset[str]]) -> Iterator[Drawn]:
    with lines:
        for line, names in zip(lines, authors, strict=True):
            yield Drawn(Change.model_validate_json(line), names)
