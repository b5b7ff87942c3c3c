"""The files of requests of a batch, and the folder that they lie in.

A part is `part-00001.jsonl`, what each request is about (`.about.json`, never sent),
what the service has of it (`.state.json`), and the answers when they come
(`.answers.jsonl`). A kill at any moment loses nothing: the next run takes the folder up
where it is.
"""

import contextlib
import fcntl
import hashlib
import re
from collections.abc import Collection, Set
from pathlib import Path
from typing import IO, NamedTuple

import orjson

from diffscribe.core.errors import ToolError
from diffscribe.core.files import repository_root, whole_file, write_json, write_lines
from diffscribe.doors.batches import Sent
from diffscribe.doors.reply import AnswerError

_KEY = re.compile(rb"[0-9a-f]{64}")


class Part(NamedTuple):
    """One file of requests and its state at a service."""

    requests: Path

    @property
    def state_file(self) -> Path:
        """Return the path of what the service has."""
        return self.requests.with_suffix(".state.json")

    @property
    def answers(self) -> Path:
        """Return the path of the answers, whoever writes them."""
        return self.requests.with_suffix(".answers.jsonl")

    @property
    def about_file(self) -> Path:
        """Return the path of the repository of each request."""
        return self.requests.with_suffix(".about.json")

    def sent(self) -> Sent | None:
        """Return what the service has, or None before anything was sent."""
        if not self.state_file.exists():
            return None
        return Sent(**orjson.loads(self.state_file.read_bytes()))

    def keep_sent(self, sent: Sent) -> None:
        """Write what the service has to the disk."""
        write_json(self.state_file, sent._asdict())

    def about(self) -> dict[str, str]:
        """Return the repository that is asked about, by the key of the request."""
        return dict(orjson.loads(self.about_file.read_bytes()))

    def asked(self) -> dict[str, tuple[str, str]]:
        """Return model and repository, by the key of the request."""
        about = self.about()
        with self.requests.open("rb") as lines:
            loaded = map(orjson.loads, lines)
            keys = ((line["custom_id"], line["body"]["model"]) for line in loaded)
            return {key: (model, about[key]) for key, model in keys}

    def drop(self, keys: Collection[str]) -> None:
        """Delete requests and the answers to them; the part if no other is left."""
        left = {key: repo for key, repo in self.about().items() if key not in keys}
        if not left:
            self.remove()
            return
        dropped = {key.encode() for key in keys}
        for file in filter(Path.exists, (self.answers, self.requests)):
            with file.open("rb") as lines:
                kept = (
                    each for each in lines if dropped.isdisjoint(_KEY.findall(each))
                )
                write_lines(file, kept)
        # Last, because after a kill it says which requests are still to be dropped.
        write_json(self.about_file, left)

    def remove(self) -> None:
        """Delete the files; the requests before the file that says what they are of."""
        for file in (self.state_file, self.answers, self.requests, self.about_file):
            file.unlink(missing_ok=True)


def parts_in(folder: Path) -> list[Part]:
    """Return the parts whose requests are written, in the order of writing."""
    names = folder.glob("part-[0-9]*.jsonl")
    return [Part(file) for file in sorted(names) if file.suffixes == [".jsonl"]]


def batch_folder(base_url: str | None) -> Path:
    """Return the folder of a service's batches; None for files that are not sent."""
    name = hashlib.sha256(base_url.encode()).hexdigest()[:12] if base_url else "offline"
    return repository_root() / ".cache" / "batches" / name


def hold(folder: Path) -> IO[bytes]:
    """Return the flock of a folder, made if there is none.

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


class Withdrawn(NamedTuple):
    """What was taken out of the batches of a folder."""

    keys: frozenset[str]
    ids: tuple[str, ...]
    """Files and batches at the service that hold some of the requests."""


def forget_requests(folder: Path, repo: str, keys: Set[str]) -> Withdrawn:
    """Delete the requests about a repository, and the answers to them.

    A service keeps what it was sent; its answers are ignored when they come.

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


class PartWriter:
    """Writes requests to as many files as the limits of a service ask for."""

    def __init__(self, folder: Path, max_requests: int, max_bytes: int) -> None:
        self._folder = folder
        self._max_requests = max_requests
        self._max_bytes = max_bytes
        self._stack = contextlib.ExitStack()
        self._file: IO[bytes] | None = None
        self._about: dict[str, str] = {}
        self._bytes = 0

    def add(self, key: str, line: bytes, about: str) -> None:
        """Write a request; its file appears when it is full, or closed.

        Raises:
            AnswerError: if it is larger than a whole file may be.
        """
        if len(line) > self._max_bytes:
            raise AnswerError(f"{len(line)} bytes are more than a batch takes")
        is_full = len(self._about) == self._max_requests
        if is_full or self._bytes + len(line) > self._max_bytes:
            self.close()
        if self._file is None:
            parts = parts_in(self._folder)
            last = int(parts[-1].requests.stem.removeprefix("part-")) if parts else 0
            part = Part(self._folder / f"part-{last + 1:05}.jsonl")
            partial = self._stack.enter_context(whole_file(part.requests))
            # Before the requests appear, it is on the disk what they are about.
            self._stack.callback(write_json, part.about_file, self._about)
            self._file = self._stack.enter_context(partial.open("wb"))
        self._file.write(line)
        self._about[key] = about
        self._bytes += len(line)

    def close(self) -> None:
        """Let the file that is being written appear."""
        self._stack.close()
        self._file = None
        self._about, self._bytes = {}, 0
