"""The sqlite file of the ledger: opened, checked, and its failures explained."""

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from diffscribe.errors import DiffscribeError, InputError, StorageError

APPLICATION_ID = 0x64734C67
"""`dsLg`: tells a ledger from any other sqlite file."""
VERSION = 2
BUSY_S = 60.0
"""How long to wait for other processes that write; they take milliseconds."""

TABLE = """
CREATE TABLE answers (
    key TEXT PRIMARY KEY,
    model TEXT NOT NULL,
    about TEXT NOT NULL,
    text TEXT NOT NULL,
    finish_reason TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    cached_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    reasoning_tokens INTEGER NOT NULL,
    latency_s REAL NOT NULL,
    answered_at TEXT NOT NULL
)
"""

DAMAGED = (
    "it is damaged, or no ledger; move it away with the -wal and -shm beside it and "
    "run again: 'python scripts/ledger.py merge OLD' brings back what can still be read"
)
ADVICE = {
    sqlite3.SQLITE_NOTADB: DAMAGED,
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_FULL: "free some space and run again, all answers so far are kept",
    sqlite3.SQLITE_BUSY: f"another process has been writing for {BUSY_S:g} s",
    sqlite3.SQLITE_READONLY: "make it and its folder writable",
    sqlite3.SQLITE_CANTOPEN: "make its folder writable, or name another path",
    sqlite3.SQLITE_PERM: "make it and its folder writable",
    sqlite3.SQLITE_IOERR: "its disk fails, or is a network share that cannot lock",
    sqlite3.SQLITE_PROTOCOL: "its disk is a network share that cannot lock",
}


def open_ledger(path: Path, *, must_exist: bool = False) -> sqlite3.Connection:
    """Return a connection to a ledger, made if there is none; threads may share it.

    Raises:
        InputError: if there has to be one and is not.
        StorageError: if it cannot be used, is damaged or is something else.
    """
    if must_exist and not path.exists():
        raise InputError(f"ledger '{path}' does not exist; a teacher's answers make it")
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
        )
        try:
            _prepare(connection, path)
        except (sqlite3.Error, DiffscribeError):
            connection.close()
            raise
        return connection


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Write all or nothing; on the disk when this ends."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Raise what sqlite says of a file in words that say what to do."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        advice = ADVICE.get(result_code(error))
        if advice is None:
            raise
        raise StorageError(f"ledger '{path}': {error}; {advice}") from error
    except OSError as error:
        raise StorageError(
            f"ledger '{path}': {error.strerror}; mend that, then run again"
        ) from error


def result_code(error: sqlite3.Error) -> int:
    """Return sqlite's primary result code, or 0 if the error has none."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        # Python's own complaint about text that is no UTF-8.
        is_text = isinstance(error, sqlite3.OperationalError)
        return sqlite3.SQLITE_CORRUPT if is_text else 0
    return int(code) & 0xFF  # where extended codes carry the primary one


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    if _is_empty(connection):
        # Outside of transactions alone, and nobody waits for it by himself.
        _patiently(connection, "PRAGMA journal_mode=WAL")
        with transaction(connection):
            if _is_empty(connection):
                connection.execute(TABLE)
                connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version={VERSION}")
    if _number(connection, "application_id") != APPLICATION_ID:
        raise StorageError(
            f"ledger '{path}' is another program's sqlite file; name another path"
        )
    if _number(connection, "user_version") != VERSION:
        raise StorageError(
            f"ledger '{path}' is of another version of diffscribe; use that one, or "
            "move the file away and run again"
        )
    # After a power cut too, what was answered is there.
    connection.execute("PRAGMA synchronous=FULL")


def _is_empty(connection: sqlite3.Connection) -> bool:
    found = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return bool(found == (0,)) and _number(connection, "application_id") == 0


def _patiently(connection: sqlite3.Connection, statement: str) -> None:
    give_up_at = time.monotonic() + BUSY_S
    while True:
        try:
            connection.execute(statement)
        except sqlite3.OperationalError as error:
            if (
                result_code(error) != sqlite3.SQLITE_BUSY
                or time.monotonic() > give_up_at
            ):
                raise
            time.sleep(0.01)
        else:
            return


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])
