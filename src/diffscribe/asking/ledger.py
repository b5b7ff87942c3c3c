"""Answers that were paid for: on the disk before they count, never asked again.

One sqlite file, `.cache/teacher.sqlite`, which many processes and threads use at once
(WAL). The key of an answer is `question_key` of what was sent. A Ledger looks answers
up and keeps them.
"""

import contextlib
import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Annotated, Any, Self

from pydantic import Field

from diffscribe.core.errors import DiffscribeError, InputError, StorageError
from diffscribe.core.files import OWNER_ONLY, repository_root
from diffscribe.core.records import Record
from diffscribe.doors.reply import Answer, TokenUsage, is_failure

APPLICATION_ID = 0x64734C67
"""`dsLg`, which tells a ledger from any other sqlite file."""
VERSION = 3
UPGRADE = "ALTER TABLE answers ADD COLUMN private INTEGER NOT NULL DEFAULT 0"
"""Of a ledger of version 2, which did not say which answers are about private rows."""
BUSY_S = 60.0
"""How long to wait for another process that writes, which takes milliseconds."""

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
    answered_at TEXT NOT NULL,
    private INTEGER NOT NULL DEFAULT 0
)
"""

DAMAGED = (
    "it is damaged, or no ledger; move it away with the -wal and -shm beside it and "
    "run again: 'diffscribe ledger merge OLD' brings back what can still be read"
)
ADVICE = {
    sqlite3.SQLITE_NOTADB: DAMAGED,
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_FULL: "free some space and run again, all answers so far are kept",
    sqlite3.SQLITE_BUSY: f"another process has been writing for {BUSY_S:g} s",
    **dict.fromkeys(
        (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM),
        "make it and its folder writable",
    ),
    **dict.fromkeys(
        (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PROTOCOL),
        "its disk fails, or is a network share that cannot lock",
    ),
}

TIME = "%Y-%m-%dT%H:%M:%SZ"
Count = Annotated[int, Field(ge=0, lt=2**63)]


class LedgerRow(Record):
    """An answer, as an export holds it."""

    key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """`question_key` of what was sent."""
    model: str
    about: str
    """Repository that was asked about."""
    text: str
    finish_reason: str
    prompt_tokens: Count
    cached_tokens: Count
    completion_tokens: Count
    reasoning_tokens: Count
    latency_s: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    answered_at: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
    """In UTC; its order as text is its order in time."""
    private: bool = Field(default=False, exclude_if=lambda private: not private)
    """Whether it is about a private row, so that no export has it; else not there."""


USAGE = ", ".join(TokenUsage._fields)
COLUMNS = ", ".join(LedgerRow.model_fields)
INSERT = f"""
INSERT INTO answers ({COLUMNS})
VALUES ({", ".join(f":{name}" for name in LedgerRow.model_fields)})
ON CONFLICT (key) DO UPDATE
SET ({COLUMNS}) = ({", ".join(f"excluded.{name}" for name in LedgerRow.model_fields)})
WHERE is_failure(answers.finish_reason, answers.text)
"""  # noqa: S608
ANSWER = f"SELECT text, {USAGE}, latency_s, finish_reason FROM answers WHERE key = ?"  # noqa: S608


def ledger_path() -> Path:
    """Return the path of the ledger, also for an experiment in a copy of the tree."""
    return repository_root() / ".cache" / "teacher.sqlite"


_Put = tuple[dict[str, Any], Future[Answer]]
"""The columns of an answer, and the future of the one that counts."""


class Ledger:
    """Answers by key; close it, or use it as a context."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make it.

        Raises:
            StorageError: if it cannot be used, is damaged or is something else.
        """
        self._path = path
        self._reader = open_ledger(path)
        self._reading = threading.Lock()
        self._claims: int | None = None
        self._puts: SimpleQueue[_Put | None] = SimpleQueue()
        self._writer = threading.Thread(
            target=self._write, args=(open_ledger(path),), daemon=True
        )
        self._writer.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Write the answers that wait, then close the file."""
        self._puts.put(None)
        self._writer.join()
        self._reader.close()
        if self._claims is not None:
            os.close(self._claims)

    def get(self, key: str) -> Answer | None:
        """Return the answer of a key, or None if it was never asked."""
        with self._reading, explained(self._path):
            found = self._reader.execute(ANSWER, (key,)).fetchone()
        answer = _answer(found) if found else None
        if answer and is_failure(answer.finish_reason, answer.text):
            return None  # Earlier versions kept some, which asking again replaces.
        return answer

    def put(
        self, key: str, model: str, answer: Answer, *, about: str, private: bool
    ) -> Future[Answer]:
        """Return at once a future of the answer that counts; done, it is on the disk.

        The first answer of a key counts. Answers that come while others are written
        share one fsync.
        """
        future: Future[Answer] = Future()
        # A running future cannot be cancelled, so that every paid answer is kept.
        future.set_running_or_notify_cancel()
        values = {
            "key": key,
            "model": model,
            "about": about,
            # sqlite refuses lone surrogates.
            "text": answer.text.encode("utf-8", "replace").decode(),
            "finish_reason": answer.finish_reason,
            **answer.usage._asdict(),
            "latency_s": answer.latency_s,
            "answered_at": datetime.now(UTC).strftime(TIME),
            "private": private,
        }
        self._puts.put((values, future))
        return future

    def claim(self, key: str) -> bool:
        """Tell whether this process may ask; False if another one is about to.

        A claim is a lock of fcntl on one byte of a file beside the ledger, which the
        kernel releases if the process is killed.
        """
        with explained(self._path):
            if self._claims is None:
                path = self._path.with_name(f"{self._path.name}-claims")
                self._claims = os.open(path, os.O_RDWR | os.O_CREAT, OWNER_ONLY)
            try:
                fcntl.lockf(
                    self._claims, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _claim_byte(key)
                )
            except (BlockingIOError, PermissionError):
                return False
        return True

    def release(self, key: str) -> None:
        """End a claim, after the answer was put or there is none."""
        if self._claims is not None:
            fcntl.lockf(self._claims, fcntl.LOCK_UN, 1, _claim_byte(key))

    def _write(self, connection: sqlite3.Connection) -> None:
        is_open = True
        while is_open:
            puts = _take_waiting(self._puts)
            is_open = None not in puts
            self._commit(connection, [put for put in puts if put])
        connection.close()

    def _commit(self, connection: sqlite3.Connection, puts: list[_Put]) -> None:
        try:
            with explained(self._path), transaction(connection):
                connection.executemany(INSERT, [values for values, _ in puts])
                keys = [(values["key"],) for values, _ in puts]
                found = [connection.execute(ANSWER, key).fetchone() for key in keys]
        except (DiffscribeError, sqlite3.Error, OverflowError) as error:
            for _, future in puts:
                future.set_exception(error)
        else:
            for (_, future), values in zip(puts, found, strict=True):
                future.set_result(_answer(values))


def _claim_byte(key: str) -> int:
    """Return the place of a key in the file of claims, which never grows."""
    return int(key[:15], 16)


def _take_waiting(puts: SimpleQueue[_Put | None]) -> list[_Put | None]:
    """Wait for one put, and return it with all others that wait by then."""
    taken = [puts.get()]
    while True:
        try:
            taken.append(puts.get_nowait())
        except Empty:
            return taken


def _answer(values: tuple[Any, ...]) -> Answer:
    text, *usage, latency_s, finish_reason = values
    return Answer(text, TokenUsage(*usage), latency_s, finish_reason)


# Opening the file.


def open_ledger(path: Path, *, must_exist: bool = False) -> sqlite3.Connection:
    """Return a connection to a ledger, new if there is none; threads may share it.

    Raises:
        InputError: if there has to be one and is not.
        StorageError: if it cannot be used, is damaged or is something else.
    """
    if must_exist and not path.exists():
        raise InputError(f"ledger '{path}' does not exist; the first answer makes it")
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _close_to_others(path)
        connection = sqlite3.connect(
            path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
        )
        connection.create_function("is_failure", 2, is_failure, deterministic=True)
        try:
            _prepare(connection, path)
        except (sqlite3.Error, DiffscribeError):
            connection.close()
            raise
        return connection


def _close_to_others(path: Path) -> None:
    """Give a ledger, which may be new, the mode 0600; sqlite's own files follow it."""
    if not path.exists():
        path.touch(mode=OWNER_ONLY)
    for name in ("", "-wal", "-shm"):
        with contextlib.suppress(OSError):
            path.with_name(path.name + name).chmod(OWNER_ONLY)


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Write everything or nothing; it is on the disk when this ends."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn an error of sqlite or of the disk into one that says what to do."""
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
        # sqlite3 itself raises this for text that is no UTF-8.
        is_text = isinstance(error, sqlite3.OperationalError)
        return sqlite3.SQLITE_CORRUPT if is_text else 0
    return int(code) & 0xFF  # where extended codes carry the primary one


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    if _is_empty(connection):
        # journal_mode cannot be set in a transaction and ignores the busy timeout.
        _execute_patiently(connection, "PRAGMA journal_mode=WAL")
        with transaction(connection):
            if _is_empty(connection):
                connection.execute(TABLE)
                connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version={VERSION}")
    elif _number(connection, "user_version") == VERSION - 1:
        with transaction(connection):
            if _number(connection, "user_version") == VERSION - 1:
                connection.execute(UPGRADE)
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
    # FULL keeps every answer after a power cut too; NORMAL would not in WAL mode.
    connection.execute("PRAGMA synchronous=FULL")


def _is_empty(connection: sqlite3.Connection) -> bool:
    found = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return bool(found == (0,)) and _number(connection, "application_id") == 0


def _execute_patiently(connection: sqlite3.Connection, statement: str) -> None:
    give_up_at = time.monotonic() + BUSY_S
    while True:
        try:
            connection.execute(statement)
            return
        except sqlite3.OperationalError as error:
            is_busy = result_code(error) == sqlite3.SQLITE_BUSY
            if not is_busy or time.monotonic() > give_up_at:
                raise
            time.sleep(0.01)


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])
