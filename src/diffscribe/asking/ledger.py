"""Answers that were paid for: on the disk before they count, never asked again.

One sqlite file, `.cache/teacher.sqlite`, which many processes and threads use at once
(WAL). The key of an answer is `question_key` of what was sent. A Ledger looks answers
up and keeps them; the functions below it work on a whole file, which may be in use:
export and merge, prune and forget, totals.
"""

import contextlib
import re
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Annotated, Any, NamedTuple, Self

from pydantic import Field, ValidationError

from diffscribe.core.errors import DiffscribeError, InputError, StorageError
from diffscribe.core.files import read_jsonl, repository_root, write_jsonl
from diffscribe.core.records import Record
from diffscribe.doors.reply import Answer, TokenUsage

APPLICATION_ID = 0x64734C67
"""`dsLg`, which tells a ledger from any other sqlite file."""
VERSION = 2
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
    answered_at TEXT NOT NULL
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
    sqlite3.SQLITE_READONLY: "make it and its folder writable",
    sqlite3.SQLITE_CANTOPEN: "make its folder writable, or name another path",
    sqlite3.SQLITE_PERM: "make it and its folder writable",
    sqlite3.SQLITE_IOERR: "its disk fails, or is a network share that cannot lock",
    sqlite3.SQLITE_PROTOCOL: "its disk is a network share that cannot lock",
}

USAGE = "prompt_tokens, cached_tokens, completion_tokens, reasoning_tokens"
COLUMNS = f"key, model, about, text, finish_reason, {USAGE}, latency_s, answered_at"
INSERT = f"""
INSERT INTO answers ({COLUMNS}) VALUES (:key, :model, :about, :text, :finish_reason,
    :prompt_tokens, :cached_tokens, :completion_tokens, :reasoning_tokens,
    :latency_s, :answered_at)
ON CONFLICT (key) DO NOTHING
"""  # noqa: S608
ANSWER = f"SELECT text, {USAGE}, latency_s, finish_reason FROM answers WHERE key = ?"  # noqa: S608

SELECT = f"SELECT {COLUMNS} FROM answers"  # noqa: S608
TIME = "%Y-%m-%dT%H:%M:%SZ"
Count = Annotated[int, Field(ge=0, lt=2**63)]

KEY = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
SQLITE = b"SQLite format 3\0"
ROWS_PER_TRANSACTION = 1000
MIN_ROW_BYTES = 100
"""Less than a row and its key in the index take."""

TOTALS = """
SELECT model, count(*), sum(prompt_tokens), sum(cached_tokens),
    sum(completion_tokens), sum(reasoning_tokens), min(answered_at), max(answered_at)
FROM answers GROUP BY model ORDER BY model
"""


MEANS = """
SELECT model, count(*), avg(completion_tokens), avg(nullif(latency_s, 0))
FROM answers WHERE prompt_tokens > 0 GROUP BY model
"""


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


def ledger_path() -> Path:
    """Return the path of the ledger, also for an experiment in a copy of the tree."""
    return repository_root() / ".cache" / "teacher.sqlite"


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
        self._puts: SimpleQueue[_Put | None] = SimpleQueue()
        self._writer = threading.Thread(
            target=self._write, args=(open_ledger(path),), daemon=True
        )
        self._writer.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write the answers that wait, then close the file."""
        self._puts.put(None)
        self._writer.join()
        self._reader.close()

    def get(self, key: str) -> Answer | None:
        """Return the answer of a key, or None if it was never asked."""
        with self._reading, explained(self._path):
            found = self._reader.execute(ANSWER, (key,)).fetchone()
        return None if found is None else _answer(found)

    def put(
        self, key: str, model: str, answer: Answer, *, about: str
    ) -> Future[Answer]:
        """Return at once a future of the answer that counts; done, it is on the disk.

        The first answer of a key counts. Answers that come while others are written
        share one fsync.

        Args:
            key: of the question.
            model: that was asked.
            answer: to keep.
            about: repository that was asked about.
        """
        future: Future[Answer] = Future()
        # A running future cannot be cancelled, so that every paid answer is kept.
        future.set_running_or_notify_cancel()
        self._puts.put(_Put(key, model, about, _storable(answer), future))
        return future

    def _write(self, connection: sqlite3.Connection) -> None:
        is_open = True
        while is_open:
            puts = _taken(self._puts)
            is_open = None not in puts
            self._commit(connection, [put for put in puts if put])
        connection.close()

    def _commit(self, connection: sqlite3.Connection, puts: list["_Put"]) -> None:
        try:
            with explained(self._path), transaction(connection):
                counting = [_insert(connection, put) for put in puts]
        except (DiffscribeError, sqlite3.Error, OverflowError) as error:
            for put in puts:
                put.future.set_exception(error)
        else:
            for put, answer in zip(puts, counting, strict=True):
                put.future.set_result(answer)


class _Put(NamedTuple):
    key: str
    model: str
    about: str
    answer: Answer
    future: Future[Answer]


def _storable(answer: Answer) -> Answer:
    """Return an answer without lone surrogates, which sqlite refuses."""
    text = answer.text.encode("utf-8", "replace").decode()
    return answer._replace(text=text)


def _taken(puts: "SimpleQueue[_Put | None]") -> list[_Put | None]:
    """Wait for one put, and return it with all others that wait by then."""
    taken = [puts.get()]
    while True:
        try:
            taken.append(puts.get_nowait())
        except Empty:
            return taken


def _insert(connection: sqlite3.Connection, put: _Put) -> Answer:
    """Keep an answer, and return the one that counts."""
    values = {
        "key": put.key,
        "model": put.model,
        "about": put.about,
        "text": put.answer.text,
        "finish_reason": put.answer.finish_reason,
        **put.answer.usage._asdict(),
        "latency_s": put.answer.latency_s,
        "answered_at": datetime.now(UTC).strftime(TIME),
    }
    if connection.execute(INSERT, values).rowcount:
        return put.answer
    return _answer(connection.execute(ANSWER, (put.key,)).fetchone())


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


# Work on a whole file.


class Mean(NamedTuple):
    """Average of the counted answers of one model."""

    answers: int
    completion_tokens: float
    """Thoughts included."""
    latency_s: float | None
    """None if all of them came by batches."""


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
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    first: str
    """Time of the oldest answer, ISO 8601 in UTC."""
    last: str


def rows(path: Path) -> Iterator[LedgerRow]:
    """Yield the answers of this moment, by key; others may go on writing."""
    with (
        contextlib.closing(open_ledger(path, must_exist=True)) as connection,
        explained(path),
    ):
        for row in connection.execute(f"{SELECT} ORDER BY key"):
            yield _row(row)


def export(path: Path, target: Path) -> int:
    """Write a ledger as JSONL, ordered by key, and return the number of answers."""
    return write_jsonl(target, rows(path))


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
                values = [row.model_dump() for row in some]
                added += connection.executemany(INSERT, values).rowcount
            seen += len(some)
    return added, seen - added


def totals(path: Path) -> list[Totals]:
    """Return the sums of each model, by name."""
    with (
        contextlib.closing(open_ledger(path, must_exist=True)) as connection,
        explained(path),
    ):
        return [Totals(*row) for row in connection.execute(TOTALS)]


def means(path: Path) -> dict[str, Mean]:
    """Return the average answer, by model; uncounted answers are left out."""
    with (
        contextlib.closing(open_ledger(path, must_exist=True)) as connection,
        explained(path),
    ):
        found = connection.execute(MEANS)
        return {model: Mean(*values) for model, *values in found}


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

    Args:
        path: the ledger; its file shrinks.
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

    No byte of them is left in the file, or in the WAL beside it.

    Args:
        path: the ledger.
        repo: that answers were kept as being about.
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
