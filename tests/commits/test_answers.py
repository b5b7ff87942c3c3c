import json

import pytest

from diffscribe.commits.plan import Flaw, FlawError, plan_schema, read_record
from diffscribe.core.records import Plan

COMMITS = [{"files": ["a.py"], "type": "fix", "subject": "stop the {leak}"}]
ANSWER = {"gitignore": [], "commits": COMMITS}
TEXT = json.dumps(ANSWER)


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        f"```json\n{TEXT}\n```",
        f"Here {{it}} is:\n\n{TEXT}\n\nAnd {{}} more.",
        f"{TEXT}{TEXT}",
        json.dumps(TEXT),
        json.dumps({"gitignore": "[]", "commits": json.dumps(COMMITS)}),
        json.dumps(ANSWER, indent=3),
    ],
)
def test_a_plan_is_found_however_it_is_wrapped(text):
    assert read_record(text, Plan, plan_schema(["a.py"])) == Plan.model_validate(ANSWER)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no whole JSON object"),
        ("I cannot help with that.", "holds no whole JSON object"),
        ("[1]", "holds no whole JSON object"),
        (TEXT[:-3], "holds no whole JSON object"),
        ('{"commits": []}', "with the keys gitignore, commits"),
        ('{"gitignore": [], "commits": "none"}', "commits: Input should be"),
        ('{"gitignore": [], "commits": [], "notes": 1}', "notes: Extra inputs"),
        ('{"gitignore": [], "commits": [{"files": [1]}]}', "files.0"),
        ('{"a": ' + "[" * 99_999, "holds no whole JSON object"),
        ('{"commits": [], "gitignore": ["\\ud800"]}', "Invalid JSON"),
    ],
)
def test_what_is_no_plan_is_explained_in_a_line(text, words):
    with pytest.raises(FlawError) as caught:
        read_record(text, Plan, plan_schema(["a.py"]))
    assert caught.value.flaw == Flaw.NOT_JSON
    assert words in str(caught.value)
