"""Read what an agent logged: successes of three generations, and attempts."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from diffscribe.core.errors import RecordError
from diffscribe.core.files import first_problem
from diffscribe.logs.lines import LogLines
from diffscribe.success_memory.records import LoggedAttempt, Memory, Operation

CUT_CHARS: Final = 1000
"""Loggers of the first generation kept as much of a diff."""
_KEYS: Mapping[str, str] = {
    "timestamp_utc": "at",
    "spec_issue_id": "issue_id",
    "spec_issue_description": "issue",
    "spec_target_files": "target_files",
    "spec_operations_summary": "operations",
    "spec_operations_details": "operations",
    "successful_diff_summary": "diff",
    "successful_diff_summary_snippet": "diff",
    "successful_script": "script",
    "successful_script_hash": "script_hash",
    "patch_source": "patch_source",
    "predicted_core": "core",
    "user_rating": "rating",
}
"""What the three generations call the fields of a Memory."""
_THIRD = frozenset(("predicted_core", "user_rating"))
_EMBEDDING = "_embedding"
_NEEDED = ("at", "issue")
_OF_A_RATING = ("rating", "core")
"""What may be written to a line later, so that it is no part of the id."""
_NOT_IN_ID = frozenset((*_OF_A_RATING, "generation", "source", "line"))
_ANSI = re.compile(r"\x1b(?:\[[0-9;:?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?)")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


T = TypeVar("T")


class LineError(ValueError):
    """What is wrong with one line; its reader adds the place."""


def read_memory(
    row: Mapping[str, Any], source: str, line: int
) -> tuple[Memory, Counter[str]]:
    """Return the success that a line tells of, and how often each key was dropped.

    Raises:
        LineError: if a value does not fit, or a key is of no generation.
    """
    fields: dict[str, Any] = {}
    dropped: Counter[str] = Counter()
    for key, value in row.items():
        if key.endswith(_EMBEDDING):
            dropped[key] += 1
        elif (name := _KEYS.get(key)) is None:
            raise LineError(
                f"unknown key '{key[:100]}'; keys are {', '.join(_KEYS)}, and those "
                f"that end with {_EMBEDDING}"
            )
        elif name in fields:
            raise LineError(f"'{key}' says {name} again")
        else:
            fields[name] = value
    if missing := [key for key in _NEEDED if not fields.get(key)]:
        raise LineError(f"{' and '.join(missing)} missing or empty")
    diff = _text(fields.get("diff"), "diff")
    is_third = bool(_THIRD & row.keys() or dropped)
    has_whole_diff = "successful_script" in row
    memory = Memory(
        id="",
        at=instant(fields["at"]),
        issue_id=_text(fields.get("issue_id"), "spec_issue_id") or None,
        issue=_text(fields["issue"], "spec_issue_description"),
        target_files=_texts(fields.get("target_files"), "spec_target_files"),
        operations=tuple(_operations(fields.get("operations"))),
        diff=diff,
        diff_is_cut=not has_whole_diff and len(diff) >= CUT_CHARS,
        script=script_text(_text(fields.get("script"), "successful_script")) or None,
        script_hash=_hash(fields.get("script_hash")),
        patch_source=_text(fields.get("patch_source"), "patch_source"),
        core=_text(fields.get("core"), "predicted_core") or None,
        rating=_rating(fields.get("rating")),
        generation=3 if is_third else 2 if has_whole_diff else 1,
        source=source,
        line=line,
    )
    return memory.model_copy(update={"id": _digest(memory)}), dropped


def read_memories(
    path: Path, lines: LogLines, skips: bool, counts: Counter[str]
) -> Iterator[Memory]:
    """Yield each success of a log once, in order, with the last rating it was given.

    A rating is given later: the line is then written again, so the log is read twice.
    Memory holds an id of each success, and one line. Lines that do not fit are counted,
    as is all that is dropped, if `skips`.

    Raises:
        RecordError: at the first line that does not fit, unless it `skips`.
    """

    def read(row: Mapping[str, Any], line: int) -> tuple[Memory, Counter[str]]:
        return read_memory(row, path.name, line)

    ratings = {
        memory.id: memory.rating
        for memory, _ in _read(path, lines, skips, Counter(), read)
    }
    lines.skipped.clear()
    seen: set[str] = set()
    for memory, dropped in _read(path, lines, skips, counts, read):
        counts.update(dropped)
        if memory.id in seen:
            counts["written_again"] += 1
            continue
        seen.add(memory.id)
        yield memory.model_copy(update={"rating": ratings[memory.id]})


def read_attempts(
    path: Path, lines: LogLines, skips: bool, counts: Counter[str]
) -> Iterator[LoggedAttempt]:
    """Yield the attempts of a log, in order; the rest is as of `read_memories`."""
    return _read(path, lines, skips, counts, lambda row, _: read_attempt(row))


def _read(
    path: Path,
    lines: LogLines,
    skips: bool,
    counts: Counter[str],
    read: Callable[[Mapping[str, Any], int], T],
) -> Iterator[T]:
    for line in lines:
        counts["lines"] += 1
        try:
            found = read(line.value, line.number)
        except LineError as error:
            if not skips:
                raise RecordError(
                    f"{path}:{line.number}: {error}; mend or remove the line, or skip "
                    "bad lines with collect.on_bad_line: skip"
                ) from error
            counts["unfit"] += 1
            continue
        yield found
    counts.update({reason.value: number for reason, number in lines.skipped.items()})


def read_attempt(row: Mapping[str, Any]) -> LoggedAttempt:
    """Return the attempt that a line tells of, with one way to write a line end.

    Raises:
        LineError: if the line does not fit the record.
    """
    try:
        attempt = LoggedAttempt.model_validate_json(json.dumps(row))
    except ValidationError as error:
        raise LineError(first_problem(error)) from error
    return attempt.model_copy(
        update={
            "at": instant(attempt.at),
            "memory_id": attempt.memory_id or None,
            "script": script_text(attempt.script),
            "accepted": None
            if attempt.accepted is None
            else script_text(attempt.accepted),
            "traceback": plain(attempt.traceback) if attempt.traceback else None,
        }
    )


def script_text(text: str) -> str:
    """Return a script without byte order mark, with line feeds alone."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    return text if not text.strip() or text.endswith("\n") else text + "\n"


def plain(text: str) -> str:
    """Return what a terminal would show, without colours and control characters."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROL.sub("", _ANSI.sub("", text))


def instant(value: object) -> str:
    """Return a time in UTC, as ISO 8601; one without a zone is taken to be UTC."""
    try:
        at = datetime.fromisoformat(str(value))
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return at.astimezone(UTC).isoformat()
    except (ValueError, OverflowError) as error:
        raise LineError(f"'{str(value)[:40]}' is no ISO 8601 time") from error


def _text(value: object, key: str) -> str:
    if value is None:
        return ""
    if isinstance(value, str | int) and not isinstance(value, bool):
        return str(value)
    raise LineError(f"{key} should be text")


def _texts(value: object, key: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return tuple(value)
    raise LineError(f"{key} should be a list of texts")


def _operations(value: object) -> Iterator[Operation]:
    """Yield operations of a list of names, or of objects with a name."""
    if value is None:
        return
    if not isinstance(value, list):
        raise LineError("operations should be a list")
    for each in value:
        if isinstance(each, str):
            yield Operation(name=each)
            continue
        if not isinstance(each, dict):
            raise LineError("an operation should be a name or an object")
        rest = dict(each)
        name = rest.pop("name", None) or rest.pop("operation_name", None)
        target = rest.pop("target_file", None)
        if not isinstance(name, str) or not isinstance(target, str | None):
            raise LineError("an operation should have a name, and a target_file")
        details = json.dumps(rest, sort_keys=True, ensure_ascii=False) if rest else ""
        yield Operation(name=name, target_file=target, details=details)


def _hash(value: object) -> str | None:
    """Return a hash as text: loggers write it as number, as hex, or not at all."""
    text = _text(value, "successful_script_hash").strip()
    return text or None


def _rating(value: object) -> int | None:
    text = _text(value, "user_rating") if not isinstance(value, float) else f"{value:g}"
    if text in ("", "0"):
        return None
    if text not in ("1", "2", "3", "4", "5"):
        raise LineError(f"user_rating should be 1 to 5, not {text[:20]}")
    return int(text)


def _digest(memory: Memory) -> str:
    content = memory.model_dump(mode="json", exclude={"id", *_NOT_IN_ID})
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
