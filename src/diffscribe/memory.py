"""A log of attempts, for any agent that writes scripts: `append` adds one line.

What an agent's memory of successes lacks is what failed before: without it no model
learns to repair. This module imports nothing of ours, so an agent may carry a copy.
"""

import errno
import fcntl
import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

MAX_LINE_BYTES = 64 * 2**20
"""Far above any answer of a model; readers refuse longer lines."""

Kind = Literal["scaffold", "repair", "polish", "spec", "style", "style_unify", "review"]


class Attempt(BaseModel):
    """One answer of a model, what it was asked, and what became of it."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False
    )

    at: str
    """When it was made, ISO 8601 in UTC."""
    memory_id: str | None = None
    """What all attempts at one task share: the `timestamp_utc` of its line in the
    memory of successes, or any name that no other task has."""
    kind: Kind
    """What was asked for. A review is a person's later verdict on the attempt with the
    same memory_id, phase, target_file and number: what it accepts replaces that."""
    number: Annotated[int, Field(ge=1)]
    """Counts the attempts of one phase at one file."""
    phase: str = ""
    """The step of the task that it belongs to, such as `add_decorator(pay)`."""
    target_file: str = ""
    """The file that the script is to change, relative to the root."""
    issue: str = ""
    """What was wanted, in the words of who wanted it."""
    prompt: str
    """All that the model was shown; for spec, style and style_unify the input."""
    raw_output: str
    """All that it answered."""
    script: str = ""
    """The script read out of the answer; none for spec, style and style_unify."""
    valid: bool
    """Whether it ran and the checks passed."""
    traceback: str | None = None
    """How it failed, if it did."""
    style_score: Annotated[float, Field(ge=0, le=1)] | None = None
    style_profile: str = ""
    """The style that was asked for."""
    snippets: tuple[str, ...] = ()
    """Lines of the target file that the traceback speaks of."""
    accepted: str | None = None
    """The version that was taken in the end, if another than the answer."""


def append(path: Path | str, attempt: Attempt) -> None:
    """Add an attempt as one line, on the disk when this returns.

    Any number of processes may append to one file, and be killed: a line that one of
    them left unfinished ends where the next begins, and readers count it as broken.
    The file is created for its owner only. A full disk leaves the file as it was.

    Raises:
        OSError: if it cannot be written, or is a link.
        ValueError: if the line is longer than readers take.
    """
    append_line(path, attempt.model_dump_json().encode())


def append_line(path: Path | str, line: bytes) -> None:
    """Add a line to a log of any kind, as `append` does; it holds no line feed."""
    if len(line) >= MAX_LINE_BYTES:
        raise ValueError(
            f"a line of {len(line)} bytes is over the {MAX_LINE_BYTES} of a log; "
            "shorten its prompt or its output"
        )
    line += b"\n"
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o600)
    try:
        # A kill may end a write between two pages; the lock ends with the process.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = b"\n" + line
        written = os.write(descriptor, line)
        if written < len(line):
            os.ftruncate(descriptor, size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        os.fsync(descriptor)
        if not size:
            _sync_folder(Path(path).parent)
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    """Put the name of a new file on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
