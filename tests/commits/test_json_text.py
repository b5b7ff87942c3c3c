import json
import time

import pytest

from diffscribe.commits.plan import extract_json

PLAN = {
    "type": "object",
    "properties": {
        "gitignore": {"type": "array", "items": {"type": "string"}},
        "commits": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "subject": {"type": "string"},
                    "files": {"type": "array"},
                },
            },
        },
    },
    "required": ["gitignore", "commits"],
}
GOOD = '{"gitignore": [], "commits": [{"subject": "a {b}", "files": ["c"]}]}'


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"```json\n{GOOD}\n```",
        f"~~~\n{GOOD}\n~~~",
        f"Here you go:\n\n{GOOD}\n\nI hope it helps {{smile}}.",
        f"{{not json}} then {GOOD}",
        f'For example {{"a": 1}}, so: {GOOD}',
        f"{GOOD}{GOOD}",
        json.dumps(GOOD),
        f" {json.dumps(GOOD)} ",
    ],
)
def test_the_object_is_found_as_it_was_written(text):
    assert extract_json(text, PLAN) == GOOD


@pytest.mark.parametrize(
    "text", ["", "no", "{", "[1, 2]", "{{{", '{"a": 1', "{" * 200_000]
)
def test_what_is_no_whole_object_is_none(text):
    started = time.monotonic()
    assert extract_json(text) is None
    assert time.monotonic() - started < 1


def test_a_cut_plan_is_no_plan_though_an_object_in_it_is_whole():
    assert extract_json(GOOD[:-1]) == '{"subject": "a {b}", "files": ["c"]}'
    assert extract_json(GOOD[:-1], PLAN) is None


def test_values_that_are_strings_of_json_are_unwrapped_where_the_schema_says_so():
    commits = [{"subject": "[skip] {}", "files": json.dumps(["c"])}]
    text = json.dumps({"gitignore": "[]", "commits": json.dumps(commits)})
    assert json.loads(extract_json(text, PLAN)) == {
        "gitignore": [],
        "commits": [{"subject": "[skip] {}", "files": ["c"]}],
    }


def test_a_string_stays_where_a_string_is_meant():
    text = '{"gitignore": [], "commits": [{"subject": "{}", "files": []}]}'
    assert extract_json(text, PLAN) == text


def test_without_a_schema_the_first_object_counts():
    assert extract_json('{"a": "[]"} {"b": 2}') == '{"a": "[]"}'


def test_keys_that_occur_twice_are_kept_for_who_checks_them():
    assert extract_json('x {"a": 1, "a": 2}') == '{"a": 1, "a": 2}'


@pytest.mark.parametrize(
    "value", ["1" * 5000, "[" * 900 + "]" * 900, "[" * 5000 + "]" * 5000]
)
def test_numbers_and_depths_that_no_one_means_are_no_object(value):
    text = f'{{"commits":{value}}} {{"commits":[]}}'
    assert extract_json(text, {"required": ["commits"]}) in (
        '{"commits":[]}',
        f'{{"commits":{value}}}',
        None,
    )
