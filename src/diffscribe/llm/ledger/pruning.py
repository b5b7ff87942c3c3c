"""Answers that go: those nobody needs, or all that are about a repository."""

import contextlib
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from diffscribe.errors import InputError, StorageError
from diffscribe.llm.ledger.answers import TIME
from diffscribe.llm.ledger.file import explained, open_ledger, transaction

KEY = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


def prune(
    path: Path,
    *,
    models: Sequence[str] = (),
    repos: Sequence[str] = (),
    before: datetime | None = None,
    kept: Iterable[str] | None = None,
) -> int:
    """Drop the answers that meet all conditions and return how many they were.

    Args:
        path: the ledger, which becomes as small as it can be.
        models: drop answers of these; of all, if empty.
        repos: drop answers about these; about all, if empty.
        before: drop answers that came before this time.
        kept: keys of answers that stay, whatever else holds.
    """
    clauses, values = ["key NOT IN temp.named"], [*models, *repos]
    for column, names in (("model", models), ("about", repos)):
        if names:
            clauses.append(f"{column} IN ({', '.join('?' * len(names))})")
    if before:
        clauses.append("answered_at < ?")
        values.append(before.astimezone(UTC).strftime(TIME))
    with contextlib.closing(open_ledger(path, must_exist=True)) as connection:
        with explained(path), transaction(connection):
            _name(connection, kept or ())
            where = " AND ".join(clauses)
            dropped = connection.execute(f"DELETE FROM answers WHERE {where}", values)  # noqa: S608
        with explained(path):
            connection.execute("VACUUM")
    return dropped.rowcount


def forget_answers(path: Path, repo: str, keys: Iterable[str]) -> set[str]:
    """Drop all answers about a repository, and return the keys they had.

    No byte of them is left in the file, or in the log beside it.

    Args:
        path: the ledger.
        repo: what answers were kept as being about.
        keys: drop the answers of these too, whoever asked first.

    Raises:
        StorageError: if the ledger cannot be used, or others are reading it.
    """
    delete = "DELETE FROM answers WHERE about = ? OR key IN temp.named RETURNING key"
    with (
        contextlib.closing(open_ledger(path, must_exist=True)) as connection,
        explained(path),
    ):
        with transaction(connection):
            _name(connection, keys)
            gone = {key for (key,) in connection.execute(delete, (repo,))}
        connection.execute("VACUUM")
        # Until then the log holds pages as they were.
        [ended] = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if ended[0]:
            raise StorageError(
                f"ledger '{path}': another process reads it, so that its log still "
                "holds what was dropped; end that process and run again"
            )
    return gone


def keys_in(path: Path) -> Iterator[str]:
    """Yield every key that a text file names: an export, a list, labeled rows.

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
    """Have these keys in a table that lasts as long as the connection."""
    connection.execute("CREATE TEMP TABLE named (key TEXT PRIMARY KEY)")
    rows = ((key,) for key in keys)
    connection.executemany("INSERT OR IGNORE INTO temp.named VALUES (?)", rows)
