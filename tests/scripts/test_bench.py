import importlib.util
import json
import threading
from pathlib import Path

import pytest
from bench_kills import EQUAL, measured
from click.testing import CliRunner
from tests.support.fault_server import Fault, FaultServer
from tests.support.planned import commit, make_case, plan
from tests.support.rows import patch

from diffscribe.commits.plan import plan_json
from diffscribe.core.files import write_jsonl
from diffscribe.core.records import Message

ROOT = Path(__file__).parents[2]

PLAN = plan_json(make_case().target)


FOREIGN = {
    "joco": (
        {
            "id": "acme-1a2b3c4d",
            "diff": f" a.py | 2 +-\n\n{patch('a.py', 'x')}",
            "expectedMessage": "docs: add hint",
            "repository": "acme",
            "commitHash": "1a2b3c4d9e",
        },
        *("docs: add hint", "type"),
    ),
    "git-smart-commit": (
        {
            "repo_url": "github.com/acme/clockd",
            "base_commit": "a1f0",
            "head_commit": "b7c2",
            "diff": patch("a.py", "x") + patch("b.py", "y"),
            "changed_files": ["a.py", "b.py"],
            "original_commits": [
                {"sha": "b7c2", "subject": "fix: tick", "files": ["a.py", "b.py"]}
            ],
        },
        *(PLAN, "valid"),
    ),
    "messages": (
        {
            "messages": [
                {"role": "user", "content": f"Write.\n{patch('a.py', 'x')}"},
                {"role": "assistant", "content": "fix: tick once"},
            ]
        },
        *("fix: tick once", "cc_valid"),
    ),
}
"""A row of each foreign format, a right answer, and a score that tells it."""


@pytest.fixture
def cases(tmp_path):
    """A file of six cases whose prompts end with their ids."""
    rows = [
        make_case(
            plan(commit("a.py b.py", "fix", "stop early")),
            id=f"s{number}",
            prompt=(Message(role="user", content=f"s{number}"),),
        )
        for number in range(6)
    ]
    write_jsonl(tmp_path / "cases.jsonl", rows)
    return tmp_path / "cases.jsonl"


@pytest.fixture
def bench(monkeypatch, tmp_path):
    """A function from arguments to what `bench.py` did, in a folder of runs."""
    monkeypatch.chdir(ROOT)
    spec = importlib.util.spec_from_file_location("bench", ROOT / "scripts/bench.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)

    def call(*arguments, columns=160):
        return CliRunner(env={"COLUMNS": str(columns)}).invoke(
            script.main, ["--runs", str(tmp_path / "runs"), *map(str, arguments)]
        )

    return call


def asks(server):
    return [each.body["messages"][-1]["content"] for each in server.received]


def only_run(tmp_path):
    [folder] = (tmp_path / "runs").iterdir()
    return folder


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def run(bench, cases, server, *more):
    endpoint = ("--base-url", server.base_url, "--model", "m", "--attempts", 1)
    return bench("run", cases, *endpoint, *more)


def test_a_run_keeps_what_was_said_in_the_order_of_the_cases(bench, cases, tmp_path):
    with FaultServer(answer=lambda body: PLAN) as server:
        done = run(bench, cases, server)
    assert done.exit_code == 0, done.output
    assert "bench: 0 answers known, 6 asked, 0 failed" in done.output
    folder = only_run(tmp_path)
    assert folder.name in done.output
    answers = rows(folder / "answers.jsonl")
    assert [each["sample_id"] for each in answers] == [f"s{n}" for n in range(6)]
    assert {each["text"] for each in answers} == {PLAN}
    scores = json.loads((folder / "metrics.json").read_text())["scores"]
    assert (scores["valid"]["value"], scores["valid"]["n"]) == (1.0, 6)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["tokens"]["prompt"] == 6 * 30
    assert (manifest["samples"], manifest["sessions"]) == (6, 1)
    names = {path.name for path in folder.iterdir()}
    assert names == {*EQUAL, "timings.jsonl", "manifest.json"}


def test_the_same_command_again_asks_nothing(bench, cases, tmp_path):
    with FaultServer(answer=lambda body: PLAN) as server:
        run(bench, cases, server)
        before = {path: path.read_bytes() for path in only_run(tmp_path).iterdir()}
        again = run(bench, cases, server)
        assert len(server.received) == 6
    assert "6 answers known, 0 asked" in again.output
    assert {path: path.read_bytes() for path in before} == before


def test_another_question_or_model_is_another_run(bench, cases, tmp_path):
    with FaultServer(answer=lambda body: PLAN) as server:
        for more in ((), ("--seed", 8), ("--no-schema",), ("--model", "other")):
            run(bench, cases, server, *more)
    assert len(list((tmp_path / "runs").iterdir())) == 4


def test_a_server_that_breaks_off_costs_no_answer(bench, cases, tmp_path):
    with FaultServer(answer=lambda body: PLAN) as server:
        server.then(None, None, None, *[Fault.RESET] * 3)
        first = run(bench, cases, server, "--concurrency", 1)
        # It goes on as long as others are answered, else it stops.
        assert first.exit_code in (0, 69)
        assert "0 failed" in run(bench, cases, server, "--again").output
    assert [asks(server).count(f"s{n}") for n in range(3)] == [1, 1, 1]
    answers = rows(only_run(tmp_path) / "answers.jsonl")
    assert {each["text"] for each in answers} == {PLAN}


def test_what_failed_is_asked_again_only_if_told_so(bench, cases, tmp_path):
    with FaultServer(answer=lambda body: PLAN) as server:
        server.then(None, Fault.SERVER_ERROR)
        assert "1 failed" in run(bench, cases, server, "--concurrency", 1).output
        assert "0 asked, 1 failed" in run(bench, cases, server).output
        done = run(bench, cases, server, "--again")
        assert "5 answers known, 1 asked, 0 failed" in done.output
        assert asks(server)[6:] == ["s1"]
    answers = rows(only_run(tmp_path) / "answers.jsonl")
    assert {each["error"] for each in answers} == {None}


def test_a_wrong_model_stops_at_once_with_its_code(bench, cases):
    with FaultServer(answer=lambda body: PLAN) as server:
        base_url = server.base_url
    done = bench("run", cases, "--base-url", base_url, "--model", "m", "--attempts", 1)
    assert done.exit_code == 69
    assert "cannot be reached" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("run", "none.jsonl", "--gguf", "x.gguf"), 2, "'none.jsonl' does not exist"),
        (("run", "CASES"), 2, "give --gguf, or --base-url and --model"),
        (("run", "CASES", "--base-url", "http://127.0.0.1:1/v1"), 2, "give --gguf"),
        (("run", "CASES", "--gguf", "none.gguf"), 2, "'none.gguf' cannot be read"),
        (("show", "12ab"), 2, "run '12ab': no such run"),
        (("rescore", ""), 2, "no such run"),
        (
            ("run", "CASES", "--base-url", "http://u:p@h/v1", "--model", "m"),
            *(78, "holds a user or a query"),
        ),
        (
            (
                *("run", "CASES", "--base-url", "http://127.0.0.1:1/v1"),
                *("--model", "m", "--api-key-variable", "NOT_SET_HERE"),
            ),
            *(78, "the environment has no NOT_SET_HERE"),
        ),
    ],
)
def test_what_cannot_work_is_one_line_and_a_code(bench, cases, arguments, code, words):
    done = bench(*(cases if each == "CASES" else each for each in arguments))
    assert done.exit_code == code
    assert words in done.stderr


def test_scores_come_again_from_what_is_stored(bench, cases, tmp_path):
    with FaultServer(answer=lambda body: PLAN) as server:
        run(bench, cases, server)
    folder = only_run(tmp_path)
    before = (folder / "scores.jsonl").read_bytes()
    (folder / "scores.jsonl").unlink()
    (folder / "metrics.json").unlink()
    done = bench("rescore", folder.name[:6])
    assert done.output == f"rescore: {folder.name}: 6 outputs\n"
    assert (folder / "scores.jsonl").read_bytes() == before
    assert (folder / "metrics.json").exists()


def test_two_models_are_compared_sample_by_sample(bench, cases, tmp_path):
    with FaultServer(answer=lambda body: PLAN) as server:
        run(bench, cases, server)
    with FaultServer(answer=lambda body: "no") as server:
        run(bench, cases, server, "--model", "worse")
    folders = {
        json.loads((path / "run.json").read_text())["system"]: path.name
        for path in (tmp_path / "runs").iterdir()
    }
    out = tmp_path / "comparison.json"
    names = (folders["m"][:9], folders["worse"])
    done = bench("compare", *names, "--by", "type", "--out", out)
    assert done.exit_code == 0, done.output
    [line] = [each for each in done.output.splitlines() if each.startswith("valid")]
    assert line.split()[1:4] == ["100.0", "0.0", "+100.0"]
    assert "6/0/0" in line
    assert json.loads(out.read_text())["n"] == 6


def test_runs_over_the_same_cases_are_put_on_one_page(bench, cases, tmp_path):
    with FaultServer(answer=lambda _: PLAN) as server:
        for model in ("one", "two"):
            bench("run", cases, "--base-url", server.base_url, "--model", model)
    names = [folder.name for folder in sorted((tmp_path / "runs").iterdir())]
    out = tmp_path / "page" / "index.html"
    done = bench("page", *names, "--out", out, "--cases", 4)
    assert done.output == f"page: 2 runs, 8 pairs to vote on: {out}\n"
    assert "default-src 'none'" in out.read_text()


@pytest.mark.parametrize("form", FOREIGN)
def test_foreign_cases_are_run_and_compared(bench, tmp_path, form):
    row, right, score = FOREIGN[form]
    (tmp_path / "cases.jsonl").write_text(json.dumps(row) + "\n")
    with FaultServer(answer=lambda body: right) as server:
        done = run(bench, tmp_path / "cases.jsonl", server)
        assert f", {form}\n" in done.output, done.output
    with FaultServer(answer=lambda body: "") as server:
        run(bench, tmp_path / "cases.jsonl", server, "--model", "silent")
    folders = {
        json.loads((path / "run.json").read_text())["system"]: path.name
        for path in (tmp_path / "runs").iterdir()
    }
    done = bench("compare", folders["m"], folders["silent"])
    assert done.exit_code == 0, done.output
    [line] = [each for each in done.output.splitlines() if each.startswith(score)]
    assert line.split()[:4] == [score, "100.0", "0.0", "+100.0"]
    assert "1/0/0" in line


@pytest.mark.parametrize("columns", [80, 160])
def test_tables_fit_the_terminal(bench, cases, tmp_path, columns):
    with FaultServer(answer=lambda body: PLAN) as server:
        run(bench, cases, server)
        run(bench, cases, server, "--model", "a-name/that-is-longer-than-its-column")
    for arguments in (("list",), ("show", sorted((tmp_path / "runs").iterdir())[0])):
        lines = bench(*arguments, columns=columns).output.splitlines()
        assert max(map(len, lines)) <= columns
        assert any("valid" in line for line in lines)
        assert any("100.0" in line for line in lines)


def test_no_runs_are_said_to_be_none(bench):
    assert "no run in" in bench("list").output


@pytest.mark.slow
def test_a_run_that_was_killed_equals_one_that_was_not(tmp_path):
    found = measured(tmp_path, kills=5, samples=30, seed=11, stop=threading.Event())
    assert (found.asked_again, found.unequal) == (0, ())


@pytest.mark.slow
def test_a_gguf_is_served_and_asked_in_its_slots(bench, cases, tiny_gguf, tmp_path):
    more = ("--context-tokens", 512, "--max-tokens", 8, "--threads", 1)
    done = bench("run", cases, "--gguf", tiny_gguf, *more, "--concurrency", 2)
    assert done.exit_code == 0, done.output
    folder = only_run(tmp_path)
    asked = json.loads((folder / "run.json").read_text())["identity"]["model"]
    assert (asked["slots"], asked["context_tokens"]) == (2, 512)
    assert len(asked["gguf_sha256"]) == 64
    assert all(each["completion_tokens"] for each in rows(folder / "answers.jsonl"))
