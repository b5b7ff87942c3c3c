"""The log of feedback under several writers, kills and limits."""

import multiprocessing
import os
import signal
import stat
import time

import pytest
from tests.support.rows import make_change

from diffscribe.core import feedback
from diffscribe.core.errors import RecordError
from diffscribe.core.feedback import (
    append_feedback,
    forget_all_feedback,
    forget_feedback,
    read_feedback,
)
from diffscribe.core.records import Feedback, Plan, Verdict


def entry(number, verdict=Verdict.TAKEN, repo="acme/api", words=""):
    """Return an entry with an id of its own."""
    return Feedback(
        id=f"{number:064x}",
        at="2026-11-30T12:00:00+00:00",
        command="commit",
        verdict=verdict,
        made_by="baseline",
        change=make_change(repo=repo).model_copy(update={"recent_subjects": (words,)}),
        proposed=Plan(commits=()),
        final=None,
    )


@pytest.fixture
def log(tmp_path):
    return tmp_path / "data" / "feedback.jsonl"


def write_many(log, start, count):
    for number in range(start, start + count):
        append_feedback(log, entry(number, words="x" * 5000))


def test_the_last_entry_of_an_id_counts_and_the_file_is_its_owners(log):
    before = os.umask(0)
    try:
        append_feedback(log, entry(1))
        append_feedback(log, entry(2))
        append_feedback(log, entry(1, Verdict.UNDONE))
    finally:
        os.umask(before)
    found = [(int(each.id, 16), each.verdict) for each in read_feedback(log)]
    assert found == [(2, Verdict.TAKEN), (1, Verdict.UNDONE)]
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert stat.S_IMODE(log.parent.stat().st_mode) == 0o700


def test_writers_and_one_who_forgets_lose_nothing_of_each_other(log):
    append_feedback(log, entry(0, repo="acme/gone"))
    fork = multiprocessing.get_context("fork")
    writers = [
        fork.Process(target=write_many, args=(log, 1000 * n, 40)) for n in range(1, 5)
    ]
    for each in writers:
        each.start()
    while any(each.is_alive() for each in writers):
        forget_feedback(log, lambda each: each.change.repo == "acme/gone")
    for each in writers:
        each.join()
    wanted = {1000 * n + at for n in range(1, 5) for at in range(40)}
    assert {int(each.id, 16) for each in read_feedback(log)} == wanted


def test_a_killed_writer_leaves_whole_lines_or_a_tail_that_goes(log):
    fork = multiprocessing.get_context("fork")
    for number in range(1, 31):
        writer = fork.Process(target=write_many, args=(log, 1000 * number, 10**6))
        writer.start()
        time.sleep(0.005 + 0.0007 * number)
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
    written = len(read_feedback(log))
    with log.open("ab") as file:
        file.write(b'{"version":1,"id"')
    assert len(read_feedback(log)) == written
    append_feedback(log, entry(1))
    assert len(read_feedback(log)) == written + 1
    assert log.read_bytes().count(b"\n") == written + 1


def test_the_oldest_go_and_what_is_too_large_is_not_written(log, monkeypatch):
    size = len(entry(1, words="x" * 5000).model_dump_json()) + 1
    monkeypatch.setattr(feedback, "MAX_LOG_BYTES", 10 * size)
    monkeypatch.setattr(feedback, "MAX_ENTRY_BYTES", 2 * size)
    write_many(log, 1, 11)
    assert [int(each.id, 16) for each in read_feedback(log)] == [6, 7, 8, 9, 10, 11]
    assert not append_feedback(log, entry(12, words="x" * 3 * size))
    assert append_feedback(log, entry(13))
    assert log.stat().st_size <= 10 * size


def test_what_is_forgotten_is_gone_from_the_bytes(log):
    for number, repo in enumerate(("acme/api", "acme/web", "acme/api"), start=1):
        append_feedback(log, entry(number, repo=repo))
    append_feedback(log, entry(1, Verdict.UNDONE))
    assert forget_feedback(log, lambda each: each.id == entry(1).id) == 1
    assert forget_feedback(log, lambda each: each.change.repo == "acme/web") == 1
    assert b"acme/web" not in log.read_bytes()
    assert [each.id for each in read_feedback(log)] == [entry(3).id]
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert forget_feedback(log, lambda _: True) == 1
    assert not log.exists()
    assert forget_feedback(log, lambda _: True) == 0
    log.write_bytes(b"nonsense\n")
    with pytest.raises(RecordError, match=r"feedback\.jsonl:1"):
        forget_feedback(log, lambda _: True)
    assert forget_all_feedback(log)
    assert [*log.parent.iterdir()] == []
