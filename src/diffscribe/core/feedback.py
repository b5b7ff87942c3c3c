"""The log of feedback: what a person made of proposals, on this machine alone.

It is one file of the user, and not one in each repository: a folder `.git` goes with
copies and backups to others, and what is in one file can be looked at and forgotten
where the repository is gone. Lines are added at the end, each under a lock; one that a
kill cut off is no line, and the next writer removes it.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

import orjson
from pydantic import ValidationError

from diffscribe.core.errors import InputError, RecordError
from diffscribe.core.files import (
    OWNER_ONLY,
    disk_explained,
    first_problem,
    user_folder,
    write_lines,
)
from diffscribe.core.records import Feedback

MAX_ENTRY_BYTES = 2**20
"""A larger change is none that a model of this size learns from."""
MAX_LOG_BYTES = 64 * 2**20
"""Beyond it the oldest entries go, until half of it is left."""


def feedback_log() -> Path:
    """Return the file of this user's log, which may not be there."""
    return user_folder() / "feedback.jsonl"


def append_feedback(path: Path, entry: Feedback) -> bool:
    """Add an entry, whole or not at all, and tell whether it is small enough.

    Raises:
        StorageError: if the disk is full, or the file cannot be written.
    """
    row = entry.model_dump(mode="json")
    line = orjson.dumps(row, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)
    if len(line) > MAX_ENTRY_BYTES:
        return False
    with disk_explained(path), _locked(path) as log:
        size = os.fstat(log).st_size
        tail = os.pread(log, MAX_ENTRY_BYTES, max(0, size - MAX_ENTRY_BYTES))
        end = size - len(tail) + tail.rfind(b"\n") + 1
        if end + len(line) > MAX_LOG_BYTES:
            write_lines(path, [*_newest(path), line], OWNER_ONLY)
            return True
        os.ftruncate(log, end)
        rest = memoryview(line)
        while rest:  # A disk that fills up takes a part, which the next writer removes.
            rest = rest[os.write(log, rest) :]
        os.fsync(log)
    return True


def read_feedback(path: Path) -> list[Feedback]:
    """Return the entries that count, the last of each id, in their order.

    Raises:
        InputError: if there is no such file, or it cannot be opened.
        RecordError: naming the line that is no entry.
    """
    entries: dict[str, Feedback] = {}
    for _, entry in _lines(path):
        entries.pop(entry.id, None)
        entries[entry.id] = entry
    return list(entries.values())


def pending_feedback(log: Path, place: Path) -> Path:
    """Return the file of an entry of a repository that is not known in full yet."""
    name = sha256(os.fsencode(place)).hexdigest()
    return log.with_suffix(".pending") / f"{name}.json"


def forget_feedback(path: Path, is_gone: Callable[[Feedback], bool]) -> int:
    """Remove entries, all at once, and return how many counted among them.

    Raises:
        RecordError: naming the line that is no entry; then nothing is removed.
        StorageError: if the file cannot be written.
    """
    gone: set[str] = set()
    for each in path.with_suffix(".pending").glob("*.json"):
        with suppress(ValidationError, FileNotFoundError):
            entry = Feedback.model_validate_json(each.read_bytes())
            if is_gone(entry):
                gone.add(entry.id)
                each.unlink()
    if not path.exists():
        return len(gone)
    with disk_explained(path), _locked(path):
        lines = list(_lines(path))
        gone |= {entry.id for _, entry in lines if is_gone(entry)}
        if any(entry.id not in gone for _, entry in lines):
            kept = (line for line, entry in lines if entry.id not in gone)
            write_lines(path, kept, OWNER_ONLY)
        else:
            path.unlink()
    return len(gone)


def forget_all_feedback(path: Path) -> bool:
    """Remove the log, whatever it holds, and tell whether there was one."""
    was_there = path.exists()
    path.unlink(missing_ok=True)
    shutil.rmtree(path.with_suffix(".pending"), ignore_errors=True)
    return was_there


def _lines(path: Path) -> Iterator[tuple[bytes, Feedback]]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror}; 'git config diffscribe.log "
            "true' begins such a log"
        ) from error
    for number, line in enumerate(content.split(b"\n")[:-1], start=1):
        try:
            yield line + b"\n", Feedback.model_validate_json(line)
        except ValidationError as error:
            raise RecordError(
                f"{path}:{number}: not an entry of feedback: {first_problem(error)}; "
                "remove the line"
            ) from error


def _newest(path: Path) -> list[bytes]:
    """Return the last lines that have half of the room together."""
    kept: list[bytes] = []
    room = MAX_LOG_BYTES // 2
    for line in reversed(path.read_bytes().split(b"\n")[:-1]):
        room -= len(line) + 1
        if room < 0:
            break
        kept.append(line + b"\n")
    return kept[::-1]


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Give the open file while no other writer has it, which waits meanwhile."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
    while True:
        log = os.open(path, flags, OWNER_ONLY)
        try:
            fcntl.flock(log, fcntl.LOCK_EX)
            # Who had the lock may have put another file in its place.
            if _is_at(path, log):
                os.fchmod(log, OWNER_ONLY)
                yield log
                return
        finally:
            os.close(log)


def _is_at(path: Path, log: int) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(log), path.lstat())
    return False
