import json
import shutil
from pathlib import Path

import jsonschema
import pytest
from tests.support.style import STYLE, style
from tests.support.teaching import label_params

from diffscribe.commits.prompt import load_teacher_prompts
from diffscribe.core.errors import InputError
from diffscribe.doors.reply import question_key
from diffscribe.label.check import FlawError
from diffscribe.label.questions import (
    clean_question,
    parse_rating,
    plan_question,
    rate_question,
    rating_schema,
    reask_question,
)

FOLDER = Path(__file__).parents[2] / "prompts/teacher"


@pytest.fixture
def prompts():
    return load_teacher_prompts(FOLDER, STYLE)


@pytest.fixture
def window(change):
    return change(("fix: x", ["a.py", "$schema $b.py"]), gitignore=("*.log",))


def test_a_plan_is_asked_for_with_rules_change_and_schema(prompts, window):
    request = plan_question(window, prompts, label_params())
    system, user = (message.content for message in request.messages)
    assert "at most 72 characters" in system
    assert "Leave it out where the subject says all" in system
    assert "$" not in system
    assert "M a.py +1 -1" in user
    assert "Ignored already: *.log" in user
    assert "+new acme/app b1" in user
    assert user.endswith(json.dumps(request.schema, separators=(",", ":")))
    files = request.schema["properties"]["commits"]["items"]["properties"]["files"]
    assert files["items"]["enum"] == ["$schema $b.py", "a.py"]
    assert (request.model, request.seed, request.max_tokens) == ("wise", 7, 300)


def test_the_house_rules_stand_in_the_prompt(window):
    usual = load_teacher_prompts(FOLDER, STYLE).plan.system
    assert "imperative mood" in usual and "no full stop" in usual
    other = style(
        max_header_chars=50,
        body="required",
        types=("feat", "fix"),
        imperative=False,
        full_stop=True,
    )
    request = plan_question(window, load_teacher_prompts(FOLDER, other), label_params())
    system = request.messages[0].content
    assert "at most 50 characters" in system
    assert "Every commit has one" in system
    assert "Allowed are feat, fix." in system
    assert "imperative mood" not in system and "full stop" not in system


def test_a_long_diff_is_cut_and_a_long_list_of_files_is_not_asked_about(
    prompts, change
):
    lines = "".join(f"+line {number}\n" for number in range(2000))
    window = change(
        ("fix: x", ["a.py"]),
        diff="diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n"
        f"@@ -0,0 +1,2000 @@\n{lines}",
    )
    request = plan_question(window, prompts, label_params(max_prompt_chars=7000))
    assert sum(len(message.content) for message in request.messages) <= 7000
    assert "(1 hunk)" in request.messages[1].content
    assert plan_question(window, prompts, label_params(max_prompt_chars=3000)) is None


@pytest.mark.parametrize(("own", "second"), [(0.0, 1.0), (0.5, 0.5), (None, None)])
def test_a_second_sample_of_a_rater_is_another_request(prompts, window, own, second):
    params = label_params(raters=("wise", "other", "wise"), temperature=own)
    asked = [rate_question(window, ["fix: x"], n, prompts, params) for n in range(3)]
    assert [request.model for request in asked] == ["wise", "other", "wise"]
    assert [request.seed for request in asked] == [7, 7, 8]
    assert [request.temperature for request in asked] == [own, own, second]
    assert len({question_key(request) for request in asked}) == 3
    assert "--- message 1\nfix: x" in asked[0].messages[1].content


def test_as_many_clean_messages_are_asked_for_as_there_are(prompts, window):
    messages = ["fix: a $diff", "fix: b"]
    request = clean_question(window, messages, prompts, label_params())
    assert "--- message 1\nfix: a $diff\n\n--- message 2\nfix: b" in (
        request.messages[1].content
    )
    two = {"messages": [{"subject": "a"}, {"subject": "b", "body": ""}]}
    jsonschema.validate(two, request.schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"messages": [{"subject": "a"}]}, request.schema)


def test_a_model_is_shown_its_own_answer_and_the_complaint(prompts, window):
    request = plan_question(window, prompts, label_params())
    again = reask_question(request, "{$x", "in no commit: `$y`", prompts, 1000)
    assert again.messages[:2] == request.messages
    assert [each.role for each in again.messages[2:]] == ["assistant", "user"]
    assert again.messages[2].content == "{$x"
    assert "cannot be used: in no commit: `$y`" in again.messages[3].content
    assert again._replace(messages=()) == request._replace(messages=())
    long = reask_question(request, "{" * 2000, "no", prompts, 1000)
    assert long.messages[2].content == "{" * 1000


def test_every_question_tells_what_it_is_about_and_if_it_is_private(prompts, window):
    params = label_params(raters=["wise"])
    plan = plan_question(window, prompts, params)
    questions = [
        plan,
        clean_question(window, ["fix: x"], prompts, params),
        rate_question(window, ["fix: x"], 0, prompts, params),
        reask_question(plan, "{", "no", prompts, 1000),
    ]
    assert {question.about for question in questions} == {window.repo}
    assert not any(question.private for question in questions)
    own = window.model_copy(update={"private": True})
    assert plan_question(own, prompts, params).private


def test_an_unknown_variable_in_a_prompt_is_named_with_its_file(tmp_path):
    folder = shutil.copytree(FOLDER, tmp_path / "teacher")
    (folder / "rate_user.md").write_text("$diff $mesages")
    with pytest.raises(InputError, match=r"rate_user\.md: only \$diff, \$files"):
        load_teacher_prompts(folder, STYLE)


@pytest.mark.parametrize("text", ["imperative: yes", "- a", "{", "english: English"])
def test_a_missing_word_for_the_style_is_named_with_its_file(text, tmp_path):
    folder = shutil.copytree(FOLDER, tmp_path / "teacher")
    (folder / "style.yaml").write_text(text)
    with pytest.raises(InputError, match=r"style\.yaml: "):
        load_teacher_prompts(folder, STYLE)


POINTS = {"format": 10, "clarity": 5, "imperative": 0, "agreement": 7}


def test_a_rating_is_the_mean_of_its_four_criteria():
    assert parse_rating(json.dumps(POINTS)).score == pytest.approx(0.55)
    assert parse_rating(json.dumps(dict.fromkeys(POINTS, 10))).score == 1.0
    assert parse_rating(json.dumps(dict.fromkeys(POINTS, 0))).score == 0.0


@pytest.mark.parametrize("value", [11, -1, 7.5, "7", True, None])
def test_points_are_never_clamped_or_guessed(value):
    with pytest.raises(FlawError, match="clarity"):
        parse_rating(json.dumps(POINTS | {"clarity": value}))


def test_a_bare_number_and_a_missing_criterion_are_no_rating():
    with pytest.raises(FlawError, match="no whole JSON object"):
        parse_rating("0.8")
    with pytest.raises(
        FlawError, match="the keys format, clarity, imperative, agreement"
    ):
        parse_rating(
            json.dumps({**POINTS, "agreement": None}).replace(', "agreement": null', "")
        )


def test_the_schema_asks_for_what_is_parsed():
    assert rating_schema()["required"] == list(POINTS)
