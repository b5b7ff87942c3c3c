"""Questions with tools: what is sent, what may leave, and how the answer is read."""

import json

import pytest
from tests.support.questions import question

from diffscribe.core.records import ToolCall, ToolSpec, Turn
from diffscribe.doors.dialect import Dialect
from diffscribe.doors.endpoint import prepare
from diffscribe.doors.failure import AttemptError
from diffscribe.doors.reply import (
    AnsweredCall,
    ToolAnswer,
    most_tokens,
    question_key,
    read_reply,
    read_tool_answer,
)

KEY = "AKIA" + "Q3EGRIZT5KMW7YXA"
TOOL = ToolSpec(
    name="run",
    description="Run a command.",
    parameters={"type": "object", "properties": {"command": {"type": "string"}}},
)
CALL = ToolCall(id="c1", name="run", arguments={"command": "who", "times": 2})
TURNS = (
    Turn(role="user", content="who is here?"),
    Turn(role="assistant", tool_calls=(CALL,)),
    Turn(role="tool", content="ann pts/0", tool_call_id="c1", name="run", status="ok"),
)


def asked(*turns, tools=(TOOL,), **changes):
    return question("")._replace(messages=turns or TURNS, tools=tools, **changes)


def reply(message, finish_reason="tool_calls"):
    choice = {"message": message, "finish_reason": finish_reason}
    return json.dumps({"choices": [choice]}).encode()


def told(function):
    return {"id": "x", "type": "function", "function": function}


def read(message, finish_reason="tool_calls"):
    answer = read_reply(reply(message, finish_reason), has_tools=True)
    return read_tool_answer(answer.text)


def test_turns_and_tools_are_sent_as_the_api_has_them():
    body = Dialect().body(asked())
    assert body["tools"] == [{"type": "function", "function": TOOL.model_dump()}]
    user, assistant, result = body["messages"]
    assert user == {"role": "user", "content": "who is here?"}
    [call] = assistant["tool_calls"]
    assert (call["id"], call["function"]["name"]) == ("c1", "run")
    assert json.loads(call["function"]["arguments"]) == CALL.arguments
    assert result == {
        "role": "tool",
        "content": "ann pts/0",
        "tool_call_id": "c1",
        "name": "run",
    }


def test_a_question_without_tools_sends_and_is_what_it_was():
    assert "tools" not in Dialect().body(question("a"))
    keys = {question_key(asked()), question_key(asked(tools=()))}
    keys.add(question_key(asked(tools=(TOOL.model_copy(update={"name": "do"}),))))
    assert len(keys) == 3


def test_no_part_of_a_question_with_tools_takes_a_secret_away():
    secret = {"command": f"export AWS_KEY={KEY}", "more": [{"key": KEY}]}
    tool = ToolSpec(name="run", description=f"as {KEY}", parameters={"default": KEY})
    turns = (
        Turn(role="user", content=f"use {KEY}"),
        Turn(
            role="assistant",
            content=KEY,
            tool_calls=(ToolCall(name="run", arguments=secret),),
        ),
        Turn(role="tool", content=f"AWS_KEY={KEY}"),
    )
    sent = prepare(asked(*turns, tools=(tool,)), "api.example.com").question
    assert KEY not in str(Dialect().body(sent))
    # Each text is in its own place again.
    assert [turn.role for turn in sent.messages] == ["user", "assistant", "tool"]
    assert sent.messages[1].tool_calls[0].arguments["command"].startswith("export ")
    assert sent.tools[0].description.startswith("as ")


def test_all_that_is_sent_counts():
    assert (
        most_tokens(asked()).prompt_tokens > most_tokens(asked(tools=())).prompt_tokens
    )


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            {"content": None, "tool_calls": [told({"name": "run", "arguments": "{}"})]},
            ToolAnswer("", (AnsweredCall("run", {}),)),
        ),
        (
            {
                "content": "I look.",
                "tool_calls": [
                    told({"name": "run", "arguments": '{"command": "who"}'}),
                    told({"name": "read", "arguments": {"path": "é"}}),
                ],
            },
            ToolAnswer(
                "I look.",
                (
                    AnsweredCall("run", {"command": "who"}),
                    AnsweredCall("read", {"path": "é"}),
                ),
            ),
        ),
        (
            {"tool_calls": [told({"name": "run", "arguments": "{broken"})]},
            ToolAnswer("", (AnsweredCall("run", None),)),
        ),
        (
            {"tool_calls": [told({"name": "run", "arguments": "[1]"}), 3, told(None)]},
            ToolAnswer(
                "",
                (AnsweredCall("run", None), *(2 * [AnsweredCall("", None)])),
            ),
        ),
        (
            {"tool_calls": [told({"name": "a", "arguments": '{"x": "\\ud800"}'})]},
            ToolAnswer("", (AnsweredCall("a", {"x": "\ud800"}),)),
        ),
        ({"content": "No tool.", "tool_calls": []}, ToolAnswer("No tool.", ())),
        ({"content": "<think>run?</think>No."}, ToolAnswer("No.", ())),
        ({"content": "No.", "tool_calls": "run"}, ToolAnswer("No.", ())),
    ],
)
def test_an_answer_has_what_was_said_and_what_was_called(message, expected):
    assert read(message) == expected


@pytest.mark.parametrize("message", [{}, {"content": " "}, {"tool_calls": []}, None])
def test_an_answer_of_neither_is_no_answer(message):
    with pytest.raises(AttemptError, match="empty"):
        read(message, "")


def test_the_same_answer_has_the_same_text():
    calls = [told({"arguments": '{"b":1,"a":2}', "name": "run"})]
    one = {"content": "", "tool_calls": calls}
    other = {"tool_calls": [told({"name": "run", "arguments": {"a": 2, "b": 1}})]}
    texts = {read_reply(reply(each), has_tools=True).text for each in (one, other)}
    call = '{"arguments": {"a": 2, "b": 1}, "name": "run"}'
    assert texts == {f'{{"content": "", "tool_calls": [{call}]}}'}
