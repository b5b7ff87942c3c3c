"""Files that a page exported, which a person may have edited since."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from diffscribe.errors import InputError, RecordError

E = TypeVar("E", bound=BaseModel)


def read_exported(path: Path, form: type[E], what: str, page: str) -> E:
    """Return what a page exported.

    Args:
        path: the file.
        form: the record that it is to be.
        what: what is in it, in a word of the plural.
        page: where a person finds the page that exports it.

    Raises:
        InputError: if it cannot be read.
        RecordError: if it is no such record.
    """
    try:
        return form.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(
            f"{what} '{path}' cannot be read: {error.strerror}; export them from "
            f"{page} with the key e, and name that file"
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise RecordError(
            f"{path}: no {what} of {page}: {where + ': ' if where else ''}"
            f"{first['msg']}; export them again, nothing was recorded"
        ) from error


def refuse_twice(path: Path, names: Iterable[str], what: str) -> None:
    """Refuse a file in which something stands twice.

    Raises:
        RecordError: naming the first.
    """
    twice = next((name for name, n in Counter(names).items() if n > 1), None)
    if twice is not None:
        raise RecordError(
            f"{path}: {what} {twice} is there twice; export them again, nothing was "
            "recorded"
        )
