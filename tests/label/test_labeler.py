"""A labeler asks a real endpoint on this machine; only its answers are made up."""

import json
from functools import partial
from pathlib import Path

import pytest
from tests.support.style import STYLE
from tests.support.teaching import label_params

from diffscribe.asking.connect import Remote, connected
from diffscribe.commits.lesson import LessonReason
from diffscribe.commits.prompt import load_teacher_prompts
from diffscribe.core.errors import ToolError
from diffscribe.core.records import Label, PlannedCommit
from diffscribe.label.labeler import LabelFailure, label_change

FOLDER = Path(__file__).parents[2] / "prompts/teacher"
GOOD = {"files": ["a.py"], "type": "fix", "subject": "stop the leak"}
KEY = "AKIA" + "Q3EGRIZT5KMW7YXA"


@pytest.fixture
def label(endpoint, tmp_path, monkeypatch):
    """A function that labels one change as params say."""
    monkeypatch.chdir(tmp_path)

    def run(change, base_url=endpoint.base_url, **fields):
        params = label_params(base_url=base_url, **fields)
        texts = load_teacher_prompts(FOLDER, STYLE)
        with connected(Remote(base_url, "wise", concurrency=4, attempts=1)) as asker:
            work = partial(label_change, asker.ask, texts, params)
            (outcome,) = asker.in_order(work, [change])
        return outcome

    return run


def plan(**fields):
    return json.dumps({"gitignore": [], "commits": [{**GOOD, **fields}]})


def rating(points):
    return json.dumps(
        dict.fromkeys(("format", "clarity", "imperative", "agreement"), points)
    )


def asked(endpoint):
    return [request.body["messages"] for request in endpoint.requests]


def test_a_teachers_plan_is_the_label(label, endpoint, change):
    endpoint.will_say(f"```json\n{plan(body='Close it.')}\n```", 90, 12)
    outcome = label(change(("wip", ["a.py"])))
    assert outcome.result.plan.commits == (
        PlannedCommit(**{**GOOD, "files": ("a.py",)}, body="Close it."),
    )
    assert (outcome.result.source, outcome.result.teacher) == ("teacher", "wise")
    assert outcome.result.usage.prompt_tokens == 90
    assert len(outcome.result.prompt_sha256) == 64
    (request,) = endpoint.requests
    assert request.body["response_format"]["type"] == "json_schema"
    assert "wip" not in str(asked(endpoint)), "the history is not shown"


def test_a_model_is_asked_again_with_its_answer_and_the_exact_complaint(
    label, endpoint, change
):
    endpoint.will_say(plan(files=["c.py"]))
    endpoint.will_say("Sorry.")
    endpoint.will_say(plan())
    outcome = label(change(("wip", ["a.py"])))
    assert outcome.result.plan.commits[0].files == ("a.py",)
    assert [spent.is_reask for spent in outcome.spent] == [False, True, True]
    first, second, third = asked(endpoint)
    assert second[:2] == first
    assert second[2] == {"role": "assistant", "content": plan(files=["c.py"])}
    assert "the change has no files `c.py`" in second[3]["content"]
    assert third[:4] == second
    assert third[4]["content"] == "Sorry."
    assert "holds no whole JSON object" in third[5]["content"]


def test_after_all_reasks_the_change_is_a_failure_with_its_reason(
    label, endpoint, change
):
    for _ in range(2):
        endpoint.will_say(plan(subject="stop the leak."))
    row = change(("wip", ["a.py"]))
    outcome = label(row, reasks=1)
    assert outcome.result == LabelFailure(
        id=row.id,
        repo=row.repo,
        head=row.head,
        reason="full_stop",
        words="commit 1: the subject 'stop the leak.' ends with a full stop",
        model="wise",
        answer=plan(subject="stop the leak."),
    )
    assert len(outcome.spent) == 2


def test_an_answer_that_was_cut_off_is_told_so(label, endpoint, change):
    endpoint.will_say(plan()[:-9], 90, 300, finish_reason="length")
    outcome = label(change(("wip", ["a.py"])), reasks=0)
    assert outcome.result.reason == "cut_off"
    assert "after 300 tokens" in outcome.result.words


def test_a_draft_that_was_cut_off_is_no_label(label, endpoint, change):
    endpoint.will_say(f"Maybe {plan()}. But", 90, 300, finish_reason="length")
    endpoint.will_say(f"Maybe {plan()}. No: {plan(subject='stop the loss')}")
    label = label(change(("wip", ["a.py"]))).result
    assert [each.subject for each in label.plan.commits] == ["stop the loss"]
    assert len(endpoint.requests) == 2


def test_an_empty_answer_can_be_asked_for_again(label, endpoint, change):
    endpoint.will_say("")
    endpoint.will_say(plan())
    assert label(change(("wip", ["a.py"]))).result.source == "teacher"
    assert asked(endpoint)[1][2]["content"] == "(nothing)"


def test_a_request_that_fails_alone_fails_its_change_alone(label, endpoint, change):
    endpoint.will_fail(400, "maximum context length exceeded")
    outcome = label(change(("wip", ["a.py"])))
    assert outcome.result.reason == "refused"
    assert "maximum context length" in outcome.result.words


def test_an_endpoint_that_refuses_the_key_ends_all(label, endpoint, change):
    endpoint.will_fail(401, "bad key")
    with pytest.raises(ToolError, match="bad key"):
        label(change(("wip", ["a.py"])))


def test_secrets_leave_as_placeholders_and_paths_come_back_as_they_are(
    label, endpoint, change, monkeypatch
):
    """The proxy that the environment names stands in for another machine."""
    monkeypatch.setenv("http_proxy", endpoint.base_url.removesuffix("/v1"))
    there = "http://teacher.example/v1"
    row = change(("wip", [f"{KEY}.py"]))
    row = row.model_copy(update={"diff": row.diff.replace("new ", f"new {KEY} ")})
    endpoint.will_say(plan(files=[f"{KEY[::-1]}.py"]))
    endpoint.will_say("?")
    failure = label(row, base_url=there, reasks=1).result
    text = str(asked(endpoint))
    assert KEY not in text
    assert "the change has no files" in text
    assert failure.reason == "not_json"
    assert endpoint.requests[0].path == "http://teacher.example/v1/chat/completions"
    sent = "<" + text.partition("M <")[2].partition(" ")[0]
    issues = [{"path": sent, "message": "a key"}]
    endpoint.will_say(plan(files=[sent], issues=issues))
    (commit,) = label(row, base_url=there, model="other").result.plan.commits
    assert commit.files == (f"{KEY}.py",)
    assert commit.issues[0].path == f"{KEY}.py"


def test_a_change_with_a_private_key_is_not_sent_to_another_machine(label, change):
    row = change(("wip", ["a.py"]))
    key = f"'-----BEGIN PRIVATE KEY-----{'MIIEvQIBADANBgkqhkiG9w0B' * 4}'"
    row = row.model_copy(update={"diff": row.diff.replace("new ", key)})
    outcome = label(row, base_url="https://api.example.com/v1")
    assert outcome.result.reason == "private_key"
    assert outcome.spent == ()


def test_clean_messages_of_a_model_replace_those_of_the_history(
    label, endpoint, change
):
    row = change(
        ("feat(a): added fast path\n\nJIRA-1", ["a.py"]), ("fix: wip", ["b.py"])
    )
    endpoint.will_say('{"messages": [{"subject": "add a fast path"}]}')
    endpoint.will_say(
        '{"messages": [{"subject": "add a fast path", "body": "It is quick."},'
        ' {"subject": "stop the leak"}]}'
    )
    outcome = label(row, source="history", cleanup="teacher")
    first, second = outcome.result.plan.commits
    assert (first.type, first.scope, first.subject) == ("feat", "a", "add a fast path")
    assert first.body == "It is quick."
    assert (second.subject, second.files) == ("stop the leak", ("b.py",))
    assert outcome.result.source == "history"
    assert "JIRA" not in str(asked(endpoint)[0])
    assert "there are 1 messages, and 2 are needed" in str(asked(endpoint)[1])


def test_messages_are_rated_as_they_were_and_cleaned(label, endpoint, change):
    for points in (2, 4, 9, 9):
        endpoint.will_say(rating(points))
    row = change(("Fixed: stop the leak!!1 (#12)", ["a.py"]))
    outcome = label(row, source="history", raters=("wise", "wise"))
    assert outcome.result.ratings == {
        "message": 0.3,
        "cleaned": 0.9,
        "raters_agree": 0.8,
    }
    texts = [messages[1]["content"] for messages in asked(endpoint)]
    assert "#12" in texts[0]
    assert "#12" not in texts[2]
    assert [request.body["seed"] for request in endpoint.requests] == [7, 8, 7, 8]


def test_one_rater_gives_no_figure_of_agreement(label, endpoint, change):
    endpoint.will_say(rating(5))
    endpoint.will_say(rating(6))
    outcome = label(
        change(("fix: x y (#1)", ["a.py"])), source="history", raters=("wise",)
    )
    assert outcome.result.ratings == {"message": 0.5, "cleaned": 0.6}


def test_what_history_cannot_label_is_no_failure_of_a_model(label, endpoint, change):
    outcome = label(change(("fix: #1", ["a.py"])), source="history", raters=("wise",))
    assert outcome.result == LessonReason.EMPTY_SUBJECT
    assert endpoint.requests == []


@pytest.mark.parametrize(
    "message", ["fix: #1", "wip", "fix: stopped the leak", "fix: see read_all()"]
)
def test_blend_asks_the_teacher_where_history_is_no_good(
    message, label, endpoint, change
):
    endpoint.will_say(plan())
    assert label(change((message, ["a.py"])), source="blend").result.source == "teacher"


def test_blend_keeps_what_the_history_gave_beside_the_teachers_plan(
    label, endpoint, change
):
    for answer in (rating(2), rating(6), plan(subject="stop all leaks")):
        endpoint.will_say(answer)
    row = change(("fix(a): stop the leak (#1)", ["a.py"]))
    result = label(row, source="blend", raters=("wise",)).result
    assert (result.source, result.ratings) == ("teacher", {})
    assert result.plan.commits[0].subject == "stop all leaks"
    assert result.history.plan.commits[0].scope == "a"
    assert result.history.ratings == {"message": 0.2, "cleaned": 0.6}
    again = Label.model_validate_json(result.model_dump_json())
    assert again == result
    assert "history" not in again.history.model_dump()


def test_blend_has_nothing_to_keep_of_a_history_without_a_plan(label, endpoint, change):
    endpoint.will_say(plan())
    result = label(change(("fix: #1", ["a.py"])), source="blend").result
    assert result.history is None
    assert "history" not in json.loads(result.model_dump_json())


def test_blend_takes_good_history_without_asking(label, endpoint, change):
    outcome = label(change(("fix: stop the leak", ["a.py"])), source="blend")
    assert outcome.result.source == "history"
    assert outcome.result.history is None
    assert outcome.spent == ()
    assert endpoint.requests == []


@pytest.mark.parametrize(("points", "source"), [(7, "history"), (6, "teacher")])
def test_blend_takes_history_that_is_rated_high_enough(
    points, source, label, endpoint, change
):
    for answer in (rating(0), rating(points), plan()):
        endpoint.will_say(answer)
    row = change(("fix: stop the leak (#1)", ["a.py"]))
    assert label(row, source="blend", raters=("wise",)).result.source == source


def test_blend_asks_for_a_plan_where_messages_cannot_be_cleaned(
    label, endpoint, change
):
    endpoint.will_say("no")
    endpoint.will_say(plan())
    row = change(("fix: stop the leak", ["a.py"]))
    outcome = label(row, source="blend", cleanup="teacher", reasks=0)
    assert outcome.result.source == "teacher"
    assert len(outcome.spent) == 2
