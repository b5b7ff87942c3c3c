import json
from pathlib import Path

import pytest
from tests.support.planned import commit, make_case, plan

from diffscribe.commits.plan import plan_json
from diffscribe.core.errors import InputError, RecordError
from diffscribe.core.params import load_params
from diffscribe.eval.bench.files import read_run
from diffscribe.eval.bench.formats import CaseFile
from diffscribe.eval.bench.inspect_log import export_log, import_log

HOUSE = load_params(Path(__file__).parents[3] / "params.yaml").eval.house
RIGHT = plan_json(plan(commit("a.py b.py", "fix", "stop early")))
CASES = CaseFile("diffscribe cases", tuple(make_case(id=f"s{n}") for n in range(3)))


def sample(case_id, content, stop_reason="stop", epoch=1, **fields):
    message = {"role": "assistant", "content": content}
    output = {
        "model": "served-1",
        "choices": [{"message": message, "stop_reason": stop_reason}],
        "usage": {"input_tokens": 7, "output_tokens": 5, "total_tokens": 12},
    }
    return {"id": case_id, "epoch": epoch, "input": "q", "output": output, **fields}


SAMPLES = (
    sample("s0", RIGHT, total_time=0.5),
    sample("s1", [{"type": "text", "text": "no"}], "max_tokens"),
    sample("s2", "", error={"message": "it broke", "traceback": ""}),
    sample("s0", "of a later epoch", epoch=2),
)


@pytest.fixture
def log(tmp_path):
    """A log with an answer, one that was cut, and a failure."""

    def write(*samples):
        path = tmp_path / "log.json"
        told = {"model": "provider/m", "created": "2026-01-02T03:04:05+00:00"}
        path.write_text(json.dumps({"version": 2, "eval": told, "samples": samples}))
        return path

    return write


@pytest.fixture
def run(log, tmp_path):
    """The run of that log."""
    return read_run(
        import_log(tmp_path / "runs", log(*SAMPLES), CASES, "c.jsonl", HOUSE)
    )


def test_a_log_is_a_run_with_our_scores(run):
    assert run.run.system == "provider/m"
    assert [each.text for each in run.outputs] == [RIGHT, "no", ""]
    assert [each.error for each in run.outputs] == [None, None, "it broke"]
    assert [each.finish_reason for each in run.outputs][1] == "length"
    assert (run.outputs[0].prompt_tokens, run.timings[0].latency_s) == (7, 0.5)
    scores = json.loads((run.folder / "metrics.json").read_text())["scores"]
    assert scores["valid"]["value"] == pytest.approx(1 / 3)


def test_a_run_that_went_out_comes_back_the_same(run, tmp_path):
    assert export_log(run, tmp_path / "out.json") == 3
    folder = import_log(
        tmp_path / "again", tmp_path / "out.json", CASES, "c.jsonl", HOUSE
    )
    for name in ("answers.jsonl", "cases.jsonl"):
        assert (folder / name).read_bytes() == (run.folder / name).read_bytes()


def test_inspect_reads_what_is_written(run, tmp_path):
    inspect = pytest.importorskip("inspect_ai.log")
    export_log(run, tmp_path / "out.json")
    read = inspect.read_eval_log(str(tmp_path / "out.json"))
    assert (read.status, read.eval.model) == ("success", "provider/m")
    assert [each.output.completion for each in read.samples] == [RIGHT, "no", ""]
    assert read.samples[0].scores["valid"].value == 1.0
    assert read.samples[2].error.message == "it broke"
    [valid] = [each for each in read.results.scores if each.name == "valid"]
    assert valid.metrics["mean"].value == pytest.approx(1 / 3)
    inspect.write_eval_log(read, str(tmp_path / "theirs.json"))
    theirs = import_log(
        tmp_path / "theirs", tmp_path / "theirs.json", CASES, "c.jsonl", HOUSE
    )
    answers = (theirs / "answers.jsonl").read_bytes()
    assert answers == (run.folder / "answers.jsonl").read_bytes()


def test_a_log_of_other_samples_is_refused(log, tmp_path):
    with pytest.raises(RecordError, match=r"2 ids are only in .* such as s2, x"):
        import_log(
            tmp_path / "runs",
            log(*SAMPLES[:2], sample("x", "")),
            *(CASES, "c.jsonl", HOUSE),
        )


@pytest.mark.parametrize("text", ["{", "{}", '{"eval": {"model": 1}, "samples": []}'])
def test_what_is_no_log_is_refused(tmp_path, text):
    (tmp_path / "log.json").write_text(text)
    with pytest.raises(RecordError, match=r"log\.json: not a whole log"):
        import_log(tmp_path, tmp_path / "log.json", CASES, "c.jsonl", HOUSE)
    with pytest.raises(InputError, match=r"none\.json"):
        import_log(tmp_path, tmp_path / "none.json", CASES, "c.jsonl", HOUSE)
