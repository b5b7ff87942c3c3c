"""The answers of a run that is not over: each on the disk before the next counts."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import orjson
from pydantic import ValidationError

from diffscribe.core.errors import RecordError, StorageError
from diffscribe.eval.bench.run_records import Entry


class Journal:
    """An append-only file of entries; get one from `open_journal`."""

    def __init__(self, path: Path, descriptor: int, entries: list[Entry]) -> None:
        self.entries = entries
        """Those it held when it was opened."""
        self._path = path
        self._descriptor = descriptor

    def append(self, entry: Entry) -> None:
        """Add an entry; it is on the disk when this returns.

        Raises:
            StorageError: if it cannot be written; what was written before stays.
        """
        line = orjson.dumps(
            entry.model_dump(mode="json"),
            option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE,
        )
        with _explained(self._path):
            while line:
                line = line[os.write(self._descriptor, line) :]
            os.fsync(self._descriptor)

    def remove(self) -> None:
        """Delete the file, as all it held is elsewhere."""
        self._path.unlink()


@contextlib.contextmanager
def open_journal(path: Path) -> Iterator[Journal]:
    """Give the journal at a path, made if there is none, to this process alone.

    A last line that a kill or a full disk left torn is taken off.

    Raises:
        StorageError: if another process has it, or it cannot be written.
        RecordError: naming a line that does not fit, unless it is the last.
    """
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        with _explained(path):
            _lock(path, descriptor)
            entries = _entries(path, descriptor)
        yield Journal(path, descriptor, entries)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{path}: {error.strerror}; mend that, such as by freeing some space, and "
            "run again: all answers so far are kept"
        ) from error


def _lock(path: Path, descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise StorageError(
            f"{path}: another process is on this run; wait for it, or end it"
        ) from error


def _entries(path: Path, descriptor: int) -> list[Entry]:
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    lines = content[:whole].split(b"\n")[:-1]
    entries = []
    for number, line in enumerate(lines, start=1):
        try:
            entries.append(Entry.model_validate_json(line))
        except ValidationError as error:
            if number < len(lines):
                raise RecordError(
                    f"{path}:{number}: not an answer; take the line out, then its "
                    "sample is asked again"
                ) from error
            whole -= len(line) + 1
    if whole < len(content):
        os.ftruncate(descriptor, whole)
        os.fsync(descriptor)
    return entries
