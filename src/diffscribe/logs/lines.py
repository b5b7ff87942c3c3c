"""Read logs that others wrote: a JSON object a line, however long, torn or odd."""

import json
import logging
import re
from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

from diffscribe.core.errors import InputError, RecordError
from diffscribe.core.files import json_problem
from diffscribe.memory import MAX_LINE_BYTES

logger = logging.getLogger(__name__)

BOM = b"\xef\xbb\xbf"
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_MAY_HOLD_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class BadLine(StrEnum):
    """What is wrong with a line."""

    TOO_LONG = "too_long"
    TORN = "torn"
    """The last line, whose end was not written, as when its writer was killed."""
    NOT_JSON = "not_json"
    NOT_OBJECT = "not_object"
    NOT_UTF8 = "not_utf8"


_WORDS = {
    BadLine.TOO_LONG: f"longer than {MAX_LINE_BYTES // 2**20} MiB",
    BadLine.TORN: "torn: the file ends in the middle of it",
    BadLine.NOT_JSON: "no JSON",
    BadLine.NOT_OBJECT: "JSON, but no object",
    BadLine.NOT_UTF8: "no UTF-8",
}


class LogLine(NamedTuple):
    """A line of a log."""

    number: int
    """From 1."""
    value: dict[str, Any]


class LogLines:
    """The objects of a log, read once from its first line to its last.

    Memory holds one line at a time. Blank lines, a byte order mark and CRLF are
    nothing; half of a surrogate pair, which no file can hold as text, is U+FFFD.
    """

    def __init__(self, path: Path, on_bad_line: Literal["stop", "skip"]) -> None:
        self._path = path
        self._skips = on_bad_line == "skip"
        self.skipped: Counter[BadLine] = Counter()
        """What was wrong with the lines that were skipped so far."""

    def __iter__(self) -> Iterator[LogLine]:
        """Yield the lines that are objects.

        Raises:
            InputError: if the log cannot be opened.
            RecordError: at the first bad line, with its number, unless they are
                skipped.
        """
        try:
            opened = self._path.open("rb")
        except OSError as error:
            raise InputError(
                f"log '{self._path}' cannot be read: {error.strerror}; check the path"
            ) from error
        number = 0
        with opened as log:
            for number, line in enumerate(_lines(log), start=1):
                if not line.strip(b" \t\r\n"):
                    continue
                found = _object(line)
                if isinstance(found, dict):
                    yield LogLine(number, found)
                else:
                    self._refuse(number, found)
        logger.info("%s: %d lines read", self._path, number)

    def _refuse(self, number: int, bad: "_Bad") -> None:
        if not self._skips:
            raise RecordError(
                f"{self._path}:{number}: {_WORDS[bad.reason]}"
                f"{bad.detail and f': {bad.detail}'}; mend or remove the line, or skip "
                "bad lines with collect.on_bad_line: skip"
            )
        logger.info("%s:%d: skipped, %s", self._path, number, bad.reason)
        self.skipped[bad.reason] += 1


class _Bad(NamedTuple):
    reason: BadLine
    detail: str = ""


def _lines(log: BinaryIO) -> Iterator[bytes]:
    """Yield lines with their ends; of one that is too long, a byte more than it may."""
    is_first = True
    while line := log.readline(MAX_LINE_BYTES + 1):
        yield line.removeprefix(BOM) if is_first else line
        is_first = False
        while len(line) > MAX_LINE_BYTES and not line.endswith(b"\n"):
            line = log.readline(MAX_LINE_BYTES + 1)
            if not line:
                return


def _object(line: bytes) -> dict[str, Any] | _Bad:
    if len(line) > MAX_LINE_BYTES:
        return _Bad(BadLine.TOO_LONG)
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        return _Bad(_torn(line) or BadLine.NOT_UTF8, f"byte {error.start + 1}")
    if problem := json_problem(line):
        return _Bad(_torn(line) or BadLine.NOT_JSON, problem[:200])
    value = json.loads(text)
    if not isinstance(value, dict):
        return _Bad(BadLine.NOT_OBJECT)
    if _MAY_HOLD_SURROGATE.search(line):
        return {_whole_text(key): _whole_text(each) for key, each in value.items()}
    return value


def _torn(line: bytes) -> BadLine | None:
    return None if line.endswith(b"\n") else BadLine.TORN


def _whole_text(value: Any) -> Any:
    """Return JSON without lone surrogates, in keys and values."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_whole_text(each) for each in value]
    if isinstance(value, dict):
        return {_whole_text(key): _whole_text(each) for key, each in value.items()}
    return value
