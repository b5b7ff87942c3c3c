import json
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from tests.support.programs import run_script, without_mlflow, write_params
from tests.support.rows import make_curated, make_sample
from tests.support.tiny_gguf import write_tiny

from diffscribe.commits.plan import plan_json
from diffscribe.core.files import read_jsonl, write_jsonl
from diffscribe.core.records import (
    Message,
    Plan,
    PlannedChange,
    PlannedCommit,
    Prediction,
    Score,
    SplitChange,
)
from diffscribe.eval.metrics import Evaluation
from diffscribe.eval.scores import HEADLINE
from diffscribe.merge_quantize.gguf import modelfile, quantize

ROOT = Path(__file__).parents[2]
LLAMA_CPP = ROOT / ".tools/llama.cpp"


def sample(n, text="Split the change.", junk=()):
    files = (f"src/m{n}.py", f"docs/m{n}.md")
    commits = [
        PlannedCommit(files=(path,), type=type_, subject="do it")
        for path, type_ in zip(files, ("fix", "docs"), strict=True)
    ]
    target = Plan(commits=tuple(commits), gitignore=("*.log",) if junk else ())
    completion = (Message(role="assistant", content=plan_json(target)),)
    return make_sample(
        id=f"s{n}",
        prompt=(Message(role="user", content=text),),
        completion=completion,
        files=(*files, *junk),
        junk=junk,
        target=target,
    )


def change(sample):
    curated = make_curated(plan=sample.target, paths=sample.files, id=sample.id)
    return SplitChange(**dict(curated), parent_id=None, junk=sample.junk)


@pytest.fixture(scope="module")
def models(tiny_gguf, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gguf")
    for kind in ("q8_0", "q4_k_m"):
        quantize(tiny_gguf, folder / f"student-{kind}.gguf", kind)
    shutil.copy(tiny_gguf, folder / "base-f16.gguf")
    recipe = modelfile("student-q8_0.gguf", "Split the change.", 512)
    (folder / "Modelfile").write_text(recipe)
    return folder


@pytest.fixture
def broken_models(tmp_path):
    folder = tmp_path / "gguf"
    folder.mkdir()
    for name in ("student-q8_0", "base-f16"):
        (folder / f"{name}.gguf").write_bytes(b"not a model")
    recipe = modelfile("student-q8_0.gguf", "Split the change.", 512)
    (folder / "Modelfile").write_text(recipe)
    return folder


def prepare(models, samples, folder, base=None, **values):
    """Fill a folder with the inputs of the stage and return its arguments.

    The ledger is in that folder too.
    """
    folder.mkdir(exist_ok=True)
    asked = {"max_samples": 120, "max_answer_tokens": 48, "context_tokens": 512}
    render = {"max_prompt_tokens": 320, "max_answer_tokens": 192}
    write_params(folder, eval=asked | {"threads": 1} | values, render=render)
    write_jsonl(folder / "test.jsonl", samples)
    write_jsonl(folder / "splits" / "test.jsonl", map(change, samples))
    training = [change(sample(n)) for n in range(100, 110)]
    write_jsonl(folder / "splits" / "train.jsonl", training)
    planned = [
        PlannedChange(id=each.id, plan=each.target, given=each.target)
        for each in samples
    ]
    write_jsonl(folder / "plans.jsonl", planned)
    folders = (ROOT / "prompts", base or models, models)
    inputs = (*folders, "plans.jsonl", "splits", "test.jsonl")
    return [*inputs, "report", "eval.json"]


def run(arguments, folder, llama_cpp=LLAMA_CPP):
    return run_script("eval", *arguments, folder=folder, LLAMA_CPP_DIR=str(llama_cpp))


def answers_in(folder):
    """Return every answer of the ledger with when and how fast it came, by key."""
    ledger = folder / ".cache/teacher.sqlite"
    if not ledger.exists():
        return {}
    with closing(sqlite3.connect(ledger)) as database:
        try:
            rows = database.execute("SELECT * FROM answers").fetchall()
        except sqlite3.OperationalError:
            return {}
    return {row[0]: row for row in rows}


@pytest.mark.slow
def test_the_stage_asks_every_system_and_reports_on_them(models, tmp_path):
    samples = [sample(0), sample(1, junk=("x.log",)), sample(2, "word " * 2000)]
    done = run(prepare(models, samples, tmp_path / "run"), tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("eval: student-q8_0 on 3 samples")
    assert max(map(len, done.stdout.splitlines())) <= 100
    report = tmp_path / "run" / "report"
    assert sorted(path.name for path in report.iterdir()) == [
        "ballots.jsonl",
        "index.html",
        "metrics.json",
        "plots",
        "predictions.jsonl",
        "scores.jsonl",
        "table.md",
    ]
    predictions = list(read_jsonl(report / "predictions.jsonl", Prediction))
    systems = ["student-q8_0", "student-q4_k_m", "base"]
    rules = ["one-commit", "per-file", "per-directory", "original"]
    fitted = ["majority-type", "nearest", "baseline"]
    controls = [f"control-{name}" for name in (*rules, *fitted)]
    assert [(each.system, each.sample_id) for each in predictions] == [
        (system, f"s{n}") for system in (*systems, *controls) for n in range(3)
    ]
    for each in predictions:
        if each.system in systems and each.sample_id == "s2":
            assert each.error.startswith("HTTP 400: ")
            assert "context" in each.error
        elif each.system in systems:
            assert 0 < each.completion_tokens <= 48
            # The grammar leaves it the spaces, which a random model is fond of.
            assert "".join(each.text.split()).startswith('{"gitignore"')
            assert each.plan or each.error.startswith("cut off after 48 tokens; ")
    headline = json.loads((tmp_path / "run" / "eval.json").read_text())
    assert sorted(headline) == sorted(HEADLINE)
    assert all(0 <= value <= 1 for value in headline.values())
    evaluation = Evaluation.model_validate_json((report / "metrics.json").read_bytes())
    assert [each.other for each in evaluation.differences] == ["base", *controls]
    result = {each.system: each for each in evaluation.systems}
    assert list(result) == [*systems, *controls]
    assert result["control-per-directory"].scores["ari"].value == 1.0
    one_commit = result["control-one-commit"].scores
    assert one_commit["valid"].low < one_commit["valid"].high == 1.0
    values = [one_commit[name].value for name in HEADLINE]
    # `update files` is in no style: the message says nothing.
    assert values[:-1] == [1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    assert 0 < values[-1] < 0.2
    assert (one_commit["junk"].n, one_commit["valid"].n) == (1, 3)
    assert result["student-q8_0"].tokens_per_s > 0
    assert result["base"].size_mb > result["student-q8_0"].size_mb > 0.1
    assert len(list(read_jsonl(report / "scores.jsonl", Score))) == 30


@pytest.mark.slow
def test_a_stage_that_was_killed_asks_nothing_twice_and_reports_the_same(
    models, tmp_path
):
    samples = [sample(n) for n in range(8)] + [sample(8, "word " * 2000)]
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    command = prepare(models, samples, calm)
    assert run(command, calm).returncode == 0
    command = prepare(models, samples, killed)
    draw = random.Random(7)
    kept = {}
    for _ in range(4):
        stage = subprocess.Popen(
            [sys.executable, ROOT / "scripts/eval.py", *command],
            cwd=killed,
            env=without_mlflow(LLAMA_CPP_DIR=str(LLAMA_CPP)),
            stderr=subprocess.DEVNULL,
        )
        # After another three to seven of the 24 answers, or in the middle of one.
        goal = min(23, len(kept) + draw.randint(3, 7))
        while len(answers_in(killed)) < goal:
            assert stage.poll() is None
            time.sleep(0.02)
        stage.kill()
        stage.wait()
        found = answers_in(killed)
        assert found.items() >= kept.items()
        kept = found
    assert run(command, killed).returncode == 0
    assert len(answers_in(killed)) == 24
    assert answers_in(killed).items() >= kept.items()
    before = {path: path.read_bytes() for path in killed.rglob("report/**/*.*")}
    assert len(before) > 6
    assert run(command, killed).returncode == 0
    assert before == {path: path.read_bytes() for path in before}
    for name in ("report/scores.jsonl", "report/ballots.jsonl", "eval.json"):
        assert (killed / name).read_bytes() == (calm / name).read_bytes()


@pytest.mark.slow
def test_ways_in_lines_are_in_the_table_and_scored_again_without_a_server(
    tmp_path, tiny_base
):
    folder = tmp_path / "run"
    (tmp_path / "gguf").mkdir()
    write_tiny(tmp_path / "gguf/student-q8_0.gguf", context_tokens=8192)
    shutil.copy(tmp_path / "gguf/student-q8_0.gguf", tmp_path / "gguf/base-f16.gguf")
    recipe = modelfile("student-q8_0.gguf", "Split the change.", 8192)
    (tmp_path / "gguf/Modelfile").write_text(recipe)
    samples = [
        sample(n, f"Split {n}.").model_copy(update={"answer": "lines"})
        for n in range(2)
    ]
    more = ["free", "hybrid", "rerank", "groups_given"]
    values = {"context_tokens": 8192, "max_answer_tokens": 6000, "also": more}
    command = prepare(tmp_path / "gguf", samples, folder, tiny_base, **values)
    done = run(command, folder)
    assert done.returncode == 0, done.stderr
    found = Evaluation.model_validate_json(
        (folder / "report/metrics.json").read_bytes()
    )
    valid = {each.system: each.scores["valid"].value for each in found.systems}
    held = ["student-q8_0", "base", "hybrid", "rerank", "student-groups-given"]
    given = ["control-nearest-groups-given", "control-baseline-groups-given"]
    assert [valid[name] for name in held] == [1.0] * 5
    assert valid["student-free"] == 0.0
    grouped = {each.system: each.scores["ari"].value for each in found.systems}
    assert [grouped[name] for name in (*held[2:], *given)] == [1.0] * 5
    pairs = [(each.system, each.other) for each in found.differences]
    assert ("student-q8_0", "hybrid") in pairs
    assert pairs[-3:] == [
        *(("student-groups-given", name) for name in given),
        ("rerank", "control-baseline"),
    ]
    assert found.differences[-2].comparisons.keys() == {*HEADLINE[4:]}
    assert found.differences[-1].comparisons.keys() == {"ari", "exact_partition"}
    before = answers_in(folder)
    metrics = (folder / "report/metrics.json").read_bytes()
    shutil.rmtree(folder / "report")
    done = run(command, folder, llama_cpp=tmp_path)
    assert done.returncode == 0, done.stderr
    assert answers_in(folder) == before
    assert (folder / "report/metrics.json").read_bytes() == metrics
    # The base is the student's file, and rerank is told the same groups as the student.
    # Given plans are asked for message by message.
    assert len(before) == 2 * (3 + 2 + 2)


def test_no_samples_is_explained_before_a_model_is_loaded(broken_models, tmp_path):
    folder = tmp_path / "run"
    done = run(prepare(broken_models, [], folder), folder)
    assert done.returncode == 65
    assert "no sample to evaluate; raise split.test_fraction" in done.stderr
    assert not (tmp_path / "run" / "report").exists()


@pytest.mark.slow
def test_a_broken_model_leaves_the_previous_report(broken_models, tmp_path):
    before = tmp_path / "run" / "report"
    before.mkdir(parents=True)
    (before / "table.md").write_text("before")
    folder = tmp_path / "run"
    done = run(prepare(broken_models, [sample(0)], folder), folder)
    assert done.returncode == 69
    assert "llama-server ended with code" in done.stderr
    assert (before / "table.md").read_text() == "before"
