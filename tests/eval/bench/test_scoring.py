from pathlib import Path

import pytest
from tests.support.planned import commit, make_case, plan

from diffscribe.commits.plan import plan_json
from diffscribe.core.files import read_jsonl
from diffscribe.core.params import load_params
from diffscribe.core.records import Score
from diffscribe.eval.bench.run_records import Output
from diffscribe.eval.bench.scoring import prediction_of, write_scores
from diffscribe.eval.scores import score

HOUSE = load_params(Path(__file__).parents[3] / "params.yaml").eval.house
RIGHT = plan_json(plan(commit("a.py b.py", "fix")))


def output(text, sample_id="s1", **fields):
    values = {
        "sample_id": sample_id,
        "text": text,
        "error": None,
        "finish_reason": "stop",
        "prompt_tokens": 3,
        "completion_tokens": 2,
        "reasoning_tokens": 0,
        "model": "m",
    }
    return Output(**values | fields)


def test_an_output_is_read_again_each_time():
    read = prediction_of(make_case(), output(RIGHT), "m", latency_s=0.5)
    assert read.plan == plan(commit("a.py b.py", "fix"))
    assert (read.system, read.error, read.latency_s) == ("m", None, 0.5)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (output("no"), "holds no JSON object"),
        (output("{", finish_reason="length"), "cut off after 2 tokens: "),
        (output(RIGHT, error="no answer within 1 s"), "no answer within 1 s"),
    ],
)
def test_an_output_without_a_plan_says_why(said, words):
    read = prediction_of(make_case(), said, "m")
    assert read.plan is None
    assert words in read.error


def test_a_message_is_one_commit_without_its_fence_and_thoughts():
    case = make_case(plan(commit("a.py b.py", "fix")), task="message")
    text = "<think>hm</think>\n```\nfix(x)!: stop\n\nIt ran on.\n```"
    [made] = prediction_of(case, output(text), "m").plan.commits
    assert (made.type, made.scope, made.breaking) == ("fix", "x", True)
    assert (made.subject, made.body, made.files) == (
        *("stop", "It ran on.", ("a.py", "b.py")),
    )
    [made] = prediction_of(case, output("Stop it"), "m").plan.commits
    assert (made.type, made.subject) == ("", "Stop it")
    assert prediction_of(case, output(" \n"), "m").plan is None


@pytest.mark.slow
def test_many_outputs_are_scored_in_order_by_several_processes(tmp_path):
    cases = [make_case(id=f"s{number}") for number in range(2000)]
    outputs = [
        output(RIGHT if number % 3 else "no", case.id)
        for number, case in enumerate(cases)
    ]
    write_scores(tmp_path, "m", cases, outputs, HOUSE)
    scores = list(read_jsonl(tmp_path / "scores.jsonl", Score))
    assert [each.sample_id for each in scores] == [case.id for case in cases]
    for at in (0, 1, 999, 1999):
        read = prediction_of(cases[at], outputs[at], "m")
        assert scores[at] == score(cases[at], read, HOUSE)
