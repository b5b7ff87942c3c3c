import json
import logging
import time
import traceback
from collections import Counter
from email.utils import formatdate

import pytest
from tests.support.fault_server import TRANSIENT, Fault, FaultServer
from tests.support.questions import outgoing

from diffscribe.asking.ask import in_order
from diffscribe.core.errors import ToolError
from diffscribe.doors.dialect import Rung
from diffscribe.doors.endpoint import Endpoint, Endpoints
from diffscribe.doors.failure import AnswerError, RefusalError
from diffscribe.doors.limiter import Limiter
from diffscribe.doors.reply import Answer, TokenUsage

KEY = "sk-very-secret-0123456789"
SCHEMA = {"type": "object", "properties": {"said": {"type": "string"}}}


def request(words="hello", **changes):
    return outgoing(words, **{"schema": SCHEMA, "temperature": 0.2, **changes})


def endpoint_of(server, slots=8, **options):
    options = {"timeout_s": 60.0, "attempts": 3, **options}
    return Endpoint(server.base_url, api_key=KEY, limiter=Limiter(slots), **options)


def ask(server, *requests, **options):
    """Return what becomes of each request, and the endpoint."""
    endpoint = endpoint_of(server, **options)
    return list(in_order(endpoint.ask, requests, 64, endpoint.close)), endpoint


def said(answer):
    return json.loads(answer.text)["said"]


def formats(server):
    return [
        each.body.get("response_format", {}).get("type") for each in server.received
    ]


def test_an_answer_has_its_text_its_cost_and_its_time():
    with FaultServer(latency_s=0.05) as server:
        [[answer], _] = ask(server, request())
    usage = TokenUsage(30, 20, 10, 4)
    assert answer == Answer('{"said": "hello"}', usage, answer.latency_s, "stop")
    assert 0.05 <= answer.latency_s < 20


@pytest.mark.parametrize("fault", TRANSIENT)
def test_whatever_may_pass_is_asked_again_and_counted(fault):
    timeout_s = 2.0 if fault == Fault.SLOW_LORIS else 60.0
    with FaultServer().then(None, fault) as server:
        answers, endpoint = ask(
            server, request("a"), request("b"), slots=1, timeout_s=timeout_s
        )
    assert [said(answer) for answer in answers] == ["a", "b"]
    assert endpoint.requests_sent == len(server.received) == 3
    assert sum(endpoint.faults.values()) == 1


def test_of_several_servers_each_is_asked_one_thing_at_a_time():
    with (
        FaultServer(latency_s=0.05) as one,
        FaultServer(latency_s=0.05).then(Fault.SERVER_ERROR) as other,
    ):
        endpoints = Endpoints([endpoint_of(each) for each in (one, other)])
        requests = [request(str(number)) for number in range(9)]
        answers = list(in_order(endpoints.ask, requests, 4, endpoints.close))
    assert [said(answer) for answer in answers] == [*map(str, range(9))]
    assert len(one.received) >= 2 <= len(other.received)
    assert endpoints.requests_sent == len(one.received) + len(other.received) == 10
    assert endpoints.faults.total() == 1
    assert one.most_open == other.most_open == 1


@pytest.mark.parametrize("fault", [Fault.RATE_LIMITED, Fault.RATE_LIMITED_MS])
def test_a_429_makes_all_wait_as_long_as_it_says(fault):
    with FaultServer().then(None, fault) as server:
        ask(server, *[request(str(number)) for number in range(9)], slots=1)
        refused, after = server.received[1], server.received[2:]
    gaps = [each.at_s - refused.at_s for each in after]
    assert 0.05 <= min(gaps) < 20
    assert len(after) == 8


@pytest.mark.slow
def test_more_slots_than_the_endpoint_has_are_given_up():
    with FaultServer(slots=4, latency_s=0.02) as server:
        requests = [request(str(number)) for number in range(200)]
        answers, endpoint = ask(server, *requests, slots=32, attempts=12)
        open_at_once = server.most_open
    assert [said(answer) for answer in answers] == [str(n) for n in range(200)]
    assert endpoint.faults["HTTP 429"] < 200
    assert open_at_once <= 32


def test_duplicated_answers_are_not_taken_for_the_next_ones():
    with FaultServer(share=1.0, faults=[Fault.DUPLICATED]) as server:
        answers, _ = ask(server, *[request(str(n)) for n in range(50)], slots=2)
    assert [said(answer) for answer in answers] == [str(n) for n in range(50)]


def test_the_ladder_is_climbed_down_once_however_many_ask():
    with FaultServer(refused_formats=["json_schema"], latency_s=0.01) as server:
        requests = [request(str(number)) for number in range(40)]
        answers, endpoint = ask(server, *requests, slots=16)
    assert [said(answer) for answer in answers] == [str(n) for n in range(40)]
    assert formats(server) == ["json_schema"] * 2 + ["json_object"] * 40
    assert endpoint.rung("m") == Rung.JSON_OBJECT


def test_an_endpoint_that_knows_no_format_is_asked_for_text():
    with FaultServer(refused_formats=["json_schema", "json_object"]) as server:
        [[answer], endpoint] = ask(server, request("a"))
    assert said(answer) == "a"
    assert endpoint.rung("m") == Rung.TEXT
    assert formats(server) == ["json_schema", "json_schema", "json_object", None]


def test_the_schema_of_a_request_goes_out_with_it():
    with FaultServer() as server:
        ask(server, request(), request(schema=None))
        sent = [each.body.get("response_format") for each in server.received]
    named = {"name": "answer", "schema": SCHEMA, "strict": True}
    assert sent == [{"type": "json_schema", "json_schema": named}, None]


def test_a_rung_that_is_given_is_kept():
    with (
        FaultServer(refused_formats=["json_schema"]) as server,
        pytest.raises(RefusalError, match="This response_format type is unavailable"),
    ):
        ask(server, request(), rung=Rung.JSON_SCHEMA)
    assert len(server.received) == 1


def test_an_odd_request_does_not_change_how_others_are_asked():
    def refuses(body):
        odd = body["messages"][0]["content"] == "odd"
        has_format = "response_format" in body
        return "Invalid schema: too many enum values" if odd and has_format else None

    with FaultServer(refuses=refuses) as server:
        answers, endpoint = ask(
            server, request("a"), request("odd"), request("b"), slots=1
        )
    assert [said(answer) for answer in answers] == ["a", "odd", "b"]
    assert endpoint.rung("m") == Rung.STRICT_SCHEMA


@pytest.mark.parametrize(
    "words",
    [
        "Unsupported value: 'temperature' does not support 0.2 here.",
        "`temperature` is deprecated for this model.",
        "invalid temperature: only 1 is allowed for this model",
    ],
)
def test_parameters_that_a_model_refuses_are_left_out_or_renamed_once(words):
    def refuses(body):
        if "max_tokens" in body:
            return (
                "Unsupported parameter: 'max_tokens' is not supported with this "
                "model. Use 'max_completion_tokens' instead."
            )
        return words if "temperature" in body else None

    with FaultServer(refuses=refuses) as server:
        first, *others = [request(str(n), reasoning_effort="low") for n in range(9)]
        answers, _ = ask(server, first, *others)
        asked = server.received[2].body
        assert len(server.received) == 2 + 9
    assert [said(answer) for answer in answers] == [str(n) for n in range(9)]
    assert asked["max_completion_tokens"] == 50
    assert asked["reasoning_effort"] == "low"
    assert "temperature" not in asked


def nested(words):
    raw = json.dumps({"error": {"message": words}})
    return {"message": "Provider returned error", "metadata": {"raw": raw}}


@pytest.mark.parametrize("name", ["temperature", "seed", "reasoning_effort"])
@pytest.mark.parametrize(
    ("code", "said"),
    [
        (400, lambda name: {"error": {"message": f"`{name}` is deprecated."}}),
        (400, lambda name: {"error": {"message": "Unsupported", "param": name}}),
        (400, lambda name: {"error": {"message": "x " * 300 + f"unknown {name}"}}),
        (400, lambda name: {"error": nested(f"{name}: only 1 is allowed")}),
        (400, lambda name: {"errors": [{"field": name, "message": "unknown"}]}),
        (400, lambda name: {"message": f"{name} is no good; use top_p, max_tokens"}),
        (422, lambda name: {"detail": [{"loc": ["body", name], "msg": "Extra"}]}),
        (200, lambda name: {"error": {"code": "400", "message": f"no {name}"}}),
        (500, lambda name: f"unknown field '{name.title().replace('_', '')}'"),
    ],
)
def test_a_parameter_is_known_by_its_name_wherever_it_is_told(
    endpoint, caplog, name, code, said
):
    endpoint.will_send(code, json.dumps(said(name)))
    for _ in range(2):
        endpoint.will_say("hi")
    asked = [request(words, reasoning_effort="low") for words in "ab"]
    ask(endpoint, *asked, attempts=1, slots=1)
    first, *others = (each.body for each in endpoint.requests)
    assert all({*first} - {*each} == {name} for each in others)
    assert [each.getMessage() for each in caplog.records] == [
        f"m refuses {name} and is asked without"
    ]


def test_what_only_a_later_question_shows_to_be_refused_is_remembered():
    def refuses(body):
        is_late = body["messages"][-1]["content"] > "3"
        return "seed is not supported" if is_late and "seed" in body else None

    with FaultServer(refuses=refuses) as server:
        endpoint = endpoint_of(server)
        rows = [request(str(number)) for number in range(9)]
        answers = list(in_order(endpoint.ask, rows, 1, endpoint.close))
    assert [said(answer) for answer in answers] == [str(n) for n in range(9)]
    assert ["seed" in each.body for each in server.received] == [True] * 5 + [False] * 5


def test_a_temperature_of_null_is_not_sent(endpoint):
    endpoint.will_say("hi")
    ask(endpoint, request(temperature=None))
    assert "temperature" not in endpoint.requests[0].body


@pytest.mark.parametrize(
    ("code", "words", "is_about_one"),
    [
        (400, "messages: at least one is needed", False),
        (415, "", False),
        (451, "<html>for legal reasons</html>", False),
        (403, "<html>Attention Required!</html>", False),
        (400, "This model's maximum context length is 8192 tokens", True),
        (400, "Your prompt was flagged by our content policy", True),
        (400, "DataInspectionFailed: Input text may be inappropriate", True),
        (400, "json_validate_failed: Failed to generate JSON", True),
        (400, "Content Exists Risk", True),
        (400, "input length and `max_tokens` exceed context limit: 9 > 8", True),
        (400, "Could not generate valid structured output", True),
        (403, "requires moderation, and your input was flagged", True),
        (413, "", True),
        (422, "the prompt is too long", True),
    ],
)
def test_a_refusal_may_be_of_all_unless_it_is_about_one(
    endpoint, code, words, is_about_one
):
    is_json = words[:1].isalpha()
    endpoint.will_send(code, json.dumps({"error": words}) if is_json else words)
    with pytest.raises(RefusalError, match=f"HTTP {code}: {words}") as caught:
        ask(endpoint, request())
    assert caught.value.is_about_one == is_about_one
    assert len(endpoint.requests) == 1


def test_a_connection_that_is_lost_again_and_again_costs_one_row_of_many():
    def work_of(endpoint):
        async def work(row):
            try:
                return said(await endpoint.ask(request(row)))
            except AnswerError as error:
                return str(error)

        return work

    with FaultServer().then(None, Fault.RESET, None, Fault.RESET) as server:
        endpoint = endpoint_of(server, slots=2, attempts=2, rung=Rung.TEXT)
        outcomes = list(in_order(work_of(endpoint), "abcd", 2, endpoint.close))
    assert len(outcomes) == 4
    assert endpoint.faults["connection lost"] == 2


def test_the_key_is_sent_and_in_nothing_that_is_shown(caplog):
    caplog.set_level(logging.DEBUG)
    words = f"Incorrect API key provided: {KEY}"
    with FaultServer(refuses=lambda body: words) as server:
        with pytest.raises(ToolError) as caught:
            ask(server, request())
        [received] = server.received
    assert received.headers["authorization"] == f"Bearer {KEY}"
    shown = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert "Incorrect API key provided: [key]" in shown
    assert KEY not in shown


@pytest.mark.parametrize(
    "url", ["http://me:hush-hush@host/v1", "http://host/v1?key=hush-hush"]
)
def test_an_address_with_a_key_in_it_is_refused_unseen(url):
    with pytest.raises(ValueError, match="environment") as caught:
        Endpoint(url, api_key=KEY, timeout_s=60, attempts=1, limiter=Limiter(1))
    assert "hush" not in str(caught.value)


@pytest.mark.slow
def test_of_500_rows_at_30_percent_faults_none_is_lost_doubled_or_mixed_up():
    rows = [f"row {number}" for number in range(500)]
    attempts = 6
    # Who is told to slow down and not for how long takes its time.
    patient = [fault for fault in TRANSIENT if fault != Fault.RATE_LIMITED_SILENTLY]
    faults = [*patient * 8, Fault.RATE_LIMITED_SILENTLY]

    async def work(row):
        try:
            return said(await endpoint.ask(request(row)))
        except AnswerError as error:
            return error

    with FaultServer(share=0.3, faults=faults) as server:
        endpoint = endpoint_of(server, slots=64, attempts=attempts, timeout_s=2.0)
        outcomes = list(in_order(work, rows, 256, endpoint.close))
        received = [each.body["messages"][-1]["content"] for each in server.received]
    asked = Counter(received)
    failed = {
        row: error
        for row, error in zip(rows, outcomes, strict=True)
        if isinstance(error, AnswerError)
    }
    answered = [outcome for outcome in outcomes if isinstance(outcome, str)]
    # On a busy machine a timeout may come before the server read the request, or
    # after it answered.
    late = endpoint.faults["timeout"] - server.done[Fault.SLOW_LORIS]
    assert answered == [row for row in rows if row not in failed]
    assert len(failed) < 20
    assert all(len(str(error)) > 10 for error in failed.values())
    assert all(attempts - late <= asked[row] <= attempts for row in failed)
    assert 0 <= server.done["answered"] - len(answered) <= late
    assert max(asked.values()) <= attempts
    assert 0 <= endpoint.requests_sent - len(received) <= late
    assert endpoint.requests_sent - sum(endpoint.faults.values()) == len(answered)
    assert len(received) < 1.6 * len(rows)
    assert set(server.done) == {"answered", *TRANSIENT}


def test_a_date_to_wait_for_is_understood_and_latency_is_of_the_last_attempt(endpoint):
    endpoint.will_fail(503, headers={"Retry-After": formatdate(usegmt=True)})
    endpoint.will_fail(429, headers={"Retry-After": "0.4"})
    endpoint.will_say("hi")
    started = time.monotonic()
    [[answer], _] = ask(endpoint, request())
    elapsed_s = time.monotonic() - started
    assert 0.4 <= elapsed_s < 20
    assert answer.latency_s <= elapsed_s - 0.4


def test_an_endpoint_that_asks_to_wait_for_hours_is_not_asked_again(endpoint):
    endpoint.will_fail(429, "come back tomorrow", headers={"Retry-After": "86400"})
    with pytest.raises(ToolError, match="come back tomorrow"):
        ask(endpoint, request())
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize("code", [408, 409, 429, 500, 503, 529])
def test_a_status_that_may_pass_is_asked_again(endpoint, code):
    endpoint.will_fail(code, headers={"Retry-After": "0"})
    endpoint.will_say("hi")
    assert ask(endpoint, request(), attempts=2)[0][0].text == "hi"


@pytest.mark.parametrize(
    ("code", "words", "kind", "shown"),
    [
        (400, "Your credit balance is too low", ToolError, "its quota"),
        (400, "API key not valid", ToolError, "check the key"),
        (412, "Account x is suspended", ToolError, "its quota"),
        (429, "insufficient_quota", ToolError, "its quota"),
        (401, "no such key", ToolError, "check the key"),
        (402, "Insufficient Balance", ToolError, "its quota"),
        (403, "not for you", ToolError, "check the key"),
        (404, "no such model", ToolError, "the model's name"),
        (500, "out of memory", AnswerError, "HTTP 500: out of memory"),
    ],
)
def test_a_refusal_says_whether_this_question_or_all_fail(
    endpoint, code, words, kind, shown
):
    endpoint.will_fail(code, words)
    with pytest.raises(kind) as caught:
        ask(endpoint, request(), attempts=1)
    assert shown in str(caught.value)
    assert len(endpoint.requests) == 1
    assert isinstance(caught.value, AnswerError) == (kind == AnswerError)


@pytest.mark.parametrize("code", [401, 402, 403])
def test_an_endpoint_that_takes_nothing_is_asked_once_by_however_many(endpoint, code):
    endpoint.will_fail(code, "Insufficient Balance")

    async def work(words):
        with pytest.raises(ToolError, match=f"HTTP {code}: Insufficient Balance"):
            await client.ask(request(words))

    client = endpoint_of(endpoint, slots=64)
    list(in_order(work, map(str, range(64)), 64, client.close))
    assert len(endpoint.requests) == 1


def test_a_false_count_holds_nobody_up(endpoint):
    counts = [(10**11, 1), (1, 10**11), (8.0, 2.0), (8, 2)]
    for number, (prompt, completion) in enumerate(counts):
        endpoint.will_say(str(number), prompt, completion)
    client = Endpoint(
        endpoint.base_url,
        api_key=KEY,
        timeout_s=60,
        attempts=1,
        limiter=Limiter(1, tokens_per_minute=6000),
    )
    requests = [request(str(number)) for number in range(4)]
    answers = list(in_order(client.ask, requests, 1, client.close))
    assert [answer.usage[0] for answer in answers] == [10**11, 1, 8, 8]


@pytest.mark.parametrize(
    "body",
    [
        f'{{"error": {{"message": "Wrong key {KEY}.", "code": 401}}}}',
        f"<html>Wrong key {KEY}.</html>",
        f'{{"error": {{"message": "{"x" * 280} Wrong key {KEY}."}}}}',
    ],
)
def test_a_200_that_repeats_the_key_is_shown_without_it(endpoint, body):
    endpoint.will_send(200, body)
    with pytest.raises(ToolError, match=r"x Wro|Wrong key") as caught:
        ask(endpoint, request(), attempts=1)
    assert KEY[:10] not in str(caught.value)


def test_words_that_are_not_json_are_shown_cut(endpoint):
    endpoint.will_send(413, "x" * 1000)
    with pytest.raises(AnswerError) as caught:
        ask(endpoint, request())
    assert str(caught.value) == "HTTP 413: " + "x" * 300
