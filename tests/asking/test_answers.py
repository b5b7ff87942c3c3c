import asyncio
import hashlib
import multiprocessing
import os
import random
import signal
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from tests.support.ledger_rows import put

from diffscribe.asking.ledger import Ledger, ledger_path
from diffscribe.core.errors import StorageError
from diffscribe.doors.reply import Answer, TokenUsage

HI = Answer("hi", TokenUsage(10, 4, 3, 1), 0.25, "stop")
fork = multiprocessing.get_context("fork")


def key(number):
    return hashlib.sha256(str(number).encode()).hexdigest()


def answer(number):
    return HI._replace(text=f"answer {number} " + "x" * (number % 3000))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cache" / "teacher.sqlite"


def test_what_was_put_is_got_whole_and_by_another_process_later(path):
    with Ledger(path) as ledger:
        assert ledger.get(key(1)) is None
        assert put(ledger, key(1), "small", HI) == HI
        assert ledger.get(key(1)) == HI
    with Ledger(path) as ledger:
        assert ledger.get(key(1)) == HI
        assert ledger.get(key(2)) is None


def test_the_first_answer_of_a_key_counts(path):
    with Ledger(path) as ledger, Ledger(path) as other:
        put(ledger, key(1), "small", HI)
        assert put(other, key(1), "small", HI._replace(text="later")) == HI
        assert other.get(key(1)) == HI


@pytest.mark.parametrize("text", ["", "a\0b", "\x1b[0m", "žluťoučký 👋", "'; DROP--"])
def test_text_comes_back_as_it_is(path, text):
    with Ledger(path) as ledger:
        said = put(ledger, key(1), "small", HI._replace(text=text))
        assert said.text == text
        assert ledger.get(key(1)) == said


def test_half_a_surrogate_is_replaced_in_what_counts_and_in_what_is_kept(path):
    with Ledger(path) as ledger:
        said = put(ledger, key(1), "small", HI._replace(text="a\ud800b"))
        assert said.text == "a?b"
        assert ledger.get(key(1)) == said


def test_a_count_that_no_file_holds_fails_its_own_group_and_not_the_ledger(path):
    huge = HI._replace(usage=TokenUsage(2**63, 0, 0, 0))
    with Ledger(path) as ledger:
        with pytest.raises(OverflowError):
            put(ledger, key(1), "small", huge)
        assert ledger.get(key(1)) is None
        assert put(ledger, key(2), "small", HI) == HI


def test_it_is_readable_by_another_connection_when_put_returns(path):
    with Ledger(path) as ledger, sqlite3.connect(path) as reader:
        for number in range(20):
            put(ledger, key(number), "small", HI)
            [count] = reader.execute("SELECT count(*) FROM answers").fetchone()
            assert count == number + 1


def test_closing_writes_what_is_on_its_way(path):
    with Ledger(path) as ledger:
        puts = [
            ledger.put(key(n), "small", answer(n), about="acme/app", private=False)
            for n in range(500)
        ]
    assert [put.result(0) for put in puts] == [answer(n) for n in range(500)]
    with Ledger(path) as ledger:
        assert [ledger.get(key(n)) for n in range(500)] == [
            answer(n) for n in range(500)
        ]
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_an_asker_that_is_cancelled_loses_no_answer(path):
    async def give_up(ledger):
        put = asyncio.wrap_future(
            ledger.put(key(1), "small", HI, about="acme/app", private=False)
        )
        put.cancel()

    with Ledger(path) as ledger:
        asyncio.run(give_up(ledger))
        assert put(ledger, key(2), "small", HI) == HI
        assert ledger.get(key(1)) == HI


def test_answers_that_wait_for_the_disk_are_written_together(path):
    with Ledger(path) as ledger:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            puts = [
                ledger.put(key(n), "small", HI, about="acme/app", private=False)
                for n in range(800)
            ]
            other.execute("ROLLBACK")
        assert all(put.result() == HI for put in puts)
        log = path.with_name("teacher.sqlite-wal")
        assert log.stat().st_size < 800 * 4096 / 4, "a page for each would be more"


def test_threads_share_a_ledger(path):
    with Ledger(path) as ledger, ThreadPoolExecutor(8) as threads:
        numbers = list(range(200)) * 2
        said = list(
            threads.map(lambda n: put(ledger, key(n), "small", answer(n)), numbers)
        )
        assert said == [answer(n) for n in numbers]
        got = list(threads.map(lambda n: ledger.get(key(n)), range(200)))
        assert got == [answer(n) for n in range(200)]


def fill(path, first, last, start):
    start.wait()
    with Ledger(path) as ledger:
        for number in range(first, last):
            put(ledger, key(number), "small", answer(number))


def test_processes_that_open_a_new_ledger_at_once_share_it(path):
    start = fork.Event()
    writers = [
        fork.Process(target=fill, args=(path, n * 15, n * 15 + 30, start))
        for n in range(8)
    ]
    for writer in writers:
        writer.start()
    start.set()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 8
    with Ledger(path) as ledger:
        for number in range(7 * 15 + 30):
            assert ledger.get(key(number)) == answer(number)


def write_until_killed(path, first, told):
    """Put answers from four threads and tell the number of each that returned."""
    with Ledger(path) as ledger:

        def put_one(number):
            put(ledger, key(number), "small", answer(number))
            os.write(told, number.to_bytes(4))

        with ThreadPoolExecutor(4) as threads:
            for number in range(first, first + 100_000):
                threads.submit(put_one, number)


def killed_after(path, first, answers, wait_s):
    """Numbers of the answers that a process was given before it was killed."""
    hears, told = os.pipe()
    writer = fork.Process(target=write_until_killed, args=(path, first, told))
    writer.start()
    os.close(told)
    with os.fdopen(hears, "rb") as heard:
        text = heard.read(4 * answers)
        time.sleep(wait_s)
        os.kill(writer.pid, signal.SIGKILL)
        text += heard.read()
    writer.join()
    assert writer.exitcode == -signal.SIGKILL
    return [int.from_bytes(text[at : at + 4]) for at in range(0, len(text), 4)]


@pytest.mark.slow
def test_a_kill_at_any_moment_loses_no_answer_that_was_returned(path):
    draw = random.Random(7)
    returned = []
    for kill in range(20):
        answers = 0 if kill < 8 else draw.randrange(1, 60)
        wait_s = draw.uniform(0, 0.03)
        returned += killed_after(path, kill * 100_000, answers, wait_s)
        with Ledger(path) as ledger:
            assert all(ledger.get(key(n)) == answer(n) for n in returned)
    assert len(returned) > 100
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_page_that_is_damaged_is_explained_when_it_is_read(path):
    with Ledger(path) as ledger:
        for number in range(300):
            put(ledger, key(number), "small", answer(number))
    text = bytearray(path.read_bytes())
    for page in range(4096, len(text), 4096):
        text[page : page + 100] = b"\xff" * 100
    path.write_bytes(text)
    with Ledger(path) as ledger:
        with pytest.raises(StorageError, match="damaged"):
            ledger.get(key(1))
        with pytest.raises(StorageError, match="damaged"):
            put(ledger, key(1000), "small", HI)


def execute(statement):
    def change(path):
        path.parent.mkdir(exist_ok=True)
        with closing(sqlite3.connect(path)) as database:
            database.execute(statement)

    return change


def write(content):
    def change(path):
        path.parent.mkdir()
        path.write_bytes(content)

    return change


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ([write(b"SQLite format 3\0" + b"?" * 5000)], "damaged.*merge OLD"),
        ([write(b"hello " * 1000)], "no ledger; move it away"),
        ([execute("CREATE TABLE theirs (x)")], "another program's sqlite file"),
        (
            [lambda path: Ledger(path).close(), execute("PRAGMA user_version=1")],
            "another version of diffscribe",
        ),
    ],
    ids=["damaged", "text", "another program's", "another version"],
)
def test_what_is_no_ledger_is_explained_and_left_as_it_is(path, changes, words):
    for change in changes:
        change(path)
    before = path.read_bytes()
    with pytest.raises(StorageError, match=rf"teacher\.sqlite.*{words}"):
        Ledger(path)
    assert path.read_bytes() == before


def test_a_path_that_cannot_be_a_file_is_explained(tmp_path):
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(StorageError, match=r"File exists|Not a directory"):
        Ledger(tmp_path / "cache" / "teacher.sqlite")
    with pytest.raises(StorageError, match="unable to open"):
        Ledger(tmp_path)


def test_threads_end_with_the_ledger(path):
    before = threading.active_count()
    Ledger(path).close()
    assert threading.active_count() == before


def test_an_experiment_in_a_copy_uses_the_ledger_of_the_repository(
    tmp_path, monkeypatch
):
    copy = tmp_path / ".dvc" / "tmp" / "exps" / "copy"
    (copy / ".dvc").mkdir(parents=True)
    monkeypatch.chdir(copy)
    assert ledger_path() == tmp_path.resolve() / ".cache" / "teacher.sqlite"
