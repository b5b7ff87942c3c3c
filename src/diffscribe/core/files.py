"""Read and write records; a file or folder appears whole or not at all."""

import contextlib
import errno
import fcntl
import hashlib
import json
import logging
import math
import os
import shutil
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from socket import gethostname
from typing import IO, Any, TypeVar

import orjson
from pydantic import ValidationError

from diffscribe.core.errors import InputError, RecordError, StorageError
from diffscribe.core.records import (
    Change,
    PlannedChange,
    Record,
    Sample,
    TrainingSample,
)

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


def user_folder() -> Path:
    """Return the folder that holds what is installed for this user.

    It is `diffscribe` in $XDG_DATA_HOME, or in ~/.local/share.
    """
    named = os.environ.get("XDG_DATA_HOME", "")
    # The specification has a relative path be ignored.
    data = Path(named) if named.startswith("/") else Path.home() / ".local" / "share"
    return data / "diffscribe"


R = TypeVar("R", bound=Record)

_WITH_ID = (Change, PlannedChange, Sample, TrainingSample)
"""Rows of which a file has one an id."""

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
        RecordError: naming file and line, at the first that does not fit, or has the id
            of another.
    """
    number = 0
    lines_of: dict[str, int] = {}
    with _open_input(path) as lines:
        for number, line in enumerate(lines, start=1):
            if holding not in line:
                continue
            row = line.rstrip(b"\n")
            try:
                record = kind.model_validate_json(row)
                problem = json_problem(row)
            except ValidationError as error:
                record, problem = None, first_problem(error)
            if isinstance(record, _WITH_ID):
                first = lines_of.setdefault(record.id, number)
                problem = problem or f"id: is that of line {first} too" * (
                    first != number
                )
            if record is None or problem:
                raise RecordError(
                    f"{path}:{number}: not a {kind.__name__}: {problem}; "
                    "mend the line, or run the stage that writes the file again"
                )
            yield record
    logger.info("%s: %d rows read", path, number)


def json_problem(text: bytes) -> str:
    """Return what JSON of one meaning has not, or an empty string.

    A key that is there twice means one thing to one reader and another to the next; a
    number that is no float or has over 64 bits cannot be written again.
    """
    with contextlib.suppress(orjson.JSONDecodeError):
        value = orjson.loads(text)
        # What write_jsonl wrote has none of it, which is seen fastest so.
        if orjson.dumps(value, option=orjson.OPT_SORT_KEYS) == text:
            return ""
    try:
        json.loads(
            text,
            object_pairs_hook=_each_once,
            parse_int=lambda number: _bounded(number, 2**63),
            parse_float=_bounded,
            parse_constant=_bounded,
        )
    except (ValueError, RecursionError) as error:
        return str(error)
    return ""


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        [(twice, _)] = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"{twice[:100]}: is there twice")
    return value


def _bounded(number: str, limit: float = math.inf) -> float:
    value = float(number)
    if not abs(value) < limit:
        raise ValueError(f"{number[:20]}...: a number of 64 bits is needed")
    return value


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object of a file.

    Raises:
        InputError: if there is no such file, or it cannot be opened.
        RecordError: if it holds something else.
    """
    with _open_input(path) as content:
        text = content.read()
    try:
        value = json_problem(text) or json.loads(text)
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
    with _output(path) as (partial, lock):
        try:
            with disk_explained(path):
                os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode))
                yield partial
                lock.require()
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
    previous = path.with_name(f".{path.name}.previous")
    with _output(path) as (partial, lock):
        with disk_explained(path):
            # A SIGKILL between the two renames below leaves no folder at `path`.
            if previous.is_dir() and not path.exists():
                previous.rename(path)
        _remove(partial, previous)
        try:
            with disk_explained(path):
                partial.mkdir()
                yield partial
                lock.require()
                # Rename first: deleting a folder is not atomic, a kill leaves half.
                if path.is_dir():
                    path.rename(previous)
                partial.rename(path)
        finally:
            _remove(partial, previous)


@contextlib.contextmanager
def _output(path: Path) -> "Iterator[tuple[Path, Lock]]":
    """Give the name to write an output under, and the lock that is held meanwhile.

    Each process has a name of its own: where someone removed the lock, two writers
    still do not write into one file.
    """
    with disk_explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = Lock(path.with_name(f".{path.name}{_LOCK}"), path)
    with contextlib.closing(lock):
        _sweep(path)
        yield path.with_name(f".{path.name}.{os.getpid()}.partial"), lock


_LOCK = ".lock.partial"


def _sweep(path: Path) -> None:
    """Remove what killed writers left beside an output whose lock is held."""
    with contextlib.ExitStack() as locks:
        abandoned = {path.name}
        for other in path.parent.glob(f".*{_LOCK}"):
            name = other.name[1 : -len(_LOCK)]
            with contextlib.suppress(OSError, StorageError):
                locks.enter_context(contextlib.closing(Lock(other, other)))
                abandoned.add(name)
        for each in path.parent.glob(".*.partial"):
            name, _, process = each.name[1:].removesuffix(".partial").rpartition(".")
            is_own = process == str(os.getpid())
            if name in abandoned and process.isdecimal() and not is_own:
                _remove(each)


class Lock:
    """The flock of a file that is there only while it is held, and says by whom.

    It ends with the process, however that ends.
    """

    def __init__(self, path: Path, guarded: Path) -> None:
        """Take the lock.

        Raises:
            StorageError: if another process has it; names `guarded` and the process.
        """
        self._path, self._guarded = path, guarded
        while True:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
            self._file = os.open(path, flags, OWNER_ONLY)
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.read(self._file, 200).decode(errors="replace")
                os.close(self._file)
                raise StorageError(
                    f"{guarded}: another run works on it ({holder or 'just begun'}); "
                    "wait for it or end it, then run again"
                ) from None
            # Its holder removes the file, and then the flock excludes nobody.
            if self._is_held():
                break
            os.close(self._file)
        holder = f"process {os.getpid()} on {gethostname()}, {Path(sys.argv[0]).name}"
        with contextlib.suppress(OSError):  # A full disk is told of by what fills it.
            os.ftruncate(self._file, 0)
            os.write(self._file, holder.encode())

    def require(self) -> None:
        """Check that no other process can have got the lock since.

        Raises:
            StorageError: if someone removed the file.
        """
        if not self._is_held():
            raise StorageError(
                f"{self._guarded}: someone removed {self._path}, so that another run "
                "could write it too; run again"
            )

    def close(self) -> None:
        """Let the lock go."""
        with contextlib.suppress(OSError):
            if self._is_held():
                self._path.unlink()
        # Closing alone would leave it to children that inherited the descriptor.
        fcntl.flock(self._file, fcntl.LOCK_UN)
        os.close(self._file)

    def _is_held(self) -> bool:
        with contextlib.suppress(FileNotFoundError):
            return os.path.samestat(os.fstat(self._file), self._path.lstat())
        return False


_TEMPORARY = {"prefix": ".diffscribe-", "suffix": ".partial"}


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """Give an empty folder among the system's temporary files while a block runs.

    What killed runs left there goes first.

    Raises:
        StorageError: if its disk is full, or there is no place for one.
    """
    try:
        home = Path(tempfile.gettempdir())
    except FileNotFoundError as error:
        raise StorageError(
            f"temporary files have no place: {error.strerror}; free some space there, "
            "or name a folder with TMPDIR, then run again"
        ) from error
    for each in home.glob("*".join(_TEMPORARY.values())):
        with contextlib.suppress(OSError), _claimed(each):
            _remove(each)
    with contextlib.ExitStack() as stack:
        try:
            folder = Path(tempfile.mkdtemp(**_TEMPORARY))
            stack.callback(_remove, folder)
            with contextlib.suppress(OSError):  # Some disks know no flock.
                stack.enter_context(_claimed(folder))
            yield folder
        except BaseException as error:
            if _is_full(home / "any", error):
                raise StorageError(
                    f"{home}: the disk of temporary files is full; free some space, "
                    "or name another folder with TMPDIR, then run again"
                ) from error
            raise


@contextlib.contextmanager
def _claimed(folder: Path) -> Iterator[None]:
    """Hold the flock of a folder of this user.

    Raises:
        OSError: if it is another user's, is no folder, or a living process has it.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(descriptor).st_uid != os.geteuid():
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), str(folder))
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(*paths: Path) -> None:
    for path in paths:
        shutil.rmtree(path, ignore_errors=True)
        with contextlib.suppress(OSError):
            path.unlink()


@contextlib.contextmanager
def disk_explained(path: Path) -> Iterator[None]:
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
    if isinstance(error, StorageError):
        return FULL in str(error)
    if any(words in str(error) for words in NO_SPACE):
        return True
    with contextlib.suppress(FileNotFoundError):
        return shutil.disk_usage(path.parent).free < FULL_BYTES
    return False
