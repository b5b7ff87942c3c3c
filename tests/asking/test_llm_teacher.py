import json
import sqlite3
import time
from contextlib import closing
from datetime import date

import pytest
from tests.support.fault_server import Fault, FaultServer

from diffscribe.asking.ask import Counts, Teacher, in_order
from diffscribe.asking.budget import Budget, Price
from diffscribe.asking.ledger import Ledger
from diffscribe.core.errors import BudgetError, ParamsError, ToolError
from diffscribe.core.records import Message
from diffscribe.doors.endpoint import Endpoint, Limiter
from diffscribe.doors.reply import AnswerError, Request, TokenUsage, request_key

PRICE = Price("m", date(2026, 11, 1), prompt=1000.0, cached=500.0, completion=4000.0)
ANSWER_USD = (10 * 1000 + 20 * 500 + 10 * 4000) / 1e6
"""What the server's 30 prompt tokens, 20 of them cached, and 10 others cost."""


def request(words, **changes):
    messages = (Message(role="user", content=str(words)),)
    asked = Request("m", messages, None, max_tokens=50, temperature=0.0, seed=7)
    return asked._replace(**changes)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "teacher.sqlite"


def label(path, base_url, requests, budget=None, slots=16, window=64):
    """Return the texts of the answers, as a stage asks for them, and the teacher."""
    endpoint = Endpoint(
        base_url, api_key="k", timeout_s=5, attempts=2, limiter=Limiter(slots)
    )
    with Ledger(path) as ledger:
        teacher = Teacher(endpoint, ledger, budget or Budget())

        async def text(request):
            try:
                return (await teacher.ask(request)).text
            except AnswerError as error:
                return error

        async def close():
            await teacher.close()
            await endpoint.close()

        asked = in_order(text, requests, window, close)
        with closing(asked):
            return list(asked), teacher


def kept(path):
    with closing(sqlite3.connect(path)) as database:
        return database.execute("SELECT count(*) FROM answers").fetchone()[0]


def words(server):
    return sorted(int(each.body["messages"][-1]["content"]) for each in server.received)


def test_what_was_answered_is_not_asked_again(path):
    with FaultServer() as server:
        first, teacher = label(path, server.base_url, map(request, range(100)))
        assert teacher.counts == Counts(known=0, asked=100, shared=0, failed=0)
        again, teacher = label(path, server.base_url, map(request, range(120)))
        assert teacher.counts == Counts(known=100, asked=20, shared=0, failed=0)
        assert words(server) == list(range(120))
    assert first == [json.dumps({"said": str(n)}) for n in range(100)]
    assert again[:100] == first


@pytest.mark.parametrize(
    "change",
    [
        {"model": "other"},
        {"seed": 8},
        {"temperature": 0.1},
        {"max_tokens": 51},
        {"schema": {"type": "object"}},
    ],
)
def test_what_was_asked_in_another_way_is_asked(path, change):
    with FaultServer() as server:
        label(path, server.base_url, [request(1)])
        _, teacher = label(path, server.base_url, [request(1, **change)])
        assert teacher.counts.asked == 1


def test_equal_requests_that_are_open_at_once_are_asked_once(path):
    with FaultServer(latency_s=0.05) as server:
        rows = [request(n % 3) for n in range(30)]
        said, teacher = label(path, server.base_url, rows)
        assert words(server) == [0, 1, 2]
    assert [json.loads(text)["said"] for text in said] == ["0", "1", "2"] * 10
    assert teacher.counts.asked == 3
    assert teacher.counts.known + teacher.counts.shared == 27


def test_the_answers_that_rows_get_cost_the_same_in_every_run(path):
    prices = (PRICE,)
    with FaultServer(latency_s=0.01) as server:
        rows = [request(n % 7) for n in range(40)]
        _, first = label(path, server.base_url, rows, Budget(prices))
        _, again = label(path, server.base_url, rows, Budget(prices))
    assert first.used.usage == again.used.usage == TokenUsage(1200, 800, 400, 160)
    assert first.used.usd == again.used.usd == pytest.approx(40 * ANSWER_USD)
    assert again.line() == "40 known, 0 asked, 0 failed: 0 tokens, $0.0000"


def test_the_line_tells_what_this_run_spent(path):
    with FaultServer() as server:
        _, teacher = label(
            path, server.base_url, map(request, range(5)), Budget((PRICE,))
        )
    assert teacher.line() == "0 known, 5 asked, 0 failed: 200 tokens, $0.3000"


def test_a_request_without_an_answer_fails_alone_and_is_asked_by_the_next_run(path):
    with FaultServer() as server:
        server.then(*[None] * 5, Fault.TRUNCATED, Fault.TRUNCATED)
        said, teacher = label(path, server.base_url, map(request, range(9)), window=1)
        assert [isinstance(each, AnswerError) for each in said].index(True) == 5
        assert teacher.counts == Counts(known=0, asked=8, shared=0, failed=1)
        _, teacher = label(path, server.base_url, map(request, range(9)))
    assert teacher.counts == Counts(known=8, asked=1, shared=0, failed=0)


def test_an_endpoint_that_cannot_be_used_ends_all_and_keeps_what_was_answered(path):
    with FaultServer(refuses=lambda body: None) as server:
        label(path, server.base_url, map(request, range(5)))
    with pytest.raises(ToolError, match="cannot be reached"):
        label(path, server.base_url, map(request, range(9)))
    assert kept(path) == 5


@pytest.mark.parametrize(
    "limits",
    [{"max_tokens": 6000}, {"max_usd": 6.0}, {"max_usd": 6, "max_tokens": 9000}],
)
@pytest.mark.parametrize("slots", [1, 16])
def test_a_budget_is_never_exceeded_and_all_that_was_answered_is_kept(
    path, limits, slots
):
    budget = Budget((PRICE,), **limits)
    with FaultServer(latency_s=0.005) as server:
        with pytest.raises(BudgetError, match="all kept; run again") as stop:
            label(path, server.base_url, map(request, range(500)), budget, slots)
        answered = len(server.received)
        assert server.done == {"answered": answered}
    assert kept(path) == answered == budget.bill.answers
    spent = answered * (40 if "max_tokens" in limits and len(limits) == 1 else 0.06)
    limit = limits.get("max_usd", limits.get("max_tokens"))
    most = Budget((PRICE,), **limits).most(request(499))
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
                label(path, server.base_url, map(request, range(200)), budget)
            except BudgetError:
                assert budget.bill.answers > 0
            asked = words(server)
    assert asked == list(range(200))
    assert runs == 3


def test_known_answers_cost_no_budget(path):
    with FaultServer() as server:
        label(path, server.base_url, map(request, range(50)))
        budget = Budget(max_tokens=0)
        _, teacher = label(path, server.base_url, map(request, range(50)), budget)
        assert teacher.counts.known == 50
        with pytest.raises(BudgetError, match="0 tokens went to 0 answers"):
            label(path, server.base_url, map(request, range(51)), budget)


def test_a_budget_in_dollars_needs_a_price_before_anything_is_sent(path):
    with FaultServer() as server:
        with pytest.raises(ParamsError, match=r"no price of 'm' is known"):
            label(path, server.base_url, [request(1)], Budget(max_usd=1.0))
        assert server.received == []


def test_answers_without_counts_are_charged_with_the_most_they_can_cost(path, endpoint):
    for number in range(9):
        endpoint.will_send(
            200, json.dumps({"choices": [{"message": {"content": str(number)}}]})
        )
    budget = Budget(max_tokens=2500)
    with pytest.raises(BudgetError):
        label(path, endpoint.base_url, map(request, range(9)), budget, slots=1)
    most = Budget(max_tokens=2500).most(request(1)).tokens
    assert kept(path) == budget.bill.uncounted == 2500 // most


def test_a_failed_request_gives_its_share_of_the_budget_back(path):
    budget = Budget(max_tokens=700)
    with FaultServer() as server:
        server.then(None, *[Fault.TRUNCATED] * 6)
        said, _ = label(path, server.base_url, map(request, range(5)), budget, slots=1)
    assert [isinstance(each, AnswerError) for each in said].count(True) == 3


def test_two_teachers_share_a_budget(path):
    budget = Budget(max_tokens=4000)
    with FaultServer(latency_s=0.01) as server, Ledger(path) as ledger:
        endpoint = Endpoint(
            server.base_url, api_key="k", timeout_s=5, attempts=2, limiter=Limiter(8)
        )
        teachers = [Teacher(endpoint, ledger, budget) for _ in range(2)]

        async def ask(number):
            try:
                asked = request(number, seed=number % 2)
                await teachers[number % 2].ask(asked)
            except BudgetError:
                return 0
            return 40

        spent = list(in_order(ask, range(300), 300, endpoint.close))
    assert 4000 - 700 < sum(spent) <= 4000


def test_who_stops_listening_leaves_nothing_open_and_keeps_what_was_answered(path):
    with FaultServer(latency_s=0.02) as server, Ledger(path) as ledger:
        endpoint = Endpoint(
            server.base_url, api_key="k", timeout_s=5, attempts=2, limiter=Limiter(4)
        )
        teacher = Teacher(endpoint, ledger, Budget())

        async def close():
            await teacher.close()
            await endpoint.close()

        asked = in_order(teacher.ask, map(request, range(100)), 16, close)
        first = next(asked)
        asked.close()
        time.sleep(0.1)
        sent = len(server.received)
        assert sent < 12
        assert ledger.get(request_key(request(0))) == first
    assert 1 <= kept(path) <= sent
