import pytest

from diffscribe.core.records import Message
from diffscribe.doors.reply import Request, request_body, request_key

REQUEST = Request(
    model="m",
    messages=(Message(role="user", content="größer"),),
    schema={"type": "object", "properties": {"a": {}, "b": {}}},
    max_tokens=9,
    temperature=0.2,
    seed=7,
)


def test_equal_requests_have_one_key_and_it_never_changes():
    key = "51732ce11673d5ec7490e9ff67c54c80759dec7560f0832e3c1ca2b5743c5115"
    assert request_key(REQUEST) == key
    reordered = {"properties": {"b": {}, "a": {}}, "type": "object"}
    assert request_key(REQUEST._replace(schema=reordered)) == key


@pytest.mark.parametrize(
    "change",
    [
        {"model": "n"},
        {"messages": (Message(role="system", content="größer"),)},
        {"messages": (Message(role="user", content="größer!"),)},
        {"schema": None},
        {"schema": {"type": "object", "properties": {"a": {}, "c": {}}}},
        {"max_tokens": 10},
        {"temperature": 0.3},
        {"seed": 8},
        {"reasoning_effort": "low"},
    ],
)
def test_all_that_decides_the_answer_changes_the_key(change):
    assert request_key(REQUEST._replace(**change)) != request_key(REQUEST)


def test_what_is_asked_about_is_not_sent_and_in_no_key():
    asked = REQUEST._replace(about="acme/app")
    assert request_key(asked) == request_key(REQUEST)
    assert request_body(asked) == request_body(REQUEST)
