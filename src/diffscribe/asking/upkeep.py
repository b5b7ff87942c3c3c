"""Work on a whole ledger, which may be in use: export, merge, prune, forget, sum up."""

import contextlib
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from diffscribe.asking.ledger import (
    COLUMNS,
    INSERT,
    TIME,
    LedgerRow,
    explained,
    open_ledger,
    result_code,
    transaction,
)
from diffscribe.core.errors import InputError, StorageError
from diffscribe.core.files import OWNER_ONLY, read_jsonl, write_jsonl

KEY = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
SQLITE = b"SQLite format 3\0"
ROWS_PER_TRANSACTION = 1000
MIN_ROW_BYTES = 100
"""Less than a row and its key in the index take."""

SELECT = f"SELECT {COLUMNS} FROM answers"  # noqa: S608
TOTALS = """
SELECT model, count(*), sum(prompt_tokens > 0), sum(prompt_tokens), sum(cached_tokens),
    sum(completion_tokens), sum(reasoning_tokens),
    avg(CASE WHEN prompt_tokens > 0 THEN nullif(latency_s, 0) END),
    min(answered_at), max(answered_at)
FROM answers GROUP BY model ORDER BY model
"""


class Merged(NamedTuple):
    """What a merge brought."""

    added: int
    known: int
    """Answers whose key was there, which stayed as they were."""
    is_whole: bool
    """False if the source is a damaged ledger, read as far as possible."""


class Totals(NamedTuple):
    """Sums of the answers of one model."""

    model: str
    answers: int
    counted: int
    """Answers whose tokens the endpoint counted."""
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    """Thoughts included."""
    reasoning_tokens: int
    mean_latency_s: float | None
    """Of counted answers; None if all came by batches."""
    first: str
    """Time of the oldest answer, ISO 8601 in UTC."""
    last: str

    @property
    def mean_completion_tokens(self) -> float:
        """Return the average of the counted answers; there has to be one."""
        return self.completion_tokens / self.counted


def rows(path: Path) -> Iterator[LedgerRow]:
    """Yield the answers of this moment, by key; others may go on writing."""
    with _opened(path) as connection:
        for row in connection.execute(f"{SELECT} ORDER BY key"):
            yield _row(row)


def export(path: Path, target: Path) -> tuple[int, int]:
    """Write a ledger as JSONL, ordered by key, without answers about private rows.

    Return the numbers of answers written and left out.
    """
    left_out = 0

    def shared() -> Iterator[LedgerRow]:
        nonlocal left_out
        for row in rows(path):
            left_out += row.private
            if not row.private:
                yield row

    return write_jsonl(target, shared(), OWNER_ONLY), left_out


def merge(path: Path, source: Path) -> Merged:
    """Take the answers of an export, or of another ledger, into a ledger.

    Merging again, also after a kill, adds the answers that are still missing. Of a
    damaged ledger, the readable rows are taken.

    Raises:
        InputError: if there is no such file.
        RecordError: naming file and line, at the first that is no answer.
        StorageError: if one of the two ledgers cannot be used.
    """
    unreadable: list[int] = []
    if _is_ledger(source):
        added, known = add(path, _readable(source, unreadable))
    else:
        added, known = add(path, read_jsonl(source, LedgerRow))
    return Merged(added, known, is_whole=not unreadable)


def add(path: Path, answers: Iterable[LedgerRow]) -> tuple[int, int]:
    """Keep answers; return the number of new ones, and of known keys."""
    answers = iter(answers)
    added = seen = 0
    with contextlib.closing(open_ledger(path)) as connection:
        while some := list(islice(answers, ROWS_PER_TRANSACTION)):
            with explained(path), transaction(connection):
                values = [dict(row) for row in some]
                added += connection.executemany(INSERT, values).rowcount
            seen += len(some)
    return added, seen - added


def totals(path: Path) -> list[Totals]:
    """Return the sums of each model, by name."""
    with _opened(path) as connection:
        return [Totals(*row) for row in connection.execute(TOTALS)]


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Give a connection to a ledger that has to be there."""
    with (
        contextlib.closing(open_ledger(path, must_exist=True)) as connection,
        explained(path),
    ):
        yield connection


def _is_ledger(source: Path) -> bool:
    try:
        with source.open("rb") as file:
            return file.read(len(SQLITE)) == SQLITE
    except OSError as error:
        raise InputError(f"'{source}' cannot be read: {error.strerror}") from error


def _readable(source: Path, unreadable: list[int]) -> Iterator[LedgerRow]:
    """Yield the rows that can be read; add the numbers of the others to a list."""
    with contextlib.closing(open_ledger(source)) as connection:
        files = (source, source.with_name(f"{source.name}-wal"))
        size = sum(file.stat().st_size for file in files if file.exists())
        for number in range(1, size // MIN_ROW_BYTES):
            try:
                found = connection.execute(f"{SELECT} WHERE rowid = ?", (number,))
                answers = [_row(values) for values in found]
            except sqlite3.DatabaseError as error:
                if result_code(error) != sqlite3.SQLITE_CORRUPT:
                    raise
                unreadable.append(number)
            except ValidationError:
                unreadable.append(number)
            else:
                yield from answers


def _row(values: tuple[Any, ...]) -> LedgerRow:
    return LedgerRow(**dict(zip(LedgerRow.model_fields, values, strict=True)))


def prune(
    path: Path,
    *,
    models: Sequence[str] = (),
    repos: Sequence[str] = (),
    before: datetime | None = None,
    kept: Iterable[str] | None = None,
) -> int:
    """Drop the answers that meet all conditions, and return their number.

    Without models or repositories they may be of any. They came before a time, if one
    is given; those with a key in `kept` stay. The file shrinks.
    """
    clauses, values = ["key NOT IN temp.named"], [*models, *repos]
    for column, names in (("model", models), ("about", repos)):
        if names:
            clauses.append(f"{column} IN ({', '.join('?' * len(names))})")
    if before:
        clauses.append("answered_at < ?")
        values.append(before.astimezone(UTC).strftime(TIME))
    with _opened(path) as connection:
        with transaction(connection):
            _name(connection, kept or ())
            where = " AND ".join(clauses)
            dropped = connection.execute(f"DELETE FROM answers WHERE {where}", values)  # noqa: S608
        connection.execute("VACUUM")
    return dropped.rowcount


def forget_answers(path: Path, repo: str, keys: Iterable[str]) -> set[str]:
    """Drop all answers about a repository, and return the keys they had.

    The answers of `keys` go too, whoever asked first. No byte of them is left in the
    file, or in the WAL beside it.

    Raises:
        StorageError: if the ledger cannot be used, or others are reading it.
    """
    delete = "DELETE FROM answers WHERE about = ? OR key IN temp.named RETURNING key"
    with _opened(path) as connection:
        with transaction(connection):
            _name(connection, keys)
            gone = {key for (key,) in connection.execute(delete, (repo,))}
        connection.execute("VACUUM")
        # Until a checkpoint, the WAL holds the pages as they were.
        [ended] = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if ended[0]:
            raise StorageError(
                f"ledger '{path}': another process reads it, so that its WAL still "
                "holds what was dropped; end that process and run again"
            )
    return gone


def keys_in(path: Path) -> Iterator[str]:
    """Yield every key in a text file: an export, a list, labeled rows.

    Raises:
        InputError: if the file cannot be read.
    """
    try:
        with path.open("rb") as lines:
            for line in lines:
                yield from (found.decode() for found in KEY.findall(line))
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror}") from error


def _name(connection: sqlite3.Connection, keys: Iterable[str]) -> None:
    """Fill the temporary table `named` of a connection with keys."""
    connection.execute("CREATE TEMP TABLE named (key TEXT PRIMARY KEY)")
    rows = ((key,) for key in keys)
    connection.executemany("INSERT OR IGNORE INTO temp.named VALUES (?)", rows)
