"""Read and write records; a file or folder appears whole or not at all."""

import contextlib
import errno
import fcntl
import hashlib
import json
import logging
import os
import shutil
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import IO, Any, TypeVar

import orjson
from pydantic import ValidationError

from diffscribe.core.errors import (
    DiffscribeError,
    InputError,
    RecordError,
    StorageError,
)
from diffscribe.core.records import Record

logger = logging.getLogger(__name__)


def repository_root() -> Path:
    """Return the repository, also from the copy that `dvc exp run --temp` works in.

    Outside of a repository, it is the current folder.
    """
    here = Path.cwd().resolve()
    for folder in (here, *here.parents):
        if folder.parts[-3:] == (".dvc", "tmp", "exps"):
            return folder.parents[2]
    holders = (folder for folder in (here, *here.parents) if (folder / ".dvc").is_dir())
    return next(holders, here)


R = TypeVar("R", bound=Record)

FULL_BYTES = 2**16
"""The most bytes that a failed write leaves free on a full disk."""

FULL = "the disk is full"
NO_SPACE = (FULL, os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT))
"""The words of ENOSPC and EDQUOT, which libraries also put into other exceptions."""

OWNER_ONLY = 0o600

REFUSALS = (
    *(errno.EACCES, errno.EPERM, errno.EROFS),
    *(errno.EEXIST, errno.EISDIR, errno.ENOTDIR),
)


@cache
def read_table(package: str, name: str) -> dict[str, Any]:
    """Return a TOML file that comes with a package of ours; do not change it."""
    text = files(f"diffscribe.{package}").joinpath(name).read_text(encoding="utf-8")
    return tomllib.loads(text)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def read_jsonl(path: Path, kind: type[R], holding: bytes = b"") -> Iterator[R]:
    """Yield the records of a file, in order; only those whose line holds some text.

    Raises:
        InputError: if there is no such file, or it cannot be opened.
        RecordError: naming file and line, at the first that does not fit.
    """
    number = 0
    with _open_input(path) as lines:
        for number, line in enumerate(lines, start=1):
            if holding not in line:
                continue
            try:
                yield kind.model_validate_json(line.rstrip(b"\n"))
            except ValidationError as error:
                raise RecordError(
                    f"{path}:{number}: not a {kind.__name__}: {first_problem(error)}; "
                    "mend the line, or run the stage that writes the file again"
                ) from error
    logger.info("%s: %d rows read", path, number)


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object of a file.

    Raises:
        InputError: if there is no such file, or it cannot be opened.
        RecordError: if it holds something else.
    """
    with _open_input(path) as content:
        try:
            value = json.load(content)
        except ValueError as error:
            value = error
    if not isinstance(value, dict):
        raise RecordError(
            f"{path}: not a JSON object: {str(value)[:200]}; run the stage that writes "
            "it again"
        )
    return value


def first_problem(error: ValidationError) -> str:
    """Return where the first value is that does not fit, and why, on one line."""
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))
    reason = first["msg"].replace(" at line 1 column", " at column")
    return f"{where}: {reason}" if where else reason


def _open_input(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise InputError(
            f"input '{path}' cannot be read: {error.strerror}; check the path, or run "
            "the stage that writes it"
        ) from error


def write_jsonl(path: Path, records: Iterable[Record], mode: int = 0o666) -> int:
    """Write records with sorted keys and return how many there were."""
    count = 0
    with whole_file(path, mode) as partial, partial.open("wb") as lines:
        for record in records:
            lines.write(
                orjson.dumps(
                    record.model_dump(mode="json"),
                    option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE,
                )
            )
            count += 1
    logger.info("%s: %d rows written", path, count)
    return count


def write_lines(path: Path, lines: Iterable[bytes], mode: int = 0o666) -> None:
    """Write lines that are records already, each with its line feed."""
    with whole_file(path, mode) as partial, partial.open("wb", buffering=2**20) as file:
        file.writelines(lines)


def write_json(path: Path, value: Any, mode: int = 0o666) -> None:
    """Write one JSON document, indented, with sorted keys."""
    with whole_file(path, mode) as partial:
        text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)
        partial.write_text(text + "\n", encoding="utf-8")


@contextlib.contextmanager
def whole_file(path: Path, mode: int = 0o666) -> Iterator[Path]:
    """Give a path to write to; it is renamed to `path` if the block succeeds.

    The umask narrows the mode; OWNER_ONLY is for what may hold answers about private
    rows, or keys.

    Raises:
        StorageError: if the disk is full, `path` cannot be written, or another run
            writes it.
    """
    partial = _beside(path, "partial")
    with _held(path):
        try:
            with _explained(path):
                os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode))
                yield partial
                _sync(partial)
                partial.replace(path)
        finally:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder to fill; it is renamed to `path` if the block succeeds.

    The previous content of `path` stays until then.

    Raises:
        StorageError: if the disk is full, `path` cannot be written, or another run
            writes it.
    """
    partial, previous = _beside(path, "partial"), _beside(path, "previous")
    with _held(path):
        with _explained(path):
            # A SIGKILL between the two renames below leaves no folder at `path`.
            if previous.is_dir() and not path.exists():
                previous.rename(path)
        _remove(partial, previous)
        try:
            with _explained(path):
                partial.mkdir()
                yield partial
                # Rename first: deleting a folder is not atomic, a kill leaves half.
                if path.is_dir():
                    path.rename(previous)
                partial.rename(path)
        finally:
            _remove(partial, previous)


@contextlib.contextmanager
def _held(path: Path) -> Iterator[None]:
    """Hold the flock of an output, whose file is there only while it is held.

    Raises:
        StorageError: if another run has it.
    """
    lock = _beside(path, "lock.partial")
    with _explained(path):
        descriptor = _lock(path, lock)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            lock.unlink(missing_ok=True)
        # Closing alone would leave it to children that inherited the descriptor.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _lock(path: Path, lock: Path) -> int:
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Its holder removes the file, and then the flock excludes nobody.
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), lock.stat()):
                    return descriptor
        except BlockingIOError as error:
            os.close(descriptor)
            raise StorageError(
                f"{path}: another run writes this output; wait for it or end it, then "
                "run again"
            ) from error
        os.close(descriptor)


def lock_file(path: Path, error: DiffscribeError) -> IO[bytes]:
    """Return an open file whose flock this process has until it is closed or killed.

    Raises:
        DiffscribeError: the given one, if another process has it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise error from None
    return lock


def _beside(path: Path, suffix: str) -> Path:
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(f".{path.name}.{suffix}")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(*folders: Path) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn errors that a user can mend into StorageError, with what to do."""
    try:
        yield
    except BaseException as error:
        if _is_full(path, error):
            raise StorageError(
                f"{path}: {FULL}; free some space and run again, "
                "nothing was half-written"
            ) from error
        if isinstance(error, OSError) and error.errno in REFUSALS:
            refused = error.filename2 or error.filename or path
            raise StorageError(
                f"{refused}: {error.strerror}; mend that or name another path, "
                "then run again"
            ) from error
        raise


def _is_full(path: Path, error: BaseException) -> bool:
    """Tell from the message or from the disk: a program only reports its exit."""
    if any(words in str(error) for words in NO_SPACE):
        return True
    with contextlib.suppress(FileNotFoundError):
        return shutil.disk_usage(path.parent).free < FULL_BYTES
    return False
