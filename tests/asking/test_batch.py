import asyncio
import json
import multiprocessing
import os
import random
import re
import signal
from collections import Counter

import pytest
from tests.support.batch_server import BatchServer, echo
from tests.support.questions import question

from diffscribe.asking.batch import (
    BatchAsker,
    PendingError,
    forget_requests,
    hold,
    read_state,
)
from diffscribe.asking.budget import Budget, Price
from diffscribe.asking.ledger import Ledger
from diffscribe.core.errors import BudgetError, StorageError, ToolError
from diffscribe.doors.batches import BatchService, read_answers
from diffscribe.doors.failure import AnswerError
from diffscribe.doors.reply import Answer, TokenUsage, question_key

PRICES = {"m": Price(prompt=1000.0, cached=500.0, completion=4000.0)}
SCHEMA = {"type": "object"}
GONE = "acme/gone"
fork = multiprocessing.get_context("fork")


@pytest.fixture(autouse=True)
def limits(monkeypatch):
    """Set the limits of a file; nothing is waited for long."""
    monkeypatch.setattr("diffscribe.doors.batches.LISTED_WITHIN_S", 0.2)

    def limit(**values):
        for name, value in values.items():
            monkeypatch.setattr(f"diffscribe.asking.batch.{name}", value)

    limit(POLL_S=0.01)
    return limit


def request(number):
    """Every third is about another repository."""
    about = "acme/kept" if number % 3 == 0 else GONE
    return question(number, schema=SCHEMA, about=about)


def key(number):
    return question_key(request(number))


def label(tmp_path, base_url, count, budget=None):
    """Return text or error of each request, as a stage goes over its rows."""
    service = base_url and BatchService(
        base_url, api_key="sk-0123456789", timeout_s=60, attempts=3
    )
    with (
        Ledger(tmp_path / "teacher.sqlite") as ledger,
        BatchAsker(
            ledger, budget or Budget(), tmp_path / "batches", service
        ) as teacher,
    ):
        while True:
            said = asyncio.run(ask_all(teacher, count))
            if not teacher.run(lambda line: None):
                return said, teacher


async def ask_all(teacher, count):
    return [await ask(teacher, request(number)) for number in range(count)]


async def ask(teacher, request):
    try:
        return (await teacher.ask(request)).text
    except (PendingError, AnswerError) as error:
        return error


def reply(text, finish_reason):
    return {"choices": [{"message": {"content": text}, "finish_reason": finish_reason}]}


def texts(count):
    return [f"said {number}" for number in range(count)]


def left(tmp_path):
    return sorted(file.name for file in (tmp_path / "batches").iterdir())


def known(tmp_path, count=10):
    with Ledger(tmp_path / "teacher.sqlite") as ledger:
        return [n for n in range(count) if ledger.get(key(n))]


def test_a_batch_brings_what_is_asked_and_the_next_run_asks_nothing(tmp_path):
    with BatchServer() as server:
        said, teacher = label(tmp_path, server.base_url, 25)
        assert said == texts(25)
        assert teacher.line() == "25 known, 25 asked, 0 failed: 1,000 tokens"
        assert len(server.batches) == 1
        calls = len(server.calls)
        said, teacher = label(tmp_path, server.base_url, 25)
        assert said == texts(25)
        assert teacher.counts.asked == 0
        assert len(server.calls) == calls
    assert left(tmp_path) == []


def test_the_file_is_what_the_service_documents(tmp_path):
    with BatchServer() as server:
        label(tmp_path, server.base_url, 1)
    [line] = server.files["file-0"].splitlines()
    assert json.loads(line) == {
        "custom_id": key(0),
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {
            "model": "m",
            "messages": [{"role": "user", "content": "0"}],
            "max_tokens": 50,
            "temperature": 0.0,
            "seed": 7,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": SCHEMA, "strict": False},
            },
        },
    }
    [batch] = server.batches.values()
    assert batch["endpoint"] == "/v1/chat/completions"
    assert batch["completion_window"] == "24h"


def test_what_does_not_fit_into_a_file_is_asked_by_the_next_batch(tmp_path, limits):
    with BatchServer() as server:
        label(tmp_path / "one", server.base_url, 1)
        size = len(server.files["file-0"])
        limits(MAX_BYTES=2 * size)
        assert label(tmp_path / "a", server.base_url, 4)[0] == texts(4)
        limits(MAX_BYTES=2 * size - 1)
        assert label(tmp_path / "b", server.base_url, 2)[0] == texts(2)
        limits(MAX_BYTES=10**6, MAX_REQUESTS=3)
        assert label(tmp_path / "c", server.base_url, 5)[0] == texts(5)
        limits(MAX_BYTES=size - 1)
        said, _ = label(tmp_path / "d", server.base_url, 3)
    asked = [text for text in server.files.values() if b'"method"' in text]
    assert [len(text.splitlines()) for text in asked] == [1, 2, 2, 1, 1, 3, 2]
    assert all("more than a batch takes" in str(each) for each in said)


def test_equal_requests_are_written_once(tmp_path):
    with (
        Ledger(tmp_path / "teacher.sqlite") as ledger,
        BatchAsker(ledger, Budget(), tmp_path / "batches", None) as teacher,
    ):
        for number in (1, 2, 1):
            with pytest.raises(PendingError):
                asyncio.run(teacher.ask(request(number)))
        with pytest.raises(ToolError, match="2 requests wait"):
            teacher.run(print)
    assert list(read_state(tmp_path / "batches").asked) == [key(1), key(2)]


def test_a_line_that_failed_is_told_with_its_words_and_asked_by_the_next_run(tmp_path):
    answers = {"4": (400, {"error": {"message": "too long"}}), "5": (200, {"x": 1})}

    def answer(body):
        return answers.get(body["messages"][-1]["content"]) or echo(body)

    with BatchServer(answer=answer) as server:
        said, teacher = label(tmp_path, server.base_url, 12)
        assert str(said[4]) == "HTTP 400: too long"
        assert "no choices" in str(said[5])
        assert said[:4] + said[6:] == texts(4) + texts(12)[6:]
        assert teacher.counts.failed == 2
        answers.clear()
        assert label(tmp_path, server.base_url, 12)[0] == texts(12)
    asked = [file for file in server.files.values() if b'"method"' in file]
    assert [len(file.splitlines()) for file in asked] == [12, 1, 1, 2]


@pytest.mark.parametrize(
    ("code", "body"),
    [
        (429, {"error": {"message": "slow down"}}),
        (500, "upstream lost"),
        (200, {"error": {"message": "upstream lost", "code": 502}}),
        (200, reply("{", "insufficient_system_resource")),
        (200, reply("", None)),
    ],
)
def test_a_line_whose_failure_may_pass_is_asked_by_the_next_batch(tmp_path, code, body):
    seen = Counter()

    def answer(asked):
        number = asked["messages"][-1]["content"]
        seen[number] += 1
        return (code, body) if number == "2" and seen[number] < 3 else echo(asked)

    with BatchServer(answer=answer) as server:
        said, teacher = label(tmp_path, server.base_url, 4)
        assert len(server.batches) == 3
    assert said == texts(4)
    assert teacher.counts.failed == 0


def test_a_line_that_says_that_nothing_is_paid_ends_the_run(tmp_path, limits):
    limits(MAX_REQUESTS=3)
    refusal = 402, {"error": {"message": "Insufficient Balance"}}

    def answer(asked):
        return echo(asked) if asked["messages"][-1]["content"] == "0" else refusal

    with BatchServer(answer=answer) as server:
        with pytest.raises(ToolError, match="HTTP 402: Insufficient Balance"):
            label(tmp_path, server.base_url, 9)
        assert len(server.batches) == 1
    assert known(tmp_path) == [0]


def test_a_service_that_refuses_a_parameter_before_it_asks_gets_another_batch(tmp_path):
    class Picky(BatchServer):
        def _end(self, batch, state):
            has_seed = b'"seed"' in self.files[batch["input_file_id"]]
            super()._end(batch, "failed" if has_seed else state)
            for each in batch.get("errors", {}).get("data", ()):
                each["message"] = "unknown parameter: seed"

    with Picky() as server:
        assert label(tmp_path, server.base_url, 5)[0] == texts(5)
        assert len(server.batches) == 2


def test_what_a_model_refuses_is_left_out_of_the_next_batch(tmp_path):
    def answer(body):
        for name in ("max_tokens", "temperature", "seed"):
            if name in body:
                words = f"unsupported: {name}; use max_completion_tokens"
                return 400, {"error": {"message": words if "x" in name else name}}
        return echo(body)

    with BatchServer(answer=answer) as server:
        said, teacher = label(tmp_path, server.base_url, 5)
        assert len(server.batches) == 4
    assert said == texts(5)
    assert teacher.counts.asked == 5
    assert teacher.counts.failed == 0


@pytest.mark.parametrize(
    ("state", "left", "words"),
    [
        ("expired", 1.0, "batch-0 is expired: 0 of its requests"),
        ("cancelled", 0.5, "batch-0 is cancelled: 5 of its requests"),
        ("failed", 0.0, r"batch-0 is failed \(line 1 is bad\): 0 of its requests"),
    ],
)
def test_a_batch_that_did_not_end_well_is_told_and_the_rest_is_asked_by_the_next_run(
    tmp_path, state, left, words
):
    with BatchServer(ends={0: state}, left=left) as server:
        with pytest.raises(ToolError, match=words):
            label(tmp_path, server.base_url, 10)
        assert label(tmp_path, server.base_url, 10)[0] == texts(10)
        assert max(server.paid.values()) == 1


def test_what_did_not_come_in_time_is_asked_again(tmp_path):
    with BatchServer(ends={0: "expired"}) as server:
        assert label(tmp_path, server.base_url, 10)[0] == texts(10)
        assert len(server.batches) == 2
        assert max(server.paid.values()) == 1


ODD = [
    b"<html>one moment</html>",
    b"null",
    b"[]",
    b'{"id": null}',
    b'{"id": "b',
    b"[" * 50_000,
    b'{"error": {"message": "busy", "code": 502}}',
]


@pytest.mark.parametrize(
    "odd",
    [
        *(
            {"odd": (call, said)}
            for call in ("POST /v1/files", "POST /v1/batches", "GET /v1/batches/")
            for said in ODD
        ),
        *(
            {"odd": ("/batches?", said), "on_batch": iter([False, True]).__next__}
            for said in (b"null", b'{"data": [null], "has_more": true}')
        ),
        {"changes": lambda batch: batch.update(request_counts="3 of 5")},
        {"changes": lambda batch: batch.update(request_counts={"completed": "3"})},
        {"changes": lambda batch: batch.update(errors={"data": [None, {}]})},
        {"changes": lambda batch: batch.update(errors="none")},
        {"changes": lambda batch: batch.update(status=batch["status"].upper())},
        {
            "changes": lambda batch: (
                batch["looks"] == 1 and batch.update(status="queued")
            )
        },
        {"changes": lambda batch: batch["looks"] == 1 and batch.update(status=None)},
        {"spoils": lambda content: b"\xef\xbb\xbf" + content},
        {"spoils": lambda content: content.replace(b"200,", b'"200",')},
        {"spoils": lambda content: content.replace(b"200,", b"201,")},
        {"spoils": lambda content: content.replace(b'"said', b'"said\\ud800')},
        {"spoils": lambda content: content.replace(b'"said', b'"said\xff')},
        {"spoils": lambda content: content.replace(b"30,", b"NaN,")},
    ],
)
def test_odd_replies_of_a_service_lose_no_batch(tmp_path, odd):
    with BatchServer(**odd) as server:
        said, _ = label(tmp_path, server.base_url, 5)
        assert len(server.batches) <= 2
        assert set(server.paid.values()) == {1}
    plain = [re.sub(r"[?\ufffd]", "", text) for text in said]
    assert plain == texts(5)


@pytest.mark.parametrize("call", ["POST /v1/files", "POST /v1/batches", "GET "])
@pytest.mark.parametrize("code", [429, 500])
def test_a_failure_that_may_pass_is_repeated(tmp_path, call, code):
    with BatchServer() as server:
        server.failures += [(call, code)] * 2
        assert label(tmp_path, server.base_url, 10)[0] == texts(10)
        assert server.failures == []


@pytest.mark.parametrize(
    "call", ["POST /v1/files", "POST /v1/batches", "GET /v1/batches/", "GET /v1/files"]
)
@pytest.mark.parametrize("code", [401, 307])
def test_the_next_run_goes_on_where_a_service_gave_up(tmp_path, call, code):
    with BatchServer() as server:
        server.failures.append((call, code))
        with pytest.raises(
            ToolError, match=rf"127\.0\.0\.1 did not .*{code}: not now"
        ) as e:
            label(tmp_path, server.base_url, 10)
        assert "sk-0123456789" not in str(e.value)
        assert not any("elsewhere" in call for call in server.calls)
        assert label(tmp_path, server.base_url, 10)[0] == texts(10)
        assert len(server.batches) == 1


@pytest.mark.parametrize(
    ("limit", "value", "words"),
    [
        ("MAX_REPLY_BYTES", 9, "more than 9 bytes"),
        ("MAX_FILE_BYTES", 999, "more than 999 bytes"),
        ("MAX_FILE_S", 0, "not complete within 0 s"),
    ],
)
def test_what_a_service_sends_is_bounded(tmp_path, monkeypatch, limit, value, words):
    with BatchServer() as server:
        with monkeypatch.context() as patched:
            patched.setattr(f"diffscribe.doors.batches.{limit}", value)
            with pytest.raises(ToolError, match=words):
                label(tmp_path, server.base_url, 10)
        assert label(tmp_path, server.base_url, 10)[0] == texts(10)


def test_only_the_owner_reads_what_was_asked_and_answered(tmp_path):
    def modes():
        for path in tmp_path.rglob("*"):
            if path.is_file() and path.stat().st_size:
                seen[path.name] = path.stat().st_mode & 0o777
        return True

    seen: dict[str, int] = {}
    with BatchServer(on_batch=modes) as server:
        label(tmp_path, server.base_url, 10)
    modes()
    names = {"requests.jsonl", "state.json", "teacher.sqlite"}
    assert set(seen) >= names
    assert set(seen.values()) == {0o600}


@pytest.mark.parametrize("lists_after_s", [0.0, 0.15])
@pytest.mark.parametrize("is_killed", [False, True])
def test_a_batch_is_not_made_twice_if_nobody_hears_that_it_was_made(
    tmp_path, lists_after_s, is_killed
):
    def on_batch():
        if is_killed:
            os.kill(run.pid, signal.SIGKILL)
        return False

    with BatchServer(lists_after_s=lists_after_s, on_batch=on_batch) as server:
        if is_killed:
            run = fork.Process(target=run_to_the_end, args=(tmp_path, server.base_url))
            run.start()
            run.join()
            assert run.exitcode == -signal.SIGKILL
        assert label(tmp_path, server.base_url, 60)[0] == texts(60)
        assert len(server.batches) == 1
        assert set(server.paid.values()) == {1}


def run_to_the_end(tmp_path, base_url):
    label(tmp_path, base_url, 60)
    os._exit(0)


def kills_until_done(tmp_path, base_url, draw):
    """Kill run after run at random moments until one ends; return how many."""
    kills = 0
    while True:
        run = fork.Process(target=run_to_the_end, args=(tmp_path, base_url))
        run.start()
        # Later and later, so that a busy machine gets to the end as well.
        run.join(draw.uniform(0.02, 0.5) * (1 + kills / 10))
        if run.exitcode == 0:
            return kills
        os.kill(run.pid, signal.SIGKILL)
        run.join()
        kills += 1


@pytest.mark.slow
def test_kills_at_any_moment_lose_nothing_and_pay_nothing_twice(tmp_path, limits):
    import openai  # noqa: F401  so that each process is at its work at once

    limits(MAX_REQUESTS=20)
    draw, kills, rounds = random.Random(7), 0, 0
    while kills < 20:
        rounds += 1
        folder = tmp_path / str(rounds)
        with BatchServer(looks=6, lists_after_s=0.1) as server:
            kills += kills_until_done(folder, server.base_url, draw)
            assert label(folder, server.base_url, 60)[0] == texts(60)
            assert set(server.paid.values()) == {1}
            assert len(server.paid) == 60
            assert len(server.batches) == 3


def test_a_second_process_is_kept_out(tmp_path):
    words = "another run works on it"
    with Ledger(tmp_path / "teacher.sqlite") as ledger:
        folder = tmp_path / "batches"
        with BatchAsker(ledger, Budget(), folder, None):
            with pytest.raises(StorageError, match=words):
                BatchAsker(ledger, Budget(), folder, None)
            with pytest.raises(StorageError, match=words):
                forget_requests(folder, GONE, set())
        hold(folder).close()


def offline(tmp_path, count, change=lambda lines: None):
    """Write requests, and beside them what `vllm run-batch` writes."""
    with pytest.raises(ToolError, match=r"requests wait .*run-batch -i \S+\.jsonl"):
        label(tmp_path, None, count)
    lines = []
    for line in map(json.loads, (tmp_path / "batches/requests.jsonl").open()):
        code, body = echo(line["body"])
        said = {"status_code": code, "request_id": "vllm-batch-1", "body": body}
        named = {"id": "vllm-1", "custom_id": line["custom_id"], "error": None}
        lines.append({**named, "response": said})
    change(lines)
    text = "".join(
        (each if isinstance(each, str) else json.dumps(each)) + "\n" for each in lines
    )
    (tmp_path / "batches/answers.jsonl").write_text(text)


def test_files_that_are_answered_offline_are_read(tmp_path):
    offline(tmp_path, 15, lambda lines: lines.pop(12))
    said, teacher = label(tmp_path, None, 15)
    assert said[:12] + said[13:] == texts(12) + texts(15)[13:]
    assert str(said[12]) == "the batch ended without an answer"
    assert teacher.counts.known == 14
    assert left(tmp_path) == []


@pytest.mark.parametrize("line", ['{"custom_id": "a', '{"id": 1}', "\0", ""])
def test_a_line_that_is_no_answer_is_one_failure_and_the_rest_is_kept(tmp_path, line):
    def spoil(lines):
        lines[3] = line

    offline(tmp_path, 6, spoil)
    said, teacher = label(tmp_path, None, 6)
    assert said[:3] + said[4:] == texts(3) + texts(6)[4:]
    words = "the batch ended without an answer; 1 lines of its file are none"
    assert str(said[3]) == words
    assert teacher.counts.failed == 1
    assert left(tmp_path) == []


def test_an_odd_body_costs_no_answer_of_its_file(tmp_path):
    def spoil(lines):
        lines[1]["response"]["body"]["usage"]["prompt_tokens"] = 10**30
        lines[3]["response"]["body"] = 10**30

    offline(tmp_path, 5, spoil)
    said, _ = label(tmp_path, None, 5)
    assert [*said[:3], said[4]] == [*texts(3), texts(5)[4]]
    assert str(said[3]) == "the answer is not a chat completion"


def test_answers_that_nobody_asked_for_are_left_alone(tmp_path):
    offline(tmp_path, 2, lambda lines: lines.append(lines[0] | {"custom_id": "0" * 64}))
    label(tmp_path, None, 2)
    with Ledger(tmp_path / "teacher.sqlite") as ledger:
        assert ledger.get("0" * 64) is None
        answer = ledger.get(key(0))
    assert answer == Answer("said 0", TokenUsage(30, 20, 10, 4), 0.0, "stop")


def test_an_answer_of_vllm_that_failed_has_its_words(tmp_path):
    file = tmp_path / "answers.jsonl"
    failed = {"object": "error", "message": "too long", "type": "Bad", "code": 400}
    lines = [
        {"custom_id": "a", "response": {"status_code": 400}, "error": failed},
        {"custom_id": "b", "response": None, "error": "broken"},
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    said = [(key, error.code, error.words) for key, error in read_answers(file)]
    assert said == [("a", 400, "too long"), ("b", 0, "broken")]


def test_a_budget_holds_and_all_that_was_answered_is_kept(tmp_path):
    budget = Budget(PRICES, max_tokens=2000)
    with BatchServer() as server:
        with pytest.raises(BudgetError, match="all kept"):
            label(tmp_path, server.base_url, 100, budget)
        most = Budget(max_tokens=1).most(request(1)).tokens
        answered = server.paid.total()
        assert 2000 - most < answered * 40 <= 2000
        assert len(server.batches) > 1
        assert answered == budget.bill.answers
    assert len(known(tmp_path, 100)) == answered


def written(tmp_path):
    """All bytes of the folder and of the ledger."""
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    return b"".join(path.read_bytes() for path in files)


def test_a_forgotten_repository_loses_requests_and_answers_that_wait(tmp_path):
    offline(tmp_path, 10, lambda lines: lines.append('{"custom_id": "' + key(1)))
    (tmp_path / "batches/.state.json.partial").write_text(GONE)
    gone = forget_requests(tmp_path / "batches", GONE, {key(3)})
    assert gone.keys == {key(n) for n in range(10) if n % 3 or n == 3}
    assert gone.ids == ()
    assert GONE.encode() not in written(tmp_path)
    assert not any(each.encode() in written(tmp_path) for each in gone.keys)
    with (
        Ledger(tmp_path / "teacher.sqlite") as ledger,
        BatchAsker(ledger, Budget(), tmp_path / "batches", None) as teacher,
    ):
        teacher.run(print)
    assert known(tmp_path) == [0, 6, 9]


def test_answers_to_what_was_sent_and_forgotten_are_ignored_when_they_come(tmp_path):
    with BatchServer() as server:
        server.failures.append(("GET /v1/batches/", 401))
        with pytest.raises(ToolError, match="401"):
            label(tmp_path, server.base_url, 10)
        gone = forget_requests(tmp_path / "batches", GONE, set())
        assert gone.ids == ("file-0", "batch-0")
        label(tmp_path, server.base_url, 0)
        assert len(server.batches) == 1
        assert server.paid.total() == 10, "the service answered all of them"
    assert known(tmp_path) == [0, 3, 6, 9]
    assert GONE.encode() not in written(tmp_path)


def test_a_batch_of_a_forgotten_repository_goes_with_what_a_kill_left(tmp_path):
    offline(tmp_path, 3)
    forget_requests(tmp_path / "batches", GONE, {key(0)})
    assert left(tmp_path) == []
    (tmp_path / "batches/requests.jsonl").write_text(GONE)
    forget_requests(tmp_path / "batches", GONE, set())
    assert left(tmp_path) == []
