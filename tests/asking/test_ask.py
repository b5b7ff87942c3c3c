import json
import multiprocessing
import os
import signal
import sqlite3
import time
from contextlib import closing, nullcontext

import pytest
from tests.support.fault_server import Fault, FaultServer
from tests.support.questions import HOST, question
from tests.support.waiting import wait_until

from diffscribe.asking.ask import FIRST_REFUSALS, ROWS_PER_SLOT, Asker, Counts
from diffscribe.asking.budget import Budget, Price
from diffscribe.asking.ledger import Ledger
from diffscribe.core.errors import BudgetError, ParamsError, ToolError
from diffscribe.doors.endpoint import Endpoint
from diffscribe.doors.failure import AnswerError
from diffscribe.doors.limiter import Limiter
from diffscribe.doors.reply import Answer, TokenUsage, question_key

fork = multiprocessing.get_context("fork")
PRICES = {"m": Price(prompt=1000.0, cached=500.0, completion=4000.0)}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "teacher.sqlite"


def asker_of(base_url, ledger, budget=None, slots=16, trace=None):
    async def open_endpoint():
        return Endpoint(
            base_url, api_key="k", timeout_s=60, attempts=2, limiter=Limiter(slots)
        )

    budget = budget or Budget()
    return Asker("m", HOST, open_endpoint, ledger, budget, slots=slots, trace=trace)


def ask(path, base_url, questions, budget=None, slots=16):
    """Return the texts of the answers or why there is none, and the asker."""
    with Ledger(path) as ledger:
        asker = asker_of(base_url, ledger, budget, slots)

        async def text(question):
            try:
                return (await asker.ask(question)).text
            except AnswerError as error:
                return error

        with closing(asker.in_order(text, questions)) as answers:
            return list(answers), asker


def kept(path):
    with closing(sqlite3.connect(path)) as database:
        return database.execute("SELECT count(*) FROM answers").fetchone()[0]


def words(server):
    return sorted(int(each.body["messages"][-1]["content"]) for each in server.received)


def test_what_was_answered_is_not_asked_again(path):
    with FaultServer() as server:
        first, asker = ask(path, server.base_url, map(question, range(100)))
        assert asker.counts == Counts(known=0, asked=100, shared=0, failed=0)
        again, asker = ask(path, server.base_url, map(question, range(120)))
        assert asker.counts == Counts(known=100, asked=20, shared=0, failed=0)
        assert words(server) == list(range(120))
    assert first == [json.dumps({"said": str(n)}) for n in range(100)]
    assert again[:100] == first


def test_equal_requests_that_are_open_at_once_are_asked_once(path):
    with FaultServer(latency_s=0.05) as server:
        rows = [question(n % 3) for n in range(30)]
        said, asker = ask(path, server.base_url, rows)
        assert words(server) == [0, 1, 2]
    assert [json.loads(text)["said"] for text in said] == ["0", "1", "2"] * 10
    assert asker.counts.asked == 3
    assert asker.counts.known + asker.counts.shared == 27


def test_the_line_tells_what_this_run_spent(path):
    with FaultServer() as server:
        _, asker = ask(path, server.base_url, map(question, range(5)), Budget(PRICES))
    assert asker.line() == "0 known, 5 asked, 0 failed: 200 tokens, $0.3000"


def test_a_question_without_an_answer_is_not_kept_and_asked_by_the_next_run(path):
    with FaultServer().then(Fault.TRUNCATED, Fault.TRUNCATED) as server:
        [error], asker = ask(path, server.base_url, [question(5)])
        assert "not a chat completion" in str(error)
        assert asker.counts == Counts(known=0, asked=0, shared=0, failed=1)
        _, asker = ask(path, server.base_url, map(question, range(9)))
        assert asker.counts == Counts(known=0, asked=9, shared=0, failed=0)
        assert kept(path) == 9


@pytest.mark.parametrize(
    ("answered", "words", "asks", "is_told"),
    [
        (0, "something odd", FIRST_REFUSALS, True),
        (1, "something odd", 30, False),
        (0, "the prompt is too long", 30, False),
    ],
)
def test_a_refusal_costs_its_row_unless_the_first_of_all_are_refused(
    path, answered, words, asks, is_told
):
    with FaultServer() as server:
        ask(path, server.base_url, map(question, range(answered)))
    with FaultServer(refuses=lambda body: words) as server:
        rows = map(question, range(answered + 30))
        if is_told:
            with pytest.raises(ToolError, match=f"{words}; the first {asks} questions"):
                ask(path, server.base_url, rows)
        else:
            said, asker = ask(path, server.base_url, rows)
            assert [str(each) for each in said[answered:]] == [
                f"HTTP 400: {words}"
            ] * 30
            assert asker.counts.failed == 30
        # One more may be on its way when the last of them is refused.
        assert len(server.received) in (asks, asks + is_told)


def test_a_failure_that_an_earlier_version_kept_is_no_answer(path):
    failures = [("error", "{"), ("insufficient_system_resource", "{"), ("", "")]
    with Ledger(path) as ledger:
        for number, (reason, text) in enumerate(failures):
            old = Answer(text, TokenUsage(1, 0, 1, 0), 0.0, reason)
            ledger.put(
                question_key(question(number)), "m", old, about="x", private=False
            )
    with FaultServer() as server:
        for asked in (3, 0):
            said, asker = ask(path, server.base_url, map(question, range(3)))
            assert asker.counts.asked == asked
    assert said == [json.dumps({"said": str(n)}) for n in range(3)]
    assert kept(path) == 3


def test_an_endpoint_that_cannot_be_used_ends_all_and_keeps_what_was_answered(path):
    with FaultServer(refuses=lambda body: None) as server:
        ask(path, server.base_url, map(question, range(5)))
    with pytest.raises(ToolError, match="cannot be reached"):
        ask(path, server.base_url, map(question, range(9)))
    assert kept(path) == 5


@pytest.mark.parametrize(
    "limits",
    [{"max_tokens": 6000}, {"max_usd": 6.0}, {"max_usd": 6, "max_tokens": 9000}],
)
@pytest.mark.parametrize("slots", [1, 16])
def test_a_budget_is_never_exceeded_and_all_that_was_answered_is_kept(
    path, limits, slots
):
    budget = Budget(PRICES, **limits)
    with FaultServer(latency_s=0.005) as server:
        with pytest.raises(BudgetError, match="all kept; run again") as stop:
            ask(path, server.base_url, map(question, range(500)), budget, slots)
        answered = len(server.received)
        assert server.done == {"answered": answered}
    assert kept(path) == answered == budget.bill.answers
    spent = answered * (40 if "max_tokens" in limits and len(limits) == 1 else 0.06)
    limit = limits.get("max_usd", limits.get("max_tokens"))
    most = Budget(PRICES, **limits).most(question(499))
    worst = most.usd if "max_usd" in limits else most.tokens
    assert limit - worst < spent <= limit
    assert f"went to {answered:,} answers" in str(stop.value)


def test_the_next_run_goes_on_where_the_budget_ended(path):
    asked, runs = [], 0
    with FaultServer() as server:
        while len(asked) < 200:
            runs += 1
            budget = Budget(max_tokens=4000)
            try:
                ask(path, server.base_url, map(question, range(200)), budget)
            except BudgetError:
                assert budget.bill.answers > 0
            asked = words(server)
    assert asked == list(range(200))
    assert runs == 3


def test_known_answers_cost_no_budget(path):
    with FaultServer() as server:
        ask(path, server.base_url, map(question, range(50)))
        budget = Budget(max_tokens=0)
        _, asker = ask(path, server.base_url, map(question, range(50)), budget)
        assert asker.counts.known == 50
        with pytest.raises(BudgetError, match="0 tokens went to 0 answers"):
            ask(path, server.base_url, map(question, range(51)), budget)


def test_a_budget_in_dollars_needs_a_price_before_anything_is_sent(path):
    with FaultServer() as server:
        with pytest.raises(ParamsError, match=r"no price of 'm' is known"):
            ask(path, server.base_url, [question(1)], Budget(max_usd=1.0))
        assert server.received == []


def test_answers_without_counts_are_charged_with_the_most_they_can_cost(path, endpoint):
    for number in range(9):
        endpoint.will_send(
            200, json.dumps({"choices": [{"message": {"content": str(number)}}]})
        )
    budget = Budget(max_tokens=2500)
    with pytest.raises(BudgetError):
        ask(path, endpoint.base_url, map(question, range(9)), budget, slots=1)
    most = Budget(max_tokens=2500).most(question(1)).tokens
    assert kept(path) == budget.bill.uncounted == 2500 // most


def test_a_failed_request_gives_its_share_of_the_budget_back(path):
    budget = Budget(max_tokens=700)
    with FaultServer() as server:
        server.then(None, *[Fault.TRUNCATED] * 6)
        said, _ = ask(path, server.base_url, map(question, range(5)), budget, slots=1)
    assert [isinstance(each, AnswerError) for each in said].count(True) == 3


def test_a_caller_that_stops_leaves_nothing_open_and_keeps_what_was_answered(path):
    with FaultServer(latency_s=0.02) as server, Ledger(path) as ledger:
        asker = asker_of(server.base_url, ledger, slots=4)
        answers = asker.in_order(asker.ask, map(question, range(100)))
        first = next(answers)
        answers.close()
        time.sleep(0.1)
        sent = len(server.received)
        assert sent < 12
        assert first.key == question_key(question(0))
        assert ledger.get(first.key).text == first.text
    assert 1 <= kept(path) <= sent


def test_an_asker_may_be_used_on_one_loop_after_another(path):
    with FaultServer() as server, Ledger(path) as ledger:
        asker = asker_of(server.base_url, ledger)
        for start in (0, 5):
            rows = map(question, range(start, start + 5))
            assert len(list(asker.in_order(asker.ask, rows))) == 5


def test_an_answer_whose_trace_fails_is_kept(path):
    def fail(answer):
        raise RuntimeError("the trace cannot be written")

    with FaultServer() as server:
        with Ledger(path) as ledger:
            asker = asker_of(
                server.base_url, ledger, trace=lambda question: nullcontext(fail)
            )
            with pytest.raises(RuntimeError, match="trace"):
                list(asker.in_order(asker.ask, [question(1)]))
        said, _ = ask(path, server.base_url, [question(1)])
        assert len(server.received) == 1
    assert len(said) == kept(path) == 1


def test_nothing_is_opened_where_the_ledger_knows_all(path):
    with FaultServer() as server:
        ask(path, server.base_url, map(question, range(5)))
    with Ledger(path) as ledger:
        asker = asker_of(server.base_url, ledger)
        assert len(list(asker.in_order(asker.ask, map(question, range(5))))) == 5
    assert asker.endpoint is None


def ask_all(path, base_url, count):
    said, asker = ask(path, base_url, map(question, range(count)), slots=4)
    assert said == [json.dumps({"said": str(n)}) for n in range(count)]
    assert asker.counts.known + asker.counts.asked == count
    os._exit(0)


@pytest.mark.slow
@pytest.mark.parametrize("is_killed", [False, True])
def test_two_processes_with_one_ledger_ask_nothing_twice(path, is_killed):
    with FaultServer(latency_s=0.02) as server:
        runs = [
            fork.Process(target=ask_all, args=(path, server.base_url, 120))
            for _ in range(2)
        ]
        for run in runs:
            run.start()
        wait_until(lambda: len(server.received) > 60)
        if is_killed:
            os.kill(runs[0].pid, signal.SIGKILL)
        for run in runs:
            run.join()
        asked = words(server)
    assert [run.exitcode for run in runs] == [-signal.SIGKILL * is_killed, 0]
    assert set(asked) == set(range(120))
    # What was open in the killed process, or waited for the disk, is asked again.
    assert len(asked) - 120 <= 4 * ROWS_PER_SLOT * is_killed
    assert kept(path) == 120
