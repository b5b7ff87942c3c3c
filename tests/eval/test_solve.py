import time
from functools import partial
from pathlib import Path

import pytest

from diffscribe.asking.ask import in_order
from diffscribe.asking.connect import Remote, connected
from diffscribe.commits.plan import plan_json
from diffscribe.core.errors import ToolError
from diffscribe.core.params import load_params
from diffscribe.eval.ask import solve


@pytest.fixture
def answers(endpoint, tmp_path, monkeypatch):
    """A function from samples to what the endpoint makes of them, one by one."""
    params = load_params(Path(__file__).parents[2] / "params.yaml").eval
    monkeypatch.chdir(tmp_path)

    def ask(*samples, timeout_s=5.0):
        model = Remote(endpoint.base_url, "m", timeout_s=timeout_s, attempts=1)
        with connected(model) as asker:
            work = partial(solve, asker=asker, system="student", params=params)
            return list(in_order(work, samples, 1, asker.close))

    return ask


def test_a_plan_is_read_and_its_cost_is_kept(endpoint, answers, case):
    asked = case("s")
    text = plan_json(asked.target)
    endpoint.will_say(text, prompt_tokens=40, completion_tokens=20)
    [prediction] = answers(asked)
    assert (prediction.sample_id, prediction.system) == ("s", "student")
    assert (prediction.text, prediction.error) == (text, None)
    assert prediction.plan == asked.target
    assert (prediction.prompt_tokens, prediction.completion_tokens) == (40, 20)
    assert prediction.latency_s > 0


def test_the_schema_lists_the_files_of_the_sample_alone(endpoint, answers, case):
    endpoint.will_say("{}")
    endpoint.will_say("{}")
    answers(case("s", ("a",)), case("t", ("b", "c")))
    formats = [each.body["response_format"] for each in endpoint.requests]
    commits = [
        each["json_schema"]["schema"]["properties"]["commits"] for each in formats
    ]
    assert [
        each["items"]["properties"]["files"]["items"]["enum"] for each in commits
    ] == [["a"], ["b", "c"]]


def test_a_case_without_a_prompt_is_not_asked(endpoint, answers, case):
    [prediction] = answers(case("s").model_copy(update={"prompt": ()}))
    assert prediction.error.startswith("not asked: ")
    assert (prediction.plan, prediction.latency_s, endpoint.requests) == (None, 0.0, [])


@pytest.mark.parametrize("text", ["", "I would rather not.", '{"commits": 3}', "[]"])
def test_an_answer_without_a_plan_is_kept_with_the_reason(
    endpoint, answers, case, text
):
    endpoint.will_say(text)
    [prediction] = answers(case("s"))
    assert (prediction.plan, prediction.text) == (None, text)
    assert len(prediction.error) > 10


def test_an_answer_that_was_cut_says_so(endpoint, answers, case):
    endpoint.will_say('{"commits": [', completion_tokens=64, finish_reason="length")
    [prediction] = answers(case("s"))
    assert prediction.plan is None
    assert prediction.error.startswith("cut off after 64 tokens: the JSON is broken")


def test_a_prompt_that_is_too_long_costs_one_sample(endpoint, answers, case):
    asked = case("t")
    endpoint.will_fail(400, "the request exceeds the context size")
    endpoint.will_say(plan_json(asked.target))
    first, second = answers(case("s"), asked)
    assert first.error == "HTTP 400: the request exceeds the context size"
    assert (first.plan, first.text, first.completion_tokens) == (None, "", 0)
    assert second.plan == asked.target


def test_a_slow_answer_costs_one_sample(endpoint, answers, case):
    endpoint.will_say("late", after_s=1.0)
    endpoint.will_say("{}")
    first, second = answers(case("s"), case("t"), timeout_s=0.3)
    assert first.error == "no answer within 0.3 s"
    assert second.text == "{}"


def test_a_server_that_is_gone_stops_the_evaluation(endpoint, answers, case):
    endpoint.will_hang_up()
    started = time.monotonic()
    with pytest.raises(ToolError, match="cannot be reached"):
        answers(case("s"), case("t"))
    assert time.monotonic() - started < 2
    assert len(endpoint.requests) == 1
