import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from diffscribe.core.records import ToolCall, ToolSpec, Turn
from diffscribe.tool_calls.chats import NumberedRow, ReadingOptions
from diffscribe.tool_calls.export import EXPORTS
from diffscribe.tool_calls.formats import READERS, detect
from diffscribe.tool_calls.records import ToolSample

SCHEMAS = json.loads(
    (Path(__file__).parents[2] / "docs/tool-exports.schema.json").read_text()
)["$defs"]
ONE = ToolCall(id="a", name="run", arguments={"command": 'echo "ä" <b>\n', "n": 3})
TWO = ToolCall(id="b", name="read", arguments={"path": "x"})
TOOLS = tuple(
    ToolSpec(
        name=name,
        description="d",
        parameters={"type": "object", "properties": {"command": {"type": "string"}}},
    )
    for name in ("run", "read")
)


def sample(target):
    return ToolSample(
        id="1",
        parent_id="p",
        cluster="c",
        kind="call",
        prompt="asked",
        completion="said",
        turns=(
            Turn(role="system", content="Help."),
            Turn(role="user", content="go"),
            Turn(role="assistant", tool_calls=(ONE,)),
            Turn(role="tool", content="ok", tool_call_id="a", name="run"),
            Turn(role="user", content="more"),
        ),
        target=target,
        tools=TOOLS,
    )


TARGETS = {
    "call": Turn(role="assistant", tool_calls=(TWO,)),
    "parallel": Turn(role="assistant", tool_calls=(TWO, ONE)),
    "words": Turn(role="assistant", content="Done."),
}


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("name", sorted(EXPORTS.keys() - {"trl"}))
def test_a_row_fits_its_schema_and_tells_the_same_chat_when_it_is_read(name, kind):
    given = sample(TARGETS[kind])
    row = json.loads(json.dumps(EXPORTS[name](given)))
    Draft202012Validator(SCHEMAS[name]).validate(row)
    [chat] = READERS[detect(row, "row")]([NumberedRow(1, row)], ReadingOptions())
    turns = [turn for turn in chat.turns if turn.role != "system"]
    assert [(t.role, t.content) for t in turns] == [
        (t.role, t.content) for t in (*given.turns[1:], given.target)
    ]
    assert [[(c.name, c.arguments) for c in t.tool_calls] for t in turns] == [
        [(c.name, c.arguments) for c in t.tool_calls]
        for t in (*given.turns[1:], given.target)
    ]
    assert chat.tools == TOOLS
    assert chat.learn[-1] == len(chat.turns) - 1
    if name in ("openai", "ms-swift"):
        assert len(chat.learn) == 1


def test_trl_reads_rows_of_different_arguments_without_nulls():
    from datasets import Dataset

    given = [sample(target) for target in TARGETS.values()]
    rows = [EXPORTS["trl"](each) for each in given]
    for row in rows:
        Draft202012Validator(SCHEMAS["trl"]).validate(row)
    assert Dataset.from_list(rows).to_list() == rows
    assert rows[0] == {"prompt": "asked", "completion": "said"}


def test_every_export_has_a_schema_that_refuses_another():
    assert SCHEMAS.keys() == EXPORTS.keys()
    rows = {name: export(sample(TARGETS["call"])) for name, export in EXPORTS.items()}
    for name, schema in SCHEMAS.items():
        fits = {
            k for k, row in rows.items() if Draft202012Validator(schema).is_valid(row)
        }
        assert fits == {name}
