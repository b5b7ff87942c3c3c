"""The case files that can be asked, told apart by what is in them."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from pydantic import ValidationError

from diffscribe.core.errors import InputError, RecordError
from diffscribe.eval.bench.foreign import (
    case_of_harvested,
    case_of_joco,
    case_of_messages,
)
from diffscribe.eval.bench.own import case_of_change
from diffscribe.eval.cases import Case, read_cases

Row = Mapping[str, Any]


class CaseFormat(NamedTuple):
    """A kind of file, and how a row of it becomes a case."""

    name: str
    keys: frozenset[str]
    """The first format counts all of whose keys a row has."""
    case_of: Callable[[Row], Case] | None
    """None if a row alone is no case."""


FORMATS = (
    CaseFormat(
        "diffscribe cases",
        frozenset({"task", "diff", "target", "originals"}),
        Case.model_validate,
    ),
    CaseFormat(
        "diffscribe samples (data/sft)",
        frozenset({"task", "prompt", "completion", "target"}),
        None,
    ),
    CaseFormat(
        "diffscribe changes (data/*.jsonl, data/splits)",
        frozenset({"base", "head", "diff", "commits"}),
        case_of_change,
    ),
    CaseFormat("joco", frozenset({"id", "diff", "expectedMessage"}), case_of_joco),
    CaseFormat(
        "git-smart-commit",
        frozenset({"repo_url", "base_commit", "head_commit", "original_commits"}),
        case_of_harvested,
    ),
    CaseFormat("messages", frozenset({"messages"}), case_of_messages),
)


class CaseFile(NamedTuple):
    """What was read of a file."""

    format: str
    cases: tuple[Case, ...]


def read_case_file(
    path: Path, changes: Path | None = None, max_cases: int | None = None
) -> CaseFile:
    """Return the cases of a file in its order.

    Cases with an `id` of their own keep it; the others get one from content, with
    a number if the same content comes again.

    Args:
        path: JSONL of one of FORMATS.
        changes: the file of splits that samples were rendered from; None finds it
            beside their folder, as the stages write it.
        max_cases: as many of them, drawn by their ids, not by their places.

    Raises:
        InputError: if there is no such file.
        RecordError: naming the line that is none of the formats, is broken, or has
            the id of an earlier one; or the file, if it holds no case.
    """
    rows = _rows(path)
    first = next(rows, None)
    if first is None:
        raise RecordError(f"{path}: holds no case; name a file with at least one line")
    form = _format_of(first[1], f"{path}:{first[0]}")
    if form.case_of is None:
        beside = path.parent.parent / "splits" / path.name
        cases = tuple(read_cases(path, changes or beside))
        twice = [id_ for id_, n in Counter(each.id for each in cases).items() if n > 1]
        if twice:
            raise RecordError(
                f"{path}: the id {twice[0]} stands in several lines; give each case an "
                "id of its own"
            )
    else:
        cases = tuple(_cases(path, form, chain([first], rows)))
    return CaseFile(form.name, _drawn(cases, max_cases))


def _cases(
    path: Path, form: CaseFormat, rows: Iterable[tuple[int, Row]]
) -> Iterator[Case]:
    """Yield the case of each row, with an id that none before has."""
    times: Counter[str] = Counter()
    for number, row in rows:
        case = _case(form, row, f"{path}:{number}")
        times[case.id] += 1
        if times[case.id] > 1 and "id" in row:
            raise RecordError(
                f"{path}:{number}: the id {case.id} stands in an earlier line too; "
                "give each case an id of its own"
            )
        if times[case.id] > 1:
            case = case.model_copy(update={"id": f"{case.id}-{times[case.id]}"})
        yield case


def _rows(path: Path) -> Iterator[tuple[int, Row]]:
    """Yield each line that is not blank, as an object, and its number."""
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise InputError(
            f"case file '{path}' cannot be read: {error.strerror}; name a JSONL file"
        ) from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise RecordError(
                f"{path}:{number}: not JSON: {error}; a case file has one object a line"
            ) from error
        if not isinstance(row, dict):
            raise RecordError(f"{path}:{number}: not a JSON object; {_known()}")
        yield number, row


def _format_of(row: Row, where: str) -> CaseFormat:
    found = next((each for each in FORMATS if each.keys <= row.keys()), None)
    if found is None:
        keys = ", ".join(sorted(row)[:12]) or "none"
        raise RecordError(f"{where}: its keys ({keys}) are of no format; {_known()}")
    return found


def _known() -> str:
    named = "; ".join(
        f"{each.name}: {', '.join(sorted(each.keys))}" for each in FORMATS
    )
    return f"known, by the keys they need: {named}"


def _case(form: CaseFormat, row: Row, where: str) -> Case:
    missing = sorted(form.keys - row.keys())
    if missing:
        raise RecordError(
            f"{where}: no {', '.join(missing)}, which the lines above have: all lines "
            f"of a file are of one format, here {form.name}"
        )
    try:
        assert form.case_of is not None
        case = form.case_of(row)
        problem = _gap(case)
        if problem is None:
            return case
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        problem = f"{key}: {first['msg']}"
    except RecordError as error:
        problem = str(error)
    raise RecordError(f"{where}: not a case of {form.name}: {problem}")


def _gap(case: Case) -> str | None:
    """Return what a plan case lacks to be judged by, or None."""
    if case.task == "message":
        return None
    if not set(case.files) - set(case.junk):
        return "it has no file that is not junk"
    if not case.target.commits or not all(each.files for each in case.target.commits):
        return "its target has no commit, or one without files"
    return None


def _drawn(cases: tuple[Case, ...], max_cases: int | None) -> tuple[Case, ...]:
    if max_cases is None or max_cases >= len(cases):
        return cases
    by_digest = sorted(hashlib.sha256(case.id.encode()).digest() for case in cases)
    kept = set(by_digest[:max_cases])
    return tuple(
        case for case in cases if hashlib.sha256(case.id.encode()).digest() in kept
    )
