import json
from string import Template

import pytest

from diffscribe.core.errors import RecordError
from diffscribe.core.records import ToolCall
from diffscribe.tool_calls.chats import (
    LegacyQuestion,
    NumberedRow,
    ReadingOptions,
    Refusal,
    read_arguments,
    read_rating,
    read_tools,
    shorten,
    told_status,
)
from diffscribe.tool_calls.formats import FORMATS, READERS, detect

OPTIONS = ReadingOptions(result=Template("Status: $status\n$output"))
LEGACY = OPTIONS._replace(
    legacy=[
        LegacyQuestion("run_commands", "command", "who", "Who is logged in?"),
        LegacyQuestion("edit_files", "path", "", "Edit $path"),
    ]
)


def call(name="run_commands", id_="call_7", **arguments):
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {"id": id_, "type": "function", "function": function}


def line(*calls, query="who is here?", content="", **changed):
    calls = calls or (call(command="who"),)
    said = {"role": "assistant", "content": content, "tool_calls": calls}
    first = calls[0]["function"]
    return {
        "timestamp": "2030-01-02T03:04:05.123456789Z",
        "model": "m:3b",
        "user_query": query,
        "model_response": json.dumps(said),
        "tool_name": first["name"],
        "arguments": first["arguments"],
        "status": "success",
        "message": "ok",
        "output": "ann pts/0\n",
        "tools_enabled": True,
    } | changed


def read(*rows, options=OPTIONS, kind=None):
    numbered = [NumberedRow(number, row) for number, row in enumerate(rows, 1)]
    kind = kind or detect(rows[0], "log:1")
    return list(READERS[kind](numbered, options))


def one(*rows, **options):
    [chat] = read(*rows, **options)
    return chat


def shape(chat):
    """Roles with what was called or said, in short."""
    return [
        (t.role, *((c.name, c.arguments) for c in t.tool_calls))
        if t.tool_calls
        else (t.role, t.content)
        for t in chat.turns
    ]


def test_a_line_a_call_is_a_chat_with_question_call_and_result():
    chat = one(line(rating=4, session="s1", id="k1"))
    assert shape(chat) == [
        ("user", "who is here?"),
        ("assistant", ("run_commands", {"command": "who"})),
        ("tool", "Status: success\nann pts/0"),
    ]
    assert chat.turns[1].tool_calls[0].id == chat.turns[2].tool_call_id == "call_7"
    assert (chat.rating, chat.learn, chat.session, chat.key) == (4, (1,), "s1", "k1")
    assert (chat.model, chat.at) == ("m:3b", "2030-01-02T03:04:05.123456789Z")


def test_lines_of_one_response_are_one_chat_with_each_result_at_its_call():
    calls = call(id_="a", command="who"), call(id_="b", command="pwd")
    first = line(*calls, rating=5, output="ann")
    second = line(*calls, rating=2, output="/srv", arguments='{"command": "pwd"}')
    for rows in ((first, second), (second, first)):
        chat = one(*rows)
        results = {t.tool_call_id: t.content for t in chat.turns[2:]}
        assert results == {
            "a": "Status: success\nann",
            "b": "Status: success\n/srv",
        }
        # One bad call spoils the answer.
        assert chat.rating == 2


def test_a_response_of_two_calls_with_one_result_is_kept_as_it_is():
    chat = one(line(call(id_="a", command="who"), call(id_="b", command="pwd")))
    assert [t.role for t in chat.turns] == ["user", "assistant", "tool"]
    assert len(chat.turns[1].tool_calls) == 2


def test_the_same_line_again_is_another_chat():
    assert [chat.line for chat in read(line(), line())] == [1, 2]


@pytest.mark.parametrize("status", ["error", "denied"])
def test_a_response_right_after_a_failed_call_goes_on_with_its_chat(status):
    failed = line(call(command="whoo"), status=status, output="", error_details="no")
    again = line(timestamp="2030-01-02T03:04:25Z", rating=5)
    chat = one(failed, again)
    assert [t.role for t in chat.turns] == ["user", *("assistant", "tool") * 2]
    assert [t.status for t in chat.turns[2::2]] == [status, "ok"]
    assert chat.turns[2].content == f"Status: {status}\nno"
    ids = [call.id for turn in chat.turns for call in turn.tool_calls]
    assert len(set(ids)) == 2
    assert chat.rating == 5


@pytest.mark.parametrize(
    "changed",
    [
        {"timestamp": "2030-01-02T03:34:05Z"},
        {"timestamp": "2030-01-02T03:04:00Z"},
        {"timestamp": "yesterday"},
        {"timestamp": "2030-01-02T03:04:25"},
        {"user_query": "who else?"},
    ],
    ids=["late", "before", "no time", "no zone", "another question"],
)
def test_a_response_that_may_be_to_another_question_is_a_chat_of_its_own(changed):
    failed = line(call(command="whoo"), status="error", output="no")
    assert len(read(failed, line(**changed))) == 2


@pytest.mark.parametrize(
    ("response", "content"),
    [
        ("Let me see.", "Let me see."),
        ('{"role": "assistant", "content": "Here."}', "Here."),
        ('```json\n{"name": "run_commands", "arguments": {"command": "who"}}\n```', ""),
        ('{"name": "run_commands", "arguments": "{\\"command\\": \\"who\\"}"}', ""),
        ('[{"name": "run_commands", "arguments": {"command": "who"}}]', ""),
        (
            '{"tool_calls": [{"function": {"name": "run_commands", '
            '"arguments": {"command": "who"}}}]}',
            "",
        ),
        (
            '{"role": "assistant", "content": "<tool_call>{\\"name\\": '
            '\\"run_commands\\", \\"arguments\\": {\\"command\\": \\"who\\"}}'
            '</tool_call>"}',
            "",
        ),
        ("{broken", "{broken"),
        ("", ""),
        (None, ""),
        ("[]", "[]"),
        ("3", "3"),
    ],
)
def test_a_call_is_read_from_whatever_spelling_else_from_its_line(response, content):
    turn = one(line(model_response=response)).turns[1]
    assert turn.content == content
    assert turn.tool_calls == (
        ToolCall(id="call_1", name="run_commands", arguments={"command": "who"}),
    )


def test_a_response_that_only_answers_has_no_call():
    row = line(tool_name="", arguments="", status=None, output=None)
    row["model_response"] = '{"role": "assistant", "content": "Hello."}'
    assert shape(one(row)) == [("user", "who is here?"), ("assistant", "Hello.")]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", {}),
        (None, {}),
        ('{"a": 1}', {"a": 1}),
        ({"a": 1}, {"a": 1}),
        ("{", None),
        ("[1]", None),
        ([1], None),
        ("3", None),
        ('{"a": NaN}', None),
        ("[" * 2000, None),
        (True, None),
    ],
)
def test_arguments_are_an_object_or_refused(given, expected):
    assert read_arguments(given) == expected


def test_a_call_whose_arguments_are_no_object_refuses_its_row_alone():
    bad = call()
    bad["function"]["arguments"] = "{broken"
    refused, kept = read(line(bad), line())
    assert refused == Refusal(1, "bad_arguments")
    assert kept == one(line())._replace(line=2)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        *((1, 1), (5, 5), ("5", 5), (4.0, 4), (0, None), (6, None), (True, None)),
        *((None, None), ("good", None), (-1, None), (4.5, None), ([5], None)),
    ],
)
def test_a_rating_is_a_number_from_1_to_5(given, expected):
    assert read_rating(given) == expected
    assert one(line(rating=given)).rating == expected


def test_an_old_line_is_refused_unless_its_question_is_reconstructed():
    old = {"tool_name": "run_commands", "arguments": '{"command": "who -a"}'}
    edit = {"tool_name": "edit_files", "arguments": '{"path": "a.md", "diff": "+x"}'}
    other = {"tool_name": "run_commands", "arguments": '{"command": "whoami"}'}
    rows = (old, edit, other)
    assert read(*rows) == [Refusal(n, "old_format") for n in (1, 2, 3)]
    *made, refused = read(*rows, options=LEGACY)
    assert [chat.turns[0].content for chat in made] == [
        "Who is logged in?",
        "Edit a.md",
    ]
    assert [chat.reconstructed for chat in made] == [True, True]
    assert refused == Refusal(3, "no_question")
    # Nothing is invented: a call without a result has none.
    assert [len(chat.turns) for chat in made] == [2, 2]


OPENAI = {
    "messages": [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "who?"}]},
        {"role": "assistant", "content": None, "tool_calls": [call(command="who")]},
        {"role": "tool", "tool_call_id": "call_7", "content": "Error: no such user"},
        {"role": "assistant", "content": "Nobody.", "weight": 0},
    ],
    "tools": [{"type": "function", "function": {"name": "run_commands"}}],
    "model": "gpt",
    "rating": 4,
}
PLAIN = [
    ("user", "who?"),
    ("assistant", ("run_commands", {"command": "who"})),
    ("tool", "ann"),
    ("assistant", "Ann is."),
]
CALL = {"name": "run_commands", "arguments": {"command": "who"}}
SPEC = {"name": "run_commands", "description": "", "parameters": {"type": "object"}}
HERMES_CALL = (
    "<tool_call>\n{'arguments': {'command': 'who'}, 'name': 'run_commands'}\n"
    "</tool_call>"
)
SAME_CHAT = {
    "trl": {
        "prompt": [{"role": "user", "content": "who?"}],
        "completion": [
            {
                "role": "assistant",
                "tool_calls": [{"type": "function", "function": CALL}],
            },
            {"role": "tool", "name": "run_commands", "content": "ann"},
            {"role": "assistant", "content": "Ann is."},
        ],
        "tools": json.dumps([{"type": "function", "function": SPEC}]),
    },
    "ms-swift": {
        "messages": [
            {"role": "user", "content": "who?"},
            {"role": "tool_call", "content": json.dumps(CALL)},
            {"role": "tool_response", "content": "ann"},
            {"role": "assistant", "content": "Ann is."},
        ],
        "tools": json.dumps([SPEC]),
    },
    "ollama": {
        "request": {
            "model": "m",
            "messages": [
                {"role": "user", "content": "who?"},
                {"role": "assistant", "tool_calls": [{"function": CALL}]},
                {"role": "tool", "tool_name": "run_commands", "content": "ann"},
            ],
            "tools": [{"type": "function", "function": SPEC}],
        },
        "response": {"message": {"role": "assistant", "content": "Ann is."}},
    },
    "llama-factory": {
        "conversations": [
            {"from": "human", "value": "who?"},
            {"from": "function_call", "value": json.dumps(CALL)},
            {"from": "observation", "value": "ann"},
            {"from": "gpt", "value": "Ann is."},
        ],
        "tools": json.dumps([SPEC]),
    },
    "hermes": {
        "conversations": [
            {
                "from": "system",
                "value": "You call functions. <tools>\n"
                + json.dumps({"type": "function", "function": SPEC})
                + "\n</tools> Answer so.",
            },
            {"from": "human", "value": "who?"},
            {"from": "gpt", "value": HERMES_CALL},
            {
                "from": "tool",
                "value": '<tool_response>\n{"name": "run_commands", "content": "ann"}'
                "\n</tool_response>",
            },
            {"from": "gpt", "value": "Ann is."},
        ]
    },
}


@pytest.mark.parametrize("name", SAME_CHAT)
def test_every_format_is_detected_and_tells_the_same_chat(name):
    row = SAME_CHAT[name]
    assert detect(row, "log:1") == FORMATS[name]
    chat = one(row)
    assert shape(chat) == PLAIN
    assert chat.turns[2].tool_call_id == chat.turns[1].tool_calls[0].id
    assert [tool.name for tool in chat.tools] == ["run_commands"]
    assert chat.learn == ((3,) if name == "ollama" else (1, 3))


def test_openai_rows_tell_weights_and_failed_calls():
    chat = one(OPENAI)
    assert shape(chat)[:2] == [("system", "Be brief."), ("user", "who?")]
    assert chat.turns[3].status == "error"
    assert (chat.learn, chat.rating) == ((2,), 4)


def test_calls_that_follow_each_other_are_of_one_response():
    other = {"name": "run_commands", "arguments": {"command": "pwd"}}
    row = json.loads(json.dumps(SAME_CHAT["ms-swift"]))
    row["messages"].insert(2, {"role": "tool_call", "content": json.dumps(other)})
    row["messages"].insert(4, {"role": "tool_response", "content": "/srv"})
    chat = one(row)
    assert [len(turn.tool_calls) for turn in chat.turns] == [0, 2, 0, 0, 0]
    assert [t.tool_call_id for t in chat.turns[2:4]] == ["call_1", "call_2"]
    assert chat.learn == (1, 4)


def test_a_thumb_is_the_best_or_the_worst_rating():
    def voted(rating):
        messages = [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": "a", "annotation": {"rating": -1}},
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": "b", "annotation": {"rating": rating}},
        ]
        return one({"messages": messages})

    assert (voted(1).rating, voted(1).learn) == (5, (3,))
    assert (voted(-1).rating, voted(-1).learn) == (1, ())


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"messages": [{"role": "critic", "content": ""}]}, "unknown_role"),
        ({"messages": ["hi"]}, "unknown_role"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "result_without_call"),
        ({"messages": [], "tools": "{"}, "bad_tools"),
        ({"messages": [], "tools": [{"title": "x"}]}, "bad_tools"),
        ({"messages": [{"role": "tool_call", "content": "{"}]}, "bad_arguments"),
        ({"conversations": [{"from": "tool", "value": "x"}]}, "result_without_call"),
        ({"conversations": [{"value": "x"}]}, "unknown_role"),
        (
            {"conversations": [{"from": "gpt", "value": "<tool_call>3</tool_call>"}]},
            "no_calls",
        ),
        (
            {
                "conversations": [
                    {
                        "from": "gpt",
                        "value": "<tool_call>" + "(" * 9999 + "</tool_call>",
                    }
                ]
            },
            "bad_arguments",
        ),
        ({"request": {"messages": []}, "response": {"done": True}}, "unknown_role"),
        ({"tool_name": "", "arguments": "", "user_query": "hi"}, "empty_response"),
    ],
)
def test_what_cannot_be_read_without_guessing_is_refused_with_a_reason(row, reason):
    assert read(row) == [Refusal(1, reason)]


@pytest.mark.parametrize(
    "row", [{}, {"prompt": "hi", "completion": "ho"}, {"spans": [], "trace_id": "1"}]
)
def test_an_unknown_format_is_refused_with_the_keys_seen(row):
    with pytest.raises(RecordError) as caught:
        detect(row, "old.log:3")
    assert str(caught.value).startswith("old.log:3: no known format")
    assert (", ".join(sorted(row)) or "none") in str(caught.value)


@pytest.mark.parametrize(
    ("content", "status"),
    [
        ("Tool execution result:\nStatus: denied\nOutput: x", "denied"),
        ('{"error": "no such file"}', "error"),
        ('{"success": false}', "error"),
        ('{"status": "success", "error": null}', "ok"),
        ('{"error": null}', None),
        ("Error: no", "error"),
        ("an error occurred", None),
        ("Status: pending", None),
        ("{broken", None),
        ("", None),
    ],
)
def test_a_result_tells_its_status_only_where_it_says_so(content, status):
    assert told_status(content) == status


def test_a_long_output_is_cut_and_says_so():
    assert shorten("x" * 10, 10) == "x" * 10
    assert shorten("x" * 11, 10) == "x" * 10 + "\n... (1 characters left out)"
    shown = one(line(output="x" * 5000), options=OPTIONS._replace(max_output_chars=9))
    assert shown.turns[2].content.endswith("(4991 characters left out)")


def test_tools_are_read_nested_flat_or_as_json():
    flat = {"name": "a", "description": "b", "parameters": {"type": "object"}}
    nested = [{"type": "function", "function": flat}]
    assert read_tools([flat]) == read_tools(nested) == read_tools(json.dumps(nested))
    assert read_tools([{"name": "a"}])[0].parameters == {
        "type": "object",
        "properties": {},
    }
