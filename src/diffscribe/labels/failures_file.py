"""The changes that a teacher could not label, written beside those it could."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson

from diffscribe.errors import StorageError
from diffscribe.jsonl import whole_file
from diffscribe.labels.label import TooManyFailuresError
from diffscribe.labels.outcome import LabelFailure

_FORMAT = orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE


@contextlib.contextmanager
def failures_file(path: Path) -> Iterator[Callable[[LabelFailure], object]]:
    """Give a function that writes failures to a file, which appears when whole.

    It also appears if there are too many of them, since it says why.
    """
    too_many: TooManyFailuresError | None = None
    told: StorageError | None = None
    try:
        with whole_file(path) as partial, partial.open("wb") as lines:
            try:
                yield lambda failure: lines.write(
                    orjson.dumps(failure.model_dump(mode="json"), option=_FORMAT)
                )
            except TooManyFailuresError as error:
                too_many = error
            except StorageError as error:
                told = error
                raise
    except StorageError as error:
        # The file that is written meanwhile has said itself what is wrong.
        raise told or error from None
    if too_many is not None:
        raise too_many
