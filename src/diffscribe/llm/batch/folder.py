"""Where the batches of a service are kept until they are collected."""

import contextlib
import fcntl
import hashlib
from collections.abc import Set
from pathlib import Path
from typing import IO, NamedTuple

from diffscribe.errors import ToolError
from diffscribe.llm.batch.parts import parts_in
from diffscribe.root import repository_root


class Withdrawn(NamedTuple):
    """What was taken out of the batches of a folder."""

    keys: frozenset[str]
    """Of the requests."""
    ids: tuple[str, ...]
    """Files and batches that hold some of them at the service."""


def batch_folder(base_url: str | None) -> Path:
    """Return where the batches of a service are kept until they are collected."""
    name = hashlib.sha256(base_url.encode()).hexdigest()[:12] if base_url else "offline"
    return repository_root() / ".cache" / "batches" / name


def hold(folder: Path) -> IO[bytes]:
    """Return the lock of a folder, made if need be; whoever has it works there alone.

    Raises:
        ToolError: if another process has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / "lock").open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise ToolError(
            f"'{folder}': another process works on these batches; wait for it or end it"
        ) from error
    return lock


def forget_requests(folder: Path, repo: str, keys: Set[str]) -> Withdrawn:
    """Delete the requests about a repository, and what was answered to them.

    What a service was sent it still has; its answers are ignored when they come.

    Args:
        folder: of `batch_folder`.
        repo: what requests were written as being about.
        keys: delete these too, whatever they were about.

    Raises:
        ToolError: if another process works on the folder.
    """
    gone: set[str] = set()
    sent: list[str] = []
    with contextlib.closing(hold(folder)):
        parts = parts_in(folder)
        left_by_kills = {*folder.glob(".*.partial"), *folder.glob("*.about.json")}
        for file in left_by_kills - {part.about_file for part in parts}:
            file.unlink()
        for part in parts:
            about = part.about().items()
            if dropped := {key for key, name in about if name == repo or key in keys}:
                if there := part.sent():
                    sent += filter(None, (there.file, there.batch))
                part.drop(dropped)
                gone |= dropped
    return Withdrawn(frozenset(gone), tuple(sent))
