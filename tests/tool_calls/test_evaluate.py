import json

import pytest

from diffscribe.core.log_params import ToolEvalParams
from diffscribe.core.records import ToolCall, ToolSpec, Turn
from diffscribe.logs.evaluation import LogAnswer
from diffscribe.tool_calls.evaluate import (
    JUDGED_CALLS,
    called_by,
    control_answers,
    score_calls,
)
from diffscribe.tool_calls.records import ToolSample

PARAMS = ToolEvalParams(
    max_samples=9,
    context_tokens=99,
    max_answer_tokens=99,
    argument_match="typed",
    threads=0,
    deny=(r"rm -rf /",),
)
SCHEMA = {
    "type": "object",
    "properties": {"command": {"type": "string"}},
    "required": ["command"],
}
TOOLS = (ToolSpec(name="other"), ToolSpec(name="run", parameters=SCHEMA))


def sample(question, *commands, id_="1"):
    calls = tuple(ToolCall(name="run", arguments={"command": c}) for c in commands)
    return ToolSample(
        id=id_,
        parent_id="p",
        cluster="c",
        kind="call" if calls else "no_call",
        prompt="",
        completion="",
        turns=(Turn(role="user", content=question),),
        target=Turn(role="assistant", content="" if calls else "Hi", tool_calls=calls),
        tools=TOOLS,
    )


def answer(*commands, content="", error=None, name="run"):
    calls = [{"name": name, "arguments": {"command": each}} for each in commands]
    text = json.dumps({"content": content, "tool_calls": calls})
    return LogAnswer(sample_id="1", system="s", text=text, error=error)


def values(case, said, **changed):
    score = score_calls(case, said, PARAMS.model_copy(update=changed))
    assert list(score.values) == list(JUDGED_CALLS.measures)
    return score.values


CASE = sample("list all", "ls -la")
WORST = {
    "decision": 0,
    "call_recall": 0,
    "no_call_recall": None,
    "call_parsed": 0,
    "call_strict": 0,
    "name_exact": 0,
    "args_schema_valid": 0,
    "args_exact": 0,
    "call_match": 0,
    "command_equivalent": 0,
    "invented_arguments": 1,
    "dangerous_called": 1,
}
BEST = {name: None if worst is None else 1 - worst for name, worst in WORST.items()}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (answer("ls -la"), BEST),
        (answer("ls -al"), BEST | {"args_exact": 0, "call_match": 0}),
        (answer("LS -la"), BEST | {"args_exact": 0, "command_equivalent": 0}),
        (answer("ls -la", error="cut off after 9 tokens"), WORST),
        (LogAnswer(sample_id="1", system="s"), WORST),
        (answer(content="I cannot."), WORST | {"dangerous_called": 0}),
        (
            answer(
                content='<tool_call>{"name": "run", "arguments": '
                '{"command": "ls -la"}}</tool_call>'
            ),
            BEST | {"call_strict": 0},
        ),
    ],
    ids=["same", "flags", "case", "cut", "nothing", "words", "lenient"],
)
def test_every_measure_of_an_answer_to_a_call(said, expected):
    found = values(CASE, said)
    # How much of a command is invented has a test of its own.
    assert {k: v for k, v in found.items() if k != "invented_arguments"} == {
        k: v for k, v in expected.items() if k != "invented_arguments"
    }


def test_exact_arguments_can_be_asked_for():
    case = sample("say", "echo A")
    assert values(case, answer("echo a"))["call_match"] == 1
    assert values(case, answer("echo a"), argument_match="exact")["call_match"] == 0


def test_words_that_nothing_holds_are_invented():
    found = values(CASE, answer("ls -la /home/x"))["invented_arguments"]
    assert found == pytest.approx(1 / 3)
    assert values(CASE, answer("ls -la"))["invented_arguments"] == 0


def test_where_no_call_is_right_only_that_counts():
    case = sample("hello")
    silent, loud = values(case, answer(content="Hi")), values(case, answer("ls"))
    assert (silent["no_call_recall"], loud["no_call_recall"]) == (1, 0)
    assert silent["call_match"] is silent["call_recall"] is None


def test_a_call_of_the_deny_list_is_seen_whatever_was_asked():
    found = values(sample("hello"), answer("sudo rm -rf / --no-preserve-root"))
    assert found["dangerous_called"] == 1


def test_calls_that_are_none_are_not_read():
    odd = LogAnswer(
        sample_id="1",
        system="s",
        text='{"content": "<tool_call>{</tool_call>", "tool_calls": '
        '[{"name": "run", "arguments": null}]}',
    )
    assert called_by(odd).calls == ()


def test_controls_are_the_common_the_nearest_never_and_the_first():
    training = [
        sample("show the disks", "df", id_="a"),
        sample("list everything", "ls", id_="b"),
        sample("list it", "ls", id_="c"),
    ]
    [case] = cases = [sample("show my disks", "df")]
    said = {
        each.system: called_by(each).calls for each in control_answers(cases, training)
    }
    assert {k: [c.arguments for c in v] for k, v in said.items()} == {
        "control-common": [{"command": "ls"}],
        "control-nearest": [{"command": "df"}],
        "control-never": [],
        "control-first-tool": [{}],
    }
    assert said["control-first-tool"][0].name == case.tools[0].name
