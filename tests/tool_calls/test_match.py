import pytest

from diffscribe.core.records import ToolCall, ToolSpec
from diffscribe.tool_calls.match import (
    equal_calls,
    equal_names,
    equivalent_commands,
    invented_values,
    matching_calls,
    parsed_command,
)

TOOL = ToolSpec(
    name="find",
    parameters={
        "type": "object",
        "properties": {
            "text": {"type": "string"},
            "count": {"type": "integer", "default": 10},
            "share": {"type": "number"},
            "all": {"type": "boolean"},
            "tags": {"type": "array"},
            "where": {"type": "object"},
            "any": {},
            "either": {"type": ["string", "null"]},
        },
        "required": ["text"],
    },
)


def call(name="find", **arguments):
    return ToolCall(name=name, arguments=arguments)


@pytest.mark.parametrize(
    ("given", "wanted", "matches"),
    [
        ({"text": "a"}, {"text": "a"}, True),
        ({"text": "New-York."}, {"text": "new york"}, True),
        ({"text": "a"}, {"text": "b"}, False),
        # Required, unknown.
        ({}, {"text": "a"}, False),
        ({"text": "a", "size": 1}, {"text": "a"}, False),
        # Optional ones: omitted by both, or the default.
        ({"text": "a", "count": 10}, {"text": "a"}, True),
        ({"text": "a", "count": 9}, {"text": "a"}, False),
        ({"text": "a"}, {"text": "a", "count": 10}, True),
        ({"text": "a"}, {"text": "a", "count": 9}, False),
        ({"text": "a", "share": 1.0}, {"text": "a"}, False),
        # Types: an integer is a number, a boolean is neither.
        ({"text": "a", "share": 1}, {"text": "a", "share": 1.0}, True),
        ({"text": "a", "count": 1.0}, {"text": "a", "count": 1}, False),
        ({"text": "a", "count": True}, {"text": "a", "count": 1}, False),
        ({"text": "a", "any": True}, {"text": "a", "any": 1}, False),
        ({"text": "a", "all": 1}, {"text": "a", "all": True}, False),
        ({"text": 3}, {"text": "3"}, False),
        ({"text": "a", "either": None}, {"text": "a", "either": None}, True),
        ({"text": "a", "either": 3}, {"text": "a", "either": 3}, False),
        # Lists by place, objects by key.
        ({"text": "a", "tags": ["X", "y"]}, {"text": "a", "tags": ["x", "Y"]}, True),
        ({"text": "a", "tags": ["y", "x"]}, {"text": "a", "tags": ["x", "y"]}, False),
        ({"text": "a", "tags": ["x"]}, {"text": "a", "tags": ["x", "x"]}, False),
        ({"text": "a", "where": {"k": "V"}}, {"text": "a", "where": {"k": "v"}}, True),
        (
            {"text": "a", "where": {"k": 1, "l": 2}},
            {"text": "a", "where": {"k": 1}},
            False,
        ),
    ],
)
def test_arguments_match_by_the_rules(given, wanted, matches):
    assert matching_calls([call(**given)], [call(**wanted)], [TOOL]) is matches


@pytest.mark.parametrize(
    ("calls", "matches"),
    [
        ([call(text="a"), call(text="b")], True),
        ([call(text="b"), call(text="a")], True),
        ([call(text="a"), call(text="a")], False),
        ([call(text="a")], False),
        ([call(text="a"), call(text="b"), call(text="b")], False),
        ([call("other", text="a"), call(text="b")], False),
        ([], False),
    ],
)
def test_parallel_calls_are_paired_one_to_one_in_any_order(calls, matches):
    targets = [call(text="a"), call(text="b")]
    assert matching_calls(calls, targets, [TOOL]) is matches
    assert equal_calls(calls, targets) is matches


def test_a_pair_gives_way_to_one_that_has_no_other():
    # Both match the first target, but only one of them the second.
    targets = [call(text="A"), call(text="a", count=10)]
    calls = [call(text="a"), call(text="a")]
    assert matching_calls(calls, targets, [TOOL])


def test_a_tool_that_is_not_there_never_matches():
    assert not matching_calls([call()], [call()], [])
    assert equal_names([call("b"), call("a")], [call("a"), call("b")])
    assert not equal_names([call("a")], [call("a"), call("a")])


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("ls -la", "ls -al", True),
        ("ls -l -a /tmp", "ls -la /tmp", True),
        ("ls /tmp -l", "ls -l /tmp", True),
        ("git log --oneline -n 3", "git log -n 3 --oneline", True),
        ("echo 'a b'", 'echo "a b"', True),
        ("ps aux | grep x", "ps aux |grep x", True),
        ("ls -l", "ls", False),
        ("ls a b", "ls b a", False),
        ("ls; pwd", "pwd; ls", False),
        ("ls && pwd", "ls || pwd", False),
        ("echo 'a", "echo 'a", True),
        ("echo 'a", "echo a", False),
    ],
)
def test_commands_are_equal_by_their_words_and_sets_of_flags(one, other, same):
    assert (parsed_command(one) == parsed_command(other)) is same
    calls, targets = [call("run", command=one)], [call("run", command=other)]
    assert equivalent_commands(calls, targets) is same


def test_what_is_no_command_is_not_judged_as_one():
    assert equivalent_commands([call(text="a")], [call(text="a")]) is None
    assert equivalent_commands([call("run")], [call("run", command="ls")]) is False


def test_invented_is_what_neither_chat_nor_tools_nor_target_hold():
    target = [call("run", command="du -sh src")]
    made = [call("run", command="du -sh /srv/Data", depth=4, unit="10")]
    assert invented_values(made, target, [TOOL], "how big is srv data?") == ["4"]
    assert invented_values(target, target, [], "") == []
