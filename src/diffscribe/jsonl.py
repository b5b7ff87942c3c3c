"""Read and write records; a file or folder appears only when whole."""

import contextlib
import errno
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import orjson
from pydantic import ValidationError

from diffscribe.errors import RecordError, StorageError
from diffscribe.records import Record

R = TypeVar("R", bound=Record)


def read_jsonl(path: Path, kind: type[R]) -> Iterator[R]:
    """Yield the records of a file, in order.

    Raises:
        RecordError: naming file and line, at the first that does not fit.
    """
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                yield kind.model_validate_json(line)
            except ValidationError as error:
                first = error.errors()[0]
                where = ".".join(str(part) for part in first["loc"])
                raise RecordError(
                    f"{path}:{number}: not a {kind.__name__}: "
                    f"{where + ': ' if where else ''}{first['msg']}; "
                    "run the stage that writes this file again"
                ) from error


def write_jsonl(path: Path, records: Iterable[Record]) -> int:
    """Write records with sorted keys and return how many there were."""
    count = 0
    with whole_file(path) as partial, partial.open("wb") as lines:
        for record in records:
            lines.write(
                orjson.dumps(
                    record.model_dump(mode="json"),
                    option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE,
                )
            )
            count += 1
    return count


def write_json(path: Path, value: Any) -> None:
    """Write one JSON document, indented, with sorted keys."""
    with whole_file(path) as partial:
        text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)
        partial.write_text(text + "\n", encoding="utf-8")


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a path to write to, that becomes `path` if nothing went wrong."""
    partial = _partial(path)
    try:
        yield partial
        _sync(partial)
        partial.replace(path)
    except OSError as error:
        _explain(error, path)
        raise
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder to fill, that becomes `path` if all went well.

    What `path` held before stays until the new content is complete.
    """
    partial = _partial(path)
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir()
        yield partial
        if path.exists():
            shutil.rmtree(path)
        partial.replace(path)
    except OSError as error:
        _explain(error, path)
        raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _partial(path: Path) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _explain(error, path)
        raise
    return path.with_name(f".{path.name}.partial")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _explain(error: OSError, path: Path) -> None:
    """Raise the failures a user can mend in words that say how."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        raise StorageError(
            f"{path}: the disk is full; free some space and run again, "
            "nothing was half-written"
        ) from error
    if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
        raise StorageError(f"{path}: cannot be written: {error.strerror}") from error
