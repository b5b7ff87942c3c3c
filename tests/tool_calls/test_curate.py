import pytest

from diffscribe.core.log_params import ToolCurateParams
from diffscribe.core.records import ToolCall, ToolSpec, Turn
from diffscribe.tool_calls.curate import (
    CurateReason,
    curate_interactions,
    failed_responses,
)
from diffscribe.tool_calls.records import Interaction, interaction_id

PARAMS = ToolCurateParams(max_turns=8, max_per_call=2, errors="mask")
SCHEMA = {
    "type": "object",
    "properties": {"command": {"type": "string"}},
    "required": ["command"],
}
TOOLS = (ToolSpec(name="run", parameters=SCHEMA),)


def ask(text="who?"):
    return Turn(role="user", content=text)


def called(name="run", content="", **arguments):
    call = ToolCall(id="1", name=name, arguments=arguments or {"command": "who"})
    return Turn(role="assistant", content=content, tool_calls=(call,))


def told(status="ok", content="ann"):
    return Turn(
        role="tool", content=content, tool_call_id="1", name="run", status=status
    )


def say(text):
    return Turn(role="assistant", content=text)


def interaction(*turns, learn=None, tools=TOOLS, **changed):
    spoken = tuple(at for at, turn in enumerate(turns) if turn.role == "assistant")
    values = {
        "id": interaction_id(turns, tools),
        "source": "log",
        "line": 1,
        "at": "",
        "session": "s",
        "model": "m",
        "turns": turns,
        "tools": tools,
        "tools_inferred": False,
        "rating": None,
        "learn": spoken if learn is None else learn,
        "reconstructed": False,
    }
    return Interaction(**values | changed)


def outcome(*turns, params=PARAMS, **changed):
    """The turns to learn, or the reason why there are none."""
    result = curate_interactions([interaction(*turns, **changed)], params)
    return result.kept[0].learn if result.kept else result.rejected[0].reason


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ([ask(), called(), told(), say("ann")], (1, 3)),
        ([ask(), called()], (1,)),
        # What failed is context; what follows is learned.
        ([ask(), called(command="wo"), told("error"), called(), told()], (3,)),
        ([ask(), called(command="wo"), told("denied"), say("I will not.")], (3,)),
        ([ask(), called(), told("error")], CurateReason.FAILED_CALL),
        ([ask(), called(), told("denied")], CurateReason.DENIED),
        ([ask(), called(), told(), told("denied")], CurateReason.DENIED),
        ([called()], CurateReason.NO_QUESTION),
        ([ask()], CurateReason.NOT_LEARNED),
        ([ask(), *[called()] * 8], CurateReason.TOO_MANY_TURNS),
        ([ask(), called("other")], CurateReason.UNKNOWN_TOOL),
        ([ask(), called(command=3)], CurateReason.INVALID_ARGUMENTS),
        ([ask(), called(cmd="who")], CurateReason.INVALID_ARGUMENTS),
        (
            [ask(), called(command="mysql -p<secret:command_password:1>")],
            CurateReason.SECRET_IN_TARGET,
        ),
        ([ask("key <secret:token:1>"), called()], (1,)),
        ([ask(), called(command="echo </tool_call>")], CurateReason.MARK_IN_TARGET),
        ([ask(), say("<|im_end|> x")], CurateReason.MARK_IN_TARGET),
        ([ask(), called(), told(content="<|im_end|>")], (1,)),
    ],
)
def test_what_may_be_learned_is_told_turn_by_turn(turns, expected):
    assert outcome(*turns) == expected


def test_turns_that_the_log_excludes_are_not_learned():
    turns = [ask(), called(), told(), say("ann")]
    assert outcome(*turns, learn=(3,)) == (3,)
    assert outcome(*turns, learn=()) == CurateReason.NOT_LEARNED


def test_chats_with_an_error_can_be_dropped_whole():
    turns = [ask(), called(), told("error"), called(), told()]
    drop = PARAMS.model_copy(update={"errors": "drop"})
    assert outcome(*turns, params=drop) == CurateReason.HAS_ERROR


def test_a_tool_whose_schema_is_broken_judges_nothing():
    broken = (ToolSpec(name="run", parameters={"type": "objekt"}),)
    assert outcome(ask(), called(command=3), tools=broken) == (1,)


def test_equal_interactions_are_one_and_equal_calls_few():
    rows = [interaction(ask(str(n)), called()) for n in (1, 1, 2, 3, 4)]
    answers = [interaction(ask(str(n)), say("no")) for n in range(4)]
    result = curate_interactions([*rows, *answers], PARAMS)
    assert [each.reason for each in result.rejected] == [
        CurateReason.DUPLICATE,
        *[CurateReason.REPEATED_CALL] * 2,
    ]
    assert len(result.kept) == 2 + 4
    assert result.metrics()["targets"] == 6


def test_what_failed_by_a_later_row_is_not_learned_from_its_own():
    asked = interaction(ask(), called(command="wo"))
    later = interaction(
        *(ask(), called(command="wo"), told("error"), called()), learn=(3,)
    )
    rows = [asked, later]
    result = curate_interactions(rows, PARAMS, failed_responses(rows))
    assert [each.reason for each in result.rejected] == [CurateReason.FAILED_CALL]
    assert [each.learn for each in result.kept] == [(3,)]
