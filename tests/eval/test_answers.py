import json

import pytest
from tests.support.planned import commit, make_case, plan

from diffscribe.commits.plan import plan_json
from diffscribe.eval.ask import read_answer

RIGHT = plan(commit("a.py b.py", "fix"))
MESSAGE = make_case(RIGHT, task="message")


@pytest.mark.parametrize("fence", ["", "```json\n"])
def test_a_plan_is_read_in_our_contract(fence):
    text = fence + plan_json(RIGHT) + fence[:3]
    assert read_answer(make_case(), text) == (RIGHT, None)


def test_a_plan_is_read_in_the_contract_of_git_smart_commit():
    answer = {
        "commits": [
            {
                "subject": "fix(clock)!: double the rate",
                "files": ["a.py"],
                "body": "Set T to 2.",
                "issues": [{"path": "a.py", "message": "magic number"}],
            },
            {"subject": "Tidy up", "files": ["b.py"]},
        ],
        "gitignore": ["*.log"],
    }
    read, error = read_answer(make_case(), json.dumps(answer))
    assert (read.gitignore, error) == (("*.log",), None)
    one, other = read.commits
    assert (one.type, one.scope, one.breaking) == ("fix", "clock", True)
    assert (one.subject, one.body) == ("double the rate", "Set T to 2.")
    assert one.issues[0].message == "magic number"
    assert (other.type, other.subject, other.files) == ("", "Tidy up", ("b.py",))


@pytest.mark.parametrize(
    "text",
    [
        *("no", "", '{"commits": 3}', '{"commits": [{"subject": "x"}]}'),
        '{"commits": [{"files": ["a.py"], "subject": "x", "mood": "good"}]}',
    ],
)
def test_an_answer_without_a_plan_says_why(text):
    read, error = read_answer(make_case(), text)
    assert read is None
    assert len(error) > 10


@pytest.mark.parametrize(
    ("text", "type_", "subject", "body"),
    [
        (
            "<think>hm</think>\n```\nfix(x)!: stop\n\nIt ran on.\n```",
            *("fix", "stop", "It ran on."),
        ),
        ("Stop it", *("", "Stop it", "")),
    ],
)
def test_a_message_is_one_commit_without_its_fence_and_thoughts(
    text, type_, subject, body
):
    read, error = read_answer(MESSAGE, text)
    [made] = read.commits
    assert (made.type, made.subject, made.body) == (type_, subject, body)
    assert (made.files, error) == (("a.py", "b.py"), None)


def test_no_message_is_said_to_be_none():
    assert read_answer(MESSAGE, " \n") == (None, "the answer holds no message")
