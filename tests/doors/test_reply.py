import json

import pytest
from tests.support.questions import question

from diffscribe.core.records import Message
from diffscribe.doors.failure import AttemptError
from diffscribe.doors.reply import (
    TokenUsage,
    question_key,
    read_reply,
    without_thoughts,
)

ASKED = question(
    "größer",
    schema={"type": "object", "properties": {"a": {}, "b": {}}},
    max_tokens=9,
    temperature=0.2,
)


def reply(message, usage=None, finish_reason="stop"):
    choice = {"message": message, "finish_reason": finish_reason}
    return json.dumps({"choices": [choice], "usage": usage}).encode()


MARKS = [
    ("analysis", "assistantfinal"),
    ("<|channel|>analysis<|message|>", "<|end|><|channel|>final<|message|>"),
    (
        "<|start|>assistant<|channel|>analysis<|message|>",
        "<|channel|>final <|constrain|>json<|message|>",
    ),
    ("<|channel>thought\n", "<channel|>"),
    ("<think>", "</thinking>"),
    ("<THINK>", "</THINK>"),
    ('<think mode="deep">', "</think>"),
    ("<think>a<think>", "</think>b</think>"),
    ("<seed:think>", "</seed:think>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<inner_monologue>", "</inner_monologue>"),
    ("<reflection>", "</reflection>"),
    ("[REASONING]", "[/REASONING]"),
    ("◁think▷", "◁/think▷"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|thinking_start|>", "<|thinking_end|>"),
    ("<unused94>thought", "<unused95>"),
]


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("<think>{no}\n</think>\n\n{yes}", "{yes}"),
        ("\n<thinking>a</thinking>b", "b"),
        ("<think>never ends", ""),
        ("the template opened them</think>\n{yes}", "{yes}"),
        ('{"subject": "drop </think> tags"}', '{"subject": "drop </think> tags"}'),
        ("```json\n{} </think>\n```", "```json\n{} </think>\n```"),
        ("the <think> tag is parsed", "the <think> tag is parsed"),
        ("[THINK]{no}[/THINK]{yes}", "{yes}"),
        ("[THINK]never ends", ""),
        *((f"{opens}so {{no}}{closes}\n{{yes}}", "{yes}") for opens, closes in MARKS),
        *((f"{opens}so {{no}}", "") for opens, _ in MARKS[1:]),
        ("fix: close the </ThoughtBubble> tag", "fix: close the </ThoughtBubble> tag"),
        ("plain", "plain"),
        ("", ""),
    ],
)
def test_thoughts_are_taken_off(text, rest):
    assert without_thoughts(text) == rest


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_reasoning_is_the_answer_if_there_is_no_other(name):
    assert read_reply(reply({"content": None, name: "{}"}), 1.0).text == "{}"
    assert read_reply(reply({"content": " ", name: "{}"}), 1.0).text == "{}"
    assert read_reply(reply({"content": "a", name: "{}"}), 1.0).text == "a"


def test_who_was_cut_off_while_thinking_has_not_answered():
    cut = reply({"content": "", "reasoning_content": "so {"}, finish_reason="length")
    answer = read_reply(cut, 1.0)
    assert (answer.text, answer.finish_reason) == ("", "length")


def call(arguments):
    return [{"type": "function", "function": {"name": "x", "arguments": arguments}}]


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ([{"type": "text", "text": "a"}, {"type": "image"}, {"text": "b"}], "ab"),
        (["a", None, 5, {"type": "output_text", "text": "b"}, {"text": None}], "ab"),
        ([{"type": "thinking", "text": "no"}, {"type": "text", "text": "yes"}], "yes"),
        ([{"type": [], "text": "no"}, {"text": {"value": "yes"}}], "yes"),
        ({"type": "text", "text": "a"}, "a"),
        ({"commits": [1]}, '{"commits": [1]}'),
        ("a \ud800", "a \ud800"),
        *(
            ({"content": "a", name: odd}, "a")
            for name in ("reasoning", "reasoning_content", "tool_calls", "refusal")
            for odd in ({"text": "x"}, ["x"], 5, True, [None])
        ),
        ({"content": None, "tool_calls": call('{"a": 1}')}, '{"a": 1}'),
        ({"content": None, "tool_calls": call({"a": 1})}, '{"a": 1}'),
        ({"content": None, "function_call": {"arguments": "{}"}}, "{}"),
        ({"content": None, "refusal": "I will not"}, "I will not"),
        (
            {"content": "<think>it forgot to end them {}"},
            "<think>it forgot to end them {}",
        ),
    ],
)
def test_an_answer_is_found_in_any_shape(message, text):
    is_whole = isinstance(message, dict) and message.keys() & {"content"}
    said = reply(message if is_whole else {"content": message})
    assert read_reply(said, 1.0).text == text


@pytest.mark.parametrize(
    "odd",
    [
        {"finish_reason": None},
        {"finish_reason": 1},
        {"finish_reason": {"type": "stop"}},
        {"error": False},
        {"error": []},
        {"error": {"code": 0, "message": "success"}},
        {"logprobs": "x", "index": "first"},
    ],
)
def test_what_is_odd_beside_an_answer_costs_it_not(odd):
    choice = {"message": {"content": "a"}, "finish_reason": "stop", **odd}
    whole = json.dumps({"choices": [choice, None], "error": odd.get("error")})
    assert read_reply(b"\xef\xbb\xbf\n" + whole.encode()).text == "a"


@pytest.mark.parametrize(
    ("finish_reason", "text", "is_cut_off"),
    [
        ("length", '{"a', True),
        ("MAX_TOKENS", "Maybe {} but", True),
        ("model_length", "{}", False),
        ("max_output_tokens", "{}\n\n  ", False),
        ("stop", "{", False),
        ("length", "<reflection>{} or {", True),
    ],
)
def test_an_answer_is_cut_off_where_its_json_does_not_end(
    finish_reason, text, is_cut_off
):
    answer = read_reply(reply({"content": text}, finish_reason=finish_reason))
    assert answer.is_cut_off == is_cut_off
    assert (answer.finish_reason == "length") == (finish_reason != "stop")


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        (None, (0, 0, 0, 0)),
        ({"prompt_tokens": 5, "completion_tokens": None}, (5, 0, 0, 0)),
        ({"prompt_tokens": 5, "prompt_cache_hit_tokens": 3}, (5, 3, 0, 0)),
        (
            {
                "prompt_tokens": 5,
                "completion_tokens": 4,
                "prompt_tokens_details": {"cached_tokens": 2},
                "completion_tokens_details": {"reasoning_tokens": 1},
            },
            (5, 2, 4, 1),
        ),
        ({"prompt_tokens_details": None}, (0, 0, 0, 0)),
        (
            {"prompt_tokens": 2**40 - 1, "completion_tokens": 2**40},
            (2**40 - 1, 0, 0, 0),
        ),
        ({"prompt_tokens": 10**30, "completion_tokens": 4}, (0, 0, 4, 0)),
        ({"prompt_tokens": -7, "completion_tokens": "many"}, (0, 0, 0, 0)),
        ({"prompt_tokens": True, "completion_tokens": 1.5}, (0, 0, 0, 0)),
        ({"prompt_tokens_details": {"cached_tokens": -1}}, (0, 0, 0, 0)),
        ({"prompt_tokens": 12.0, "completion_tokens": 3e0}, (12, 0, 3, 0)),
        ({"prompt_tokens": 1e400, "completion_tokens": 4}, (0, 0, 4, 0)),
        ({"prompt_tokens": 5, "prompt_tokens_details": []}, (5, 0, 0, 0)),
        ({"prompt_tokens": 5, "prompt_cache_hit_tokens": 9}, (5, 5, 0, 0)),
        ("40 tokens", (0, 0, 0, 0)),
    ],
)
def test_tokens_are_counted_as_each_endpoint_reports_them(usage, counted):
    assert read_reply(reply({"content": "a"}, usage), 1.0).usage == TokenUsage(*counted)


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ('{"error": {"message": "overloaded", "code": 502}}', 502, "overloaded"),
        ('{"error": {"message": "slow", "code": "rate"}}', 500, "slow"),
        ('{"error": "no model"}', 500, "no model"),
        ('{"error": {"code": 401}}', 401, "(no words)"),
        ("<html><p>Bad gateway</p>", 0, "not a chat completion: Bad gateway"),
        ("[]", 0, "not a chat completion"),
        ('{"choices": []}', 0, "no choices"),
        (
            '{"choices": [{"message": {"content": "{"}, "finish_reason": "error", '
            '"error": {"code": 502, "message": "upstream lost"}}]}',
            *(502, "upstream lost"),
        ),
        (
            '{"choices": [{"message": {"content": "{"}, "finish_reason": "error"}]}',
            *(500, "the answer broke off"),
        ),
        *(
            (
                reply({"content": "{"}, finish_reason=reason).decode(),
                *(500, f"broke off: {reason}"),
            )
            for reason in ("insufficient_system_resource", "abort", "worker_died")
        ),
        (
            '{"choices": [{"message": {"content": "{"}, "finish_reason": "stop", '
            '"error": {"code": "502", "message": "upstream lost"}}]}',
            *(502, "upstream lost"),
        ),
        (
            '{"choices": [{"message": {"content": "{"}}], "error": "upstream lost"}',
            *(500, "upstream lost"),
        ),
        ('{"choices": [{"error": [{"message": "lost"}]}]}', 500, "lost"),
        ('{"choices": [{"message": {"content": 3}}]}', 500, "it is empty"),
        (
            '{"choices": [{"message": {"content": "{"}, "finish_reason": "SAFETY"}]}',
            *(0, "taken away: SAFETY"),
        ),
        ('{"base_resp": {"status_code": 1002, "status_msg": "busy"}}', 500, "busy"),
        ('{"error_code": 336100, "error_msg": "high load"}', 500, "high load"),
        ("[" * 100_000, 0, "not a chat completion"),
        ("\x00", 0, "not a chat completion"),
    ],
)
def test_a_200_without_an_answer_says_why(body, code, words):
    with pytest.raises(AttemptError, match=r".") as caught:
        read_reply(body.encode(), 1.0)
    assert caught.value.code == code
    assert words in caught.value.words


def test_equal_questions_have_one_key_and_it_never_changes():
    key = "51732ce11673d5ec7490e9ff67c54c80759dec7560f0832e3c1ca2b5743c5115"
    assert question_key(ASKED) == key
    reordered = {"properties": {"b": {}, "a": {}}, "type": "object"}
    assert question_key(ASKED._replace(schema=reordered)) == key
    unsent = ASKED._replace(about="acme/other", private=True, traced=True)
    assert question_key(unsent) == key


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
        {"place": "127.0.0.1:8000"},
        {"grammar": 'root ::= "1"'},
    ],
)
def test_all_that_decides_the_answer_changes_the_key(change):
    assert question_key(ASKED._replace(**change)) != question_key(ASKED)
