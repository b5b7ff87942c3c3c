import time
from contextlib import closing
from email.utils import formatdate

import pytest

from diffscribe.asking.ask import Client
from diffscribe.core.errors import ToolError
from diffscribe.core.records import Message
from diffscribe.doors.reply import Answer, AnswerError, TokenUsage

HELLO = (Message(role="user", content="hello"),)
SCHEMA = {"type": "object"}


def ask(endpoint, attempts=3, timeout_s=5.0, schema=None):
    client = Client(
        endpoint.base_url,
        "small",
        api_key="k3y",
        timeout_s=timeout_s,
        attempts=attempts,
    )
    with closing(client):
        return client.complete(HELLO, schema, max_tokens=7, seed=3)


def test_returns_text_counts_and_why_the_answer_ended(endpoint):
    endpoint.will_say("hi", prompt_tokens=11, completion_tokens=2)
    answer = ask(endpoint)
    usage = TokenUsage(11, 0, 2, 0)
    assert answer == Answer("hi", usage, answer.latency_s, "stop")
    assert 0 < answer.latency_s < 5


def test_asks_greedily_with_seed_limit_key_and_schema(endpoint):
    endpoint.will_say("{}")
    ask(endpoint, schema=SCHEMA)
    [request] = endpoint.requests
    assert request.path == "/v1/chat/completions"
    assert request.headers["authorization"] == "Bearer k3y"
    assert request.body == {
        "model": "small",
        "messages": [{"role": "user", "content": "hello"}],
        "temperature": 0,
        "seed": 3,
        "max_tokens": 7,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True},
        },
    }


def test_free_text_has_no_response_format(endpoint):
    endpoint.will_say("hi")
    ask(endpoint)
    assert "response_format" not in endpoint.requests[0].body


def test_waits_as_long_as_the_endpoint_asks(endpoint):
    endpoint.will_fail(429, headers={"Retry-After": "0.4"})
    endpoint.will_say("hi")
    started = time.monotonic()
    assert ask(endpoint).text == "hi"
    assert 0.4 <= time.monotonic() - started < 2
    assert len(endpoint.requests) == 2


def test_latency_is_that_of_the_last_attempt(endpoint):
    endpoint.will_fail(429, headers={"Retry-After": "0.4"})
    endpoint.will_say("hi")
    assert ask(endpoint).latency_s < 0.4


def test_understands_a_date_to_wait_for(endpoint):
    endpoint.will_fail(503, headers={"Retry-After": formatdate(usegmt=True)})
    endpoint.will_say("hi")
    started = time.monotonic()
    assert ask(endpoint).text == "hi"
    assert time.monotonic() - started < 2


def test_does_not_wait_for_hours(endpoint):
    endpoint.will_fail(429, "come back tomorrow", headers={"Retry-After": "86400"})
    with pytest.raises(ToolError, match="come back tomorrow"):
        ask(endpoint)
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize("code", [408, 409, 429, 500, 503, 529])
def test_asks_again_after_a_failure_that_may_pass(endpoint, code):
    endpoint.will_fail(code)
    endpoint.will_say("hi")
    assert ask(endpoint).text == "hi"


def test_asks_again_when_the_connection_is_lost(endpoint):
    endpoint.will_hang_up()
    endpoint.will_say("hi")
    assert ask(endpoint).text == "hi"


def test_asks_no_more_often_than_it_may(endpoint):
    for _ in range(3):
        endpoint.will_fail(500, "out of memory", headers={"Retry-After": "0"})
    with pytest.raises(AnswerError, match=r"^HTTP 500: out of memory$"):
        ask(endpoint, attempts=2)
    assert len(endpoint.requests) == 2


@pytest.mark.parametrize("code", [400, 413, 422])
def test_a_refused_request_is_not_repeated_and_others_may_pass(endpoint, code):
    endpoint.will_fail(code, "the prompt is too long")
    with pytest.raises(AnswerError, match="the prompt is too long"):
        ask(endpoint)
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize("code", [401, 403, 404])
def test_a_wrong_key_or_model_stops_everything(endpoint, code):
    endpoint.will_fail(code, "no such key")
    with pytest.raises(
        ToolError, match=rf"refuses small: HTTP {code}: no such key"
    ) as e:
        ask(endpoint)
    assert not isinstance(e.value, AnswerError)
    assert "k3y" not in str(e.value)
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize(
    "body",
    [
        '{"error": {"message": "Wrong key k3y-0123456789.", "code": 401}}',
        "<html>Wrong key k3y-0123456789.</html>",
        '{"error": {"message": "' + "x" * 280 + ' Wrong key k3y-0123456789."}}',
    ],
)
def test_a_200_that_repeats_the_key_is_shown_without_it(endpoint, body):
    endpoint.will_send(200, body)
    client = Client(
        endpoint.base_url, "m", api_key="k3y-0123456789", timeout_s=5, attempts=1
    )
    with closing(client), pytest.raises(ToolError, match=r"x Wro|Wrong key") as caught:
        client.complete(HELLO, None, max_tokens=7, seed=3)
    assert "k3y" not in str(caught.value)


def test_a_lost_server_stops_everything(endpoint):
    endpoint.will_hang_up()
    with pytest.raises(ToolError, match="cannot be reached") as e:
        ask(endpoint, attempts=1)
    assert not isinstance(e.value, AnswerError)


def test_a_slow_answer_is_given_up(endpoint):
    endpoint.will_say("hi", after_s=1.0)
    with pytest.raises(AnswerError, match=r"^no answer within 0\.2 s$"):
        ask(endpoint, attempts=1, timeout_s=0.2)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("<html>", "not a chat completion"),
        ('{"choices": [', "not a chat completion"),
        ('{"choices": "hi"}', "not a chat completion"),
        ('{"choices": []}', "no choices"),
    ],
)
def test_nonsense_is_not_taken_for_an_answer(endpoint, body, words):
    for _ in range(2):
        endpoint.will_send(200, body)
    with pytest.raises(AnswerError, match=words):
        ask(endpoint, attempts=2)
    assert len(endpoint.requests) == 2


def test_a_refusal_without_usage_is_an_empty_answer(endpoint):
    endpoint.will_send(200, '{"choices": [{"message": {"content": null}}]}')
    answer = ask(endpoint)
    assert (answer.text, answer.usage) == ("", TokenUsage(0, 0, 0, 0))
    assert answer.finish_reason == ""


def test_words_that_are_not_json_are_shown_cut(endpoint):
    endpoint.will_send(400, "x" * 1000)
    with pytest.raises(AnswerError) as e:
        ask(endpoint)
    assert str(e.value) == "HTTP 400: " + "x" * 300


def test_a_proxy_in_the_environment_is_not_asked_for_this_machine(
    endpoint, monkeypatch
):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    endpoint.will_say("hi")
    assert ask(endpoint, attempts=1).text == "hi"
