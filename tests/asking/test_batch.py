import asyncio
import json
import multiprocessing
import os
import random
import signal
from datetime import date

import pytest
from tests.support.batch_server import BatchServer, echo
from tests.support.questions import question

from diffscribe.asking.batch import BatchAsker, PendingError
from diffscribe.asking.budget import Budget, Price
from diffscribe.asking.ledger import Ledger
from diffscribe.asking.parts import parts_in
from diffscribe.core.errors import BudgetError, RecordError, ToolError
from diffscribe.doors.batches import BatchService, read_answers
from diffscribe.doors.reply import Answer, AnswerError, TokenUsage, question_key

PRICE = Price("m", date(2026, 11, 1), prompt=1000.0, cached=500.0, completion=4000.0)
SCHEMA = {"type": "object"}
fork = multiprocessing.get_context("fork")


def request(words):
    return question(words, schema=SCHEMA)


def label(tmp_path, base_url, count, budget=None, **options):
    """Return text or error of each request, as a stage goes over its rows."""
    service = base_url and BatchService(
        *(base_url,),
        api_key="sk-0123456789",
        timeout_s=5,
        attempts=3,
        listed_within_s=0.2,
    )
    options = {"poll_s": 0.01, "max_requests": 10, **options}
    with (
        Ledger(tmp_path / "teacher.sqlite") as ledger,
        BatchAsker(
            ledger, budget or Budget(), tmp_path / "batches", service, **options
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


def texts(count):
    return [f"said {number}" for number in range(count)]


def left(tmp_path):
    return sorted(file.name for file in (tmp_path / "batches").iterdir())


def test_a_batch_brings_what_is_asked_and_the_next_run_asks_nothing(tmp_path):
    with BatchServer() as server:
        said, teacher = label(tmp_path, server.base_url, 25)
        assert said == texts(25)
        assert [len(server.files[f"file-{n}"].splitlines()) for n in range(3)] == [
            10,
            10,
            5,
        ]
        assert teacher.line() == "25 known, 25 asked, 0 failed: 1,000 tokens"
        calls = len(server.calls)
        said, teacher = label(tmp_path, server.base_url, 25)
        assert said == texts(25)
        assert teacher.counts.asked == 0
        assert len(server.calls) == calls
    assert left(tmp_path) == ["lock"]


def test_the_file_is_what_the_service_documents(tmp_path):
    with BatchServer() as server:
        label(tmp_path, server.base_url, 1)
    [line] = server.files["file-0"].splitlines()
    assert json.loads(line) == {
        "custom_id": question_key(request(0)),
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


def test_files_are_split_by_bytes_at_the_very_limit(tmp_path):
    with BatchServer() as server:
        label(tmp_path / "one", server.base_url, 1)
        size = len(server.files["file-0"])
        label(tmp_path / "fits", server.base_url, 4, max_bytes=2 * size)
        label(tmp_path / "splits", server.base_url, 4, max_bytes=2 * size - 1)
    asked = [text for text in server.files.values() if b'"method"' in text]
    assert [len(text.splitlines()) for text in asked] == [1, 2, 2, 1, 1, 1, 1]


def test_a_request_that_no_file_takes_fails_alone(tmp_path):
    with BatchServer() as server:
        said, _ = label(tmp_path, server.base_url, 3, max_bytes=100)
        assert all("more than a batch takes" in str(each) for each in said)
        assert server.calls == []


def test_equal_requests_are_written_once(tmp_path):
    with BatchServer() as server:
        with (
            Ledger(tmp_path / "teacher.sqlite") as ledger,
            BatchAsker(ledger, Budget(), tmp_path / "batches", None) as teacher,
        ):
            for number in (1, 2, 1):
                with pytest.raises(PendingError):
                    asyncio.run(teacher.ask(request(number)))
        label(tmp_path, server.base_url, 3)
        assert server.paid.total() == 3


def test_a_line_that_failed_is_told_with_its_words_and_asked_by_the_next_run(tmp_path):
    def answer(body):
        if body["messages"][-1]["content"] == "4":
            return 400, {"error": {"message": "too long"}}
        return echo(body)

    with BatchServer(answer=answer) as server:
        said, teacher = label(tmp_path, server.base_url, 12)
        assert str(said[4]) == "HTTP 400: too long"
        assert isinstance(said[4], AnswerError)
        assert said[:4] + said[5:] == texts(4) + texts(12)[5:]
        assert teacher.counts.failed == 1
        label(tmp_path, server.base_url, 12)
        assert [len(b["input_file_id"]) > 0 for b in server.batches.values()] == [
            True
        ] * 3
    assert server.paid.total() == 11


def test_a_200_that_holds_no_answer_is_a_failure(tmp_path):
    with BatchServer(answer=lambda body: (200, {"object": "list"})) as server:
        said, _ = label(tmp_path, server.base_url, 1)
    assert "no choices" in str(said[0])


def test_what_did_not_come_in_time_is_asked_again(tmp_path):
    with BatchServer(ends={0: "expired"}) as server:
        said, _ = label(tmp_path, server.base_url, 10)
        assert said == texts(10)
        assert len(server.batches) == 2
        assert max(server.paid.values()) == 1


def test_a_batch_that_only_expires_ends_the_run(tmp_path):
    with BatchServer(ends={0: "expired"}, left=1.0) as server:
        with pytest.raises(ToolError, match="batch-0 is expired: 0 of its requests"):
            label(tmp_path, server.base_url, 10)
        assert label(tmp_path, server.base_url, 10)[0] == texts(10)


def test_a_cancelled_batch_keeps_what_it_answered(tmp_path):
    with BatchServer(ends={0: "cancelled"}) as server:
        with pytest.raises(ToolError, match="batch-0 is cancelled: 5 of its"):
            label(tmp_path, server.base_url, 10)
        assert label(tmp_path, server.base_url, 10)[0] == texts(10)
        assert max(server.paid.values()) == 1


def test_a_refused_batch_says_why_and_is_written_anew_by_the_next_run(tmp_path):
    with BatchServer(ends={0: "failed"}) as server:
        with pytest.raises(ToolError, match="refused a batch: line 1 is bad"):
            label(tmp_path, server.base_url, 10)
        assert label(tmp_path, server.base_url, 10)[0] == texts(10)


def test_parts_wait_for_others_where_a_service_takes_only_so_much_at_once(tmp_path):
    with BatchServer(at_once=20) as server:
        assert label(tmp_path, server.base_url, 50)[0] == texts(50)
        assert max(server.paid.values()) == 1


def test_a_batch_that_is_too_much_alone_ends_the_run(tmp_path):
    with (
        BatchServer(at_once=5) as server,
        pytest.raises(ToolError, match="too much at once"),
    ):
        label(tmp_path, server.base_url, 10)


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
def test_the_next_run_goes_on_where_a_service_gave_up(tmp_path, call):
    with BatchServer() as server:
        server.failures.append((call, 401))
        with pytest.raises(
            ToolError, match=r"127\.0\.0\.1 did not .*401: not now"
        ) as e:
            label(tmp_path, server.base_url, 10)
        assert "sk-0123456789" not in str(e.value)
        assert label(tmp_path, server.base_url, 10)[0] == texts(10)
        assert len(server.batches) == 1


@pytest.mark.parametrize("lists_after_s", [0.0, 0.15])
def test_a_batch_is_not_made_twice_if_the_connection_is_lost_meanwhile(
    tmp_path, lists_after_s
):
    says = {"on_batch": lambda: len(server.batches) > 1}
    with BatchServer(lists_after_s=lists_after_s, **says) as server:
        assert label(tmp_path, server.base_url, 10)[0] == texts(10)
        assert len(server.batches) == 1


@pytest.mark.parametrize("lists_after_s", [0.0, 0.15])
def test_a_batch_is_not_made_twice_if_its_maker_is_killed_meanwhile(
    tmp_path, lists_after_s
):
    def kill_the_first():
        if len(server.batches) == 1:
            os.kill(run.pid, signal.SIGKILL)
        return len(server.batches) > 1

    with BatchServer(lists_after_s=lists_after_s, on_batch=kill_the_first) as server:
        run = fork.Process(target=run_to_the_end, args=(tmp_path, server.base_url))
        run.start()
        run.join()
        assert run.exitcode == -signal.SIGKILL
        assert label(tmp_path, server.base_url, 60)[0] == texts(60)
        assert len(server.batches) == 6
        assert set(server.paid.values()) == {1}


def test_a_batch_that_was_never_made_is_made_by_the_next_run(tmp_path):
    with BatchServer() as server:
        server.failures.append(("POST /v1/batches", 401))
        with pytest.raises(ToolError):
            label(tmp_path, server.base_url, 10)
        [part] = parts_in(tmp_path / "batches")
        assert part.sent().asked_at > 0
        assert label(tmp_path, server.base_url, 10)[0] == texts(10)
        assert len(server.files) == 2, "requests and answers"


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
def test_kills_at_any_moment_lose_nothing_and_pay_nothing_twice(tmp_path):
    import openai  # noqa: F401  so that each process is at its work at once

    draw, kills, rounds = random.Random(7), 0, 0
    while kills < 20:
        rounds += 1
        folder = tmp_path / str(rounds)
        with BatchServer(looks=6, lists_after_s=0.1) as server:
            kills += kills_until_done(folder, server.base_url, draw)
            assert label(folder, server.base_url, 60)[0] == texts(60)
            assert set(server.paid.values()) == {1}
            assert len(server.paid) == 60
            assert len(server.batches) == 6


def test_a_second_process_is_kept_out(tmp_path):
    with Ledger(tmp_path / "teacher.sqlite") as ledger:
        folder = tmp_path / "batches"
        with (
            BatchAsker(ledger, Budget(), folder, None),
            pytest.raises(ToolError, match="another process works on these batches"),
        ):
            BatchAsker(ledger, Budget(), folder, None)
        with BatchAsker(ledger, Budget(), folder, None):
            pass


def vllm_answers(requests, answers, skip=()):
    """Write what `vllm run-batch` writes."""
    with requests.open() as asked, answers.open("w") as out:
        for line in map(json.loads, asked):
            code, body = echo(line["body"])
            said = {"status_code": code, "request_id": "vllm-batch-1", "body": body}
            named = {"id": "vllm-1", "custom_id": line["custom_id"], "error": None}
            if line["body"]["messages"][-1]["content"] not in skip:
                out.write(json.dumps({**named, "response": said}) + "\n")


def test_files_that_are_answered_offline_are_read(tmp_path):
    with pytest.raises(ToolError, match=r"2 files wait .*vllm run-batch -i \S+\.jsonl"):
        label(tmp_path, None, 15)
    first, second = parts_in(tmp_path / "batches")
    vllm_answers(first.requests, first.answers)
    with pytest.raises(ToolError, match="1 files wait"):
        label(tmp_path, None, 15)
    vllm_answers(second.requests, second.answers, skip={"12"})
    said, teacher = label(tmp_path, None, 15)
    assert said[:12] + said[13:] == texts(12) + texts(15)[13:]
    assert str(said[12]) == "the batch ended without an answer"
    assert teacher.counts.known == 14
    assert left(tmp_path) == ["lock"]


def test_an_answer_of_vllm_that_failed_has_its_words(tmp_path):
    file = tmp_path / "answers.jsonl"
    failed = {"object": "error", "message": "too long", "type": "Bad", "code": 400}
    file.write_text(
        json.dumps(
            {"custom_id": "a", "response": {"status_code": 400}, "error": failed}
        )
        + "\n"
        + json.dumps({"custom_id": "b", "response": None, "error": "broken"})
        + "\n"
    )
    said = [(key, str(error)) for key, error in read_answers(file)]
    assert said == [("a", "HTTP 400: too long"), ("b", "broken")]


def test_an_odd_token_count_costs_no_answer_of_its_file(tmp_path):
    with pytest.raises(ToolError):
        label(tmp_path, None, 5)
    [part] = parts_in(tmp_path / "batches")
    vllm_answers(part.requests, part.answers)
    lines = [json.loads(line) for line in part.answers.read_text().splitlines()]
    lines[1]["response"]["body"]["usage"]["prompt_tokens"] = 10**30
    lines[3]["response"]["body"] = 10**30
    part.answers.write_text("".join(json.dumps(line) + "\n" for line in lines))
    said, _ = label(tmp_path, None, 5)
    assert [*said[:3], said[4]] == [*texts(3), texts(5)[4]]
    assert str(said[3]) == "the answer is not a chat completion"
    assert left(tmp_path) == ["lock"]


def test_a_file_of_other_things_is_refused_by_its_line(tmp_path):
    file = tmp_path / "answers.jsonl"
    file.write_text('{"custom_id": "a"}\n{"id": 1}\n')
    with pytest.raises(RecordError, match=r"answers\.jsonl:2: not an answer"):
        list(read_answers(file))


def test_answers_that_nobody_asked_for_are_left_alone(tmp_path):
    with pytest.raises(ToolError):
        label(tmp_path, None, 2)
    [part] = parts_in(tmp_path / "batches")
    vllm_answers(part.requests, part.answers)
    strange = part.answers.read_text().splitlines()[0]
    strange = strange.replace(question_key(request(0)), "0" * 64)
    part.answers.write_text(part.answers.read_text() + strange + "\n")
    label(tmp_path, None, 2)
    with Ledger(tmp_path / "teacher.sqlite") as ledger:
        assert ledger.get("0" * 64) is None
        answer = ledger.get(question_key(request(0)))
    assert answer == Answer("said 0", TokenUsage(30, 20, 10, 4), 0.0, "stop")


def test_a_budget_holds_and_what_it_leaves_out_comes_when_there_is_room(tmp_path):
    budget = Budget((PRICE,), max_tokens=2000)
    with BatchServer() as server:
        with pytest.raises(BudgetError, match="all kept"):
            label(tmp_path, server.base_url, 100, budget)
        most = Budget(max_tokens=1).most(request(1)).tokens
        answered = server.paid.total()
        assert 2000 - most < answered * 40 <= 2000
        assert len(server.batches) > 1
        assert answered == budget.bill.answers
    with Ledger(tmp_path / "teacher.sqlite") as ledger:
        known = [ledger.get(question_key(request(n))) for n in range(100)]
    assert sum(each is not None for each in known) == answered


def test_requests_are_on_the_disk_as_soon_as_their_file_is_full(tmp_path):
    with (
        Ledger(tmp_path / "teacher.sqlite") as ledger,
        BatchAsker(
            ledger, Budget(), tmp_path / "batches", None, max_requests=10
        ) as teacher,
    ):
        asyncio.run(ask_all(teacher, 95))
        assert len(parts_in(tmp_path / "batches")) == 9
