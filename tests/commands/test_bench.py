import json
import re
import sqlite3
import threading
from pathlib import Path

import pytest
import yaml
from benchmarks.eval_kills import differing, measure
from click.testing import CliRunner
from tests.support.fault_server import Fault, FaultServer
from tests.support.planned import commit, make_case, plan
from tests.support.rows import make_curated, patch

from diffscribe.commands.bench import WRITTEN, bench_command, find_contamination
from diffscribe.commits.plan import plan_json
from diffscribe.core.errors import InputError
from diffscribe.core.files import read_jsonl, write_jsonl
from diffscribe.core.records import Change, Message, Prediction, Score, SplitChange
from diffscribe.split.leaks import LeakKind

ROOT = Path(__file__).parents[2]
RIGHT = plan_json(make_case().target)

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
        *(RIGHT, "valid"),
    ),
    "messages": (
        {
            "messages": [
                {"role": "user", "content": f"Write.\n{patch('a.py', 'x')}"},
                {"role": "assistant", "content": "fix: tick once"},
            ]
        },
        *("fix: tick once", "type"),
    ),
}
"""A row of each foreign format, a right answer, and a measure that tells it."""


@pytest.fixture(autouse=True)
def place(monkeypatch, tmp_path):
    """A folder with the prompts and a ledger of its own, as the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DISABLE_MLFLOW_INTEGRATION", "true")
    monkeypatch.setenv("LLAMA_CPP_DIR", str(ROOT / ".tools/llama.cpp"))
    (tmp_path / "prompts").symlink_to(ROOT / "prompts")
    (tmp_path / "params.yaml").symlink_to(ROOT / "params.yaml")
    return tmp_path


@pytest.fixture
def cases(place):
    """A file of six cases whose prompts are their ids."""
    rows = [
        make_case(
            plan(commit("a.py b.py", "fix", "stop early")),
            id=f"s{number}",
            prompt=(Message(role="user", content=f"s{number}"),),
        )
        for number in range(6)
    ]
    write_jsonl(place / "cases.jsonl", rows)
    return place / "cases.jsonl"


def bench(*arguments, columns=160):
    return CliRunner(env={"COLUMNS": str(columns)}).invoke(
        bench_command, [str(each) for each in arguments]
    )


def run(cases, server, *more, model="m", reports="out"):
    url = f"{server.base_url}#{model}"
    return bench(cases, "--model", url, "--reports", reports, *more)


def asked_of(server):
    return [each.body["messages"][-1]["content"] for each in server.received]


def predictions(place, reports="out"):
    return list(read_jsonl(place / reports / "predictions.jsonl", Prediction))


def test_one_folder_of_reports_has_every_model_and_is_free_the_second_time(
    cases, place
):
    with FaultServer(answer=lambda body: RIGHT) as server:
        controls = ("--model", "control-per-file")
        done = run(cases, server, *controls, "--slots", 3)
        assert done.exit_code == 0, done.output
        assert sorted(asked_of(server)) == [f"s{number}" for number in range(6)]
        again = run(cases, server, *controls, "--slots", 3, reports="again")
        assert len(server.received) == 6
    assert f"6 cases of {cases} (diffscribe cases): out" in done.output
    assert differing(place / "out", place / "again") == []
    assert again.output == done.output.replace(": out", ": again")
    [row] = [each for each in done.output.splitlines() if each.startswith("m ")]
    assert row.split()[1] == "6"
    found = predictions(place)
    assert [(each.system, each.sample_id) for each in found] == [
        (system, f"s{number}")
        for system in ("m", "control-per-file")
        for number in range(6)
    ]
    assert {each.text for each in found[:6]} == {RIGHT}
    page = (place / "out" / "index.html").read_text()
    assert "default-src 'none'" in page
    assert "control-per-file" in page


def test_the_reports_are_in_a_folder_named_after_the_cases(cases, place):
    assert bench(cases, "--model", "control-one-commit").exit_code == 0
    assert (place / "reports/bench/cases/table.md").exists()


def test_only_other_questions_are_asked(cases):
    with FaultServer(answer=lambda body: RIGHT) as server:
        run(cases, server)
        run(cases, server, "--max-cases", 2)
        assert len(server.received) == 6
        for more in (("--no-schema",), ("--max-tokens", 9), ("--temperature", 0.5)):
            run(cases, server, *more)
        run(cases, server, model="other")
        assert len(server.received) == 5 * 6


@pytest.mark.parametrize("prompt", ["teacher", "student"])
def test_a_plan_can_be_asked_for_with_the_full_or_the_minimal_prompt(cases, prompt):
    with FaultServer(answer=lambda body: RIGHT) as server:
        run(cases, server, "--prompt", prompt, "--max-cases", 1)
    system, user = (each["content"] for each in server.received[0].body["messages"])
    assert ("senior engineer" in system) == (prompt == "teacher")
    assert "$" not in system + user
    assert "M a.py +1 -1" in user
    assert "+new line" in user


def test_a_request_that_failed_is_asked_again_and_no_other(cases, place):
    refused = {"s1"}
    with FaultServer(
        answer=lambda body: RIGHT,
        refuses=lambda body: (
            "too long" if body["messages"][-1]["content"] in refused else None
        ),
    ) as server:
        done = run(cases, server)
        assert "m gave no answer to 1 of 6 cases" in done.output
        before = len(server.received)
        done = run(cases, server, "--only-score")
        assert "m gave no answer to 1 of 6 cases" in done.output
        assert len(server.received) == before
        refused.clear()
        assert "gave no answer" not in run(cases, server).output
        assert asked_of(server)[before:] == ["s1"]
    assert {each.error for each in predictions(place)} == {None}


def test_a_server_that_breaks_off_costs_no_answer(cases, place):
    with FaultServer(answer=lambda body: RIGHT) as server:
        server.then(None, None, None, *[Fault.RESET] * 40)
        first = run(cases, server, "--slots", 1)
        assert first.exit_code in (0, 69)
        server._script.clear()
        assert run(cases, server, "--slots", 1).exit_code == 0
        assert [asked_of(server).count(f"s{number}") for number in range(3)] == [1] * 3
    assert {each.text for each in predictions(place)} == {RIGHT}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("none.jsonl", "--model", "x.gguf"), 2, "'none.jsonl' does not exist"),
        (("CASES",), 2, "Missing option '--model'"),
        (("CASES", "--model", "http://127.0.0.1:1/v1"), 2, "http://127.0.0.1:1/v1#M"),
        *(
            (("CASES", "--model", f"{url}#m"), 2, f"{url}#m: should be an address")
            for url in ("http://[bad/v1", "http://h:x/v1", "http:///v1", "http://h /v1")
        ),
        *(
            (("CASES", "--model", model), 2, "the controls are control-one-commit,")
            for model in (
                "http://127.0.0.1:1/v1#target",
                "http://127.0.0.1:1/v1#control-per-file",
            )
        ),
        *(
            (("CASES", "--model", model), 2, "or a control: control-one-commit,")
            for model in ("none.gguf", "contrl-one", "control-none")
        ),
        (
            ("CASES", *["--model", "control-per-file"] * 2),
            *(2, "a row is called control-per-file already"),
        ),
        (("CASES", "--model", "http://127.0.0.1:1/v1#m"), 69, "cannot be reached"),
        (
            (
                *("CASES", "--model", "http://127.0.0.1:1/v1#m"),
                *("--api-key-variable", "NOT_SET_HERE"),
            ),
            *(78, "the environment has no NOT_SET_HERE"),
        ),
        (("compare", "none", "none"), 2, "'none' does not exist"),
        (("compare", "prompts", "prompts"), 2, "scores.jsonl' cannot be read"),
    ],
)
def test_mistakes_are_one_line_and_a_code(cases, arguments, code, words):
    done = bench(*(cases if each == "CASES" else each for each in arguments))
    assert done.exit_code == code, done.output
    assert words in done.stderr


@pytest.mark.parametrize(
    "options",
    [
        ("--model", "http://u:hush@h/v1#m"),
        ("--model", "http://h/v1?key=hush#m"),
        ("--model", "http://u:hush@h/v1"),
        ("--model", "HTTPS://u:hush@h/v1#m"),
        ("--model", "postgresql://u:hush@h/v1"),
        ("--model", "http://h/v1#m", "--api-key-variable", "sk-hush"),
    ],
)
def test_a_key_is_refused_before_anything_is_logged(cases, place, monkeypatch, options):
    monkeypatch.delenv("DISABLE_MLFLOW_INTEGRATION")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (place / ".dvc").mkdir()
    before = sorted(place.rglob("*"))
    done = bench(cases, *options)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "hush" not in done.stderr
    assert sorted(place.rglob("*")) == before


def test_two_reports_are_compared_case_by_case(cases, place):
    with FaultServer(answer=lambda body: RIGHT) as server:
        run(cases, server)
    with FaultServer(answer=lambda body: "no") as server:
        run(cases, server, model="worse", reports="worse")
    done = bench("compare", "out", "worse")
    assert done.exit_code == 0, done.output
    [line] = [each for each in done.output.splitlines() if each.startswith("valid")]
    assert line.split()[1:4] == ["100", "0", "100"]
    assert "6/0/0" in line
    one = bench("compare", "out", "worse", "--measure", "chrf").output.splitlines()
    assert any(each.startswith("chrf") for each in one)
    assert not any(each.startswith("valid") for each in one)
    assert (
        "'beauty' is not one of 'valid'"
        in bench("compare", "out", "worse", "--measure", "beauty").stderr
    )


def test_files_of_labels_are_compared_as_models_are(place, labeled):
    """The second file has one label less, and other types in what it has."""
    rows = [labeled(head=str(number)) for number in range(3)]
    fields = set(Change.model_fields)
    changes = [Change(**row.model_dump(include=fields)) for row in rows]
    write_jsonl(place / "harvested.jsonl", changes)
    write_jsonl(place / "one.jsonl", rows)
    text = "".join(f"{row.model_dump_json()}\n" for row in rows[1:])
    (place / "other.jsonl").write_text(text.replace('"type":"fix"', '"type":"chore"'))
    models = ("--model", "one.jsonl", "--model", "other.jsonl")
    done = bench("harvested.jsonl", *models, "--reports", "out")
    assert done.exit_code == 0, done.output
    scores = read_jsonl(place / "out/scores.jsonl", Score)
    found = [
        (each.system, each.values["valid"], each.values["type"]) for each in scores
    ]
    assert found == [("one", 1, 1)] * 3 + [("other", 0, 0)] + [("other", 1, 0)] * 2


def test_reports_that_cannot_be_compared_are_refused(cases, place):
    bench(cases, "--model", "control-per-file", "--reports", "all")
    bench(cases, "--model", "control-per-file", "--max-cases", 5, "--reports", "five")
    done = bench("compare", "all", "five")
    assert (done.exit_code, "other cases" in done.stderr) == (65, True)
    text = cases.read_text().replace("stop early", "stop late")
    cases.write_text(text)
    bench(cases, "--model", "control-per-file", "--reports", "changed")
    done = bench("compare", "all", "changed")
    assert (done.exit_code, "other cases" in done.stderr) == (65, True)
    params = (ROOT / "params.yaml").read_text()
    assert "max_header_chars: 72" in params
    (place / "strict.yaml").write_text(
        params.replace("max_header_chars: 72", "max_header_chars: 50")
    )
    strict = ("--params", "strict.yaml", "--reports", "strict")
    bench(cases, "--model", "control-per-file", *strict)
    done = bench("compare", "changed", "strict")
    assert (done.exit_code, "other rules of style" in done.stderr) == (65, True)
    scores = place / "strict" / "scores.jsonl"
    scores.write_text(scores.read_text().replace('"ari"', '"was_ari"'))
    done = bench("compare", "changed", "strict")
    assert (done.exit_code, "its scores lack" in done.stderr) == (65, True)


@pytest.mark.parametrize("form", FOREIGN)
def test_foreign_cases_are_asked_and_compared(place, form):
    row, right, measure_name = FOREIGN[form]
    path = place / "cases.jsonl"
    path.write_text(json.dumps(row) + "\n")
    with FaultServer(answer=lambda body: right) as server:
        done = run(path, server)
        assert f"1 cases of {path} ({form}): out\n" in done.output, done.output
    with FaultServer(answer=lambda body: "") as server:
        run(path, server, model="silent", reports="silent")
    done = bench("compare", "out", "silent", "--measure", measure_name)
    assert done.exit_code == 0, done.output
    line = next(
        each for each in done.output.splitlines() if each.startswith(measure_name)
    )
    assert line.split()[:4] == [measure_name, "100", "0", "100"]
    assert "1/0/0" in line


@pytest.mark.parametrize(
    ("style", "right", "joco_score"),
    [("conventional", "docs: add hint", 85.0), ("plain", "Add hint", None)],
)
def test_jocos_cases_are_asked_as_the_student_names_commits(
    place, style, right, joco_score
):
    path = place / "cases.jsonl"
    path.write_text(json.dumps(FOREIGN["joco"][0]) + "\n")
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["style"]["message"], params["render"]["answer"] = style, "lines"
    (place / "own.yaml").write_text(yaml.safe_dump(params))
    with FaultServer(answer=lambda body: right) as server:
        run(path, server, "--prompt", "student", "--params", "own.yaml")
    system, user = (each["content"] for each in server.received[0].body["messages"])
    assert system == f"Write a {style} commit message for this change."
    assert user.endswith("Files:\n1 M a.py +1 -1\n-old x\n+new x")
    [score] = read_jsonl(place / "out" / "scores.jsonl", Score)
    values = score.values
    assert (values["chrf"], values["specific"]) == (1.0, 1.0)
    assert values["type"] == (1.0 if style == "conventional" else None)
    if joco_score is not None:
        assert values["joco_score"] == joco_score


TEXT = "".join(f"+a line of its own, number {number}\n" for number in range(30))
DIFF = (
    "diff --git a/src/a.py b/src/a.py\nnew file mode 100644\nindex 0..1\n"
    f"--- /dev/null\n+++ b/src/a.py\n@@ -0,0 +1,30 @@\n{TEXT}"
)


@pytest.fixture
def splits(place):
    """The folder of a train split of one row, and a validation split of another."""
    rows = {"train": {"diff": DIFF, "paths": ("src/a.py",), "repo": "acme/known"}}
    rows["validation"] = {"paths": ("x/b.py",), "repo": "acme/seen"}
    for split, fields in rows.items():
        row = SplitChange(**dict(make_curated(**fields)), parent_id=None, junk=())
        write_jsonl(place / "data/splits" / f"{split}.jsonl", [row])
    return place / "data/splits"


@pytest.fixture
def found(splits, place):
    """A function from the fields of a foreign case to the leaks of it."""

    def find(whole_repositories=True, **fields):
        row = {"id": "x-1", "expectedMessage": "fix: it", "repository": "other"}
        row |= {"diff": patch("lib/z.py", "q"), "commitHash": "f" * 40, **fields}
        (place / "foreign.jsonl").write_text(json.dumps(row))
        return find_contamination(place / "foreign.jsonl", splits, whole_repositories)

    return find


def kinds(leaks):
    return {(leak.kind, leak.split) for leak in leaks}


def test_a_case_of_another_history_shares_nothing(found):
    assert found() == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"repository": "acme/known"}, (LeakKind.REPOSITORY, "train")),
        ({"repository": "acme/seen"}, (LeakKind.REPOSITORY, "validation")),
        ({"commitHash": "acme/known-b1-0"}, (LeakKind.COMMIT, "train")),
        ({"diff": DIFF}, (LeakKind.PATCH_ID, "train")),
        (
            {"diff": DIFF.replace("number 7", "number seven")},
            (LeakKind.NEAR_DUPLICATE, "train"),
        ),
    ],
)
def test_what_a_case_shares_with_a_split_is_found(found, fields, expected):
    assert expected in kinds(found(**fields))


def test_repositories_count_only_where_they_are_kept_whole(found):
    assert found(whole_repositories=False, repository="acme/known") == []


def test_a_set_that_the_splits_know_is_refused(found, place):
    found()
    done = bench("check", "foreign.jsonl")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.output == (
        "bench: foreign.jsonl: 0 rows of the splits know a case of it\n"
    )
    found(repository="acme/known")
    params = (ROOT / "params.yaml").read_text()
    (place / "params.yaml").unlink()
    by_repository = params.replace("  by: time ", "  by: repository ")
    (place / "params.yaml").write_text(by_repository)
    done = bench("check", "foreign.jsonl")
    assert (done.exit_code, done.stdout[:24]) == (65, "bench: foreign.jsonl: 1 ")
    assert re.search(r"foreign\.jsonl.* 1 repository, such as .* case x-1", done.stderr)


def test_without_splits_nothing_is_proven(found, place):
    for path in (place / "data/splits").iterdir():
        path.unlink()
    with pytest.raises(InputError, match="run the stage split first"):
        found()


@pytest.mark.slow
def test_a_run_that_was_killed_equals_one_that_was_not(tmp_path):
    place = tmp_path / "kills"
    place.mkdir()
    found = measure(place, kills=3, samples=30, seed=11, stop=threading.Event())
    assert (found.asked_again, found.unequal) == (0, ())


@pytest.mark.slow
def test_a_gguf_is_served_in_its_slots_and_tracked(
    cases, place, tiny_gguf, monkeypatch
):
    monkeypatch.delenv("DISABLE_MLFLOW_INTEGRATION")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (place / ".dvc").mkdir()
    options = ("--context-tokens", 512, "--max-tokens", 8, "--slots", 2)
    done = bench(cases, "--model", tiny_gguf, *options, "--reports", "out")
    assert done.exit_code == 0, done.output
    assert all(each.completion_tokens for each in predictions(place))
    [name] = {each.model for each in predictions(place)}
    assert name.startswith("gguf:")
    assert name.endswith(":512:2")
    with sqlite3.connect(place / "mlflow.db") as database:
        tags = dict(database.execute("select key, value from tags"))
        params = dict(database.execute("select key, value from params"))
        metrics = {key for (key,) in database.execute("select key from metrics")}
        runs = database.execute("select name, status from runs").fetchall()
    assert runs == [("bench", "FINISHED")]
    assert tags["model.tiny-f16"] == name
    assert (params["slots"], params["cases"]) == ("2", "cases.jsonl")
    assert "tiny-f16.valid" in metrics


@pytest.mark.parametrize("settings", [None, "{", '{"theme": "dark"}'])
def test_a_folder_with_other_files_is_never_replaced(cases, place, settings):
    votes = place / "mine/gate/votes.jsonl"
    votes.parent.mkdir(parents=True)
    votes.write_text("{}")
    if settings is not None:
        (place / "mine/settings.json").write_text(settings)
    with FaultServer(answer=lambda body: RIGHT) as server:
        done = run(cases, server, reports="mine")
        assert server.received == []
    assert (done.exit_code, done.stdout) == (2, "")
    assert "--reports mine holds " in done.stderr
    assert votes.read_text() == "{}"


@pytest.mark.parametrize("reports", [".", "..", "cases.jsonl", "/"])
def test_a_path_that_cannot_become_the_reports_is_refused(cases, place, reports):
    before = cases.read_text()
    done = bench(cases, "--model", "control-per-file", "--reports", reports)
    assert done.exit_code == 2, done.output
    assert f"--reports {reports} " in done.stderr
    assert cases.read_text() == before


def test_an_empty_folder_and_one_of_a_bench_are_filled(cases, place):
    (place / "out").mkdir()
    for model in ("control-per-file", "control-one-commit"):
        done = bench(cases, "--model", model, "--reports", "out")
        assert done.exit_code == 0, done.output
    assert {each.system for each in predictions(place)} == {"control-one-commit"}
    written = {
        path.relative_to(place / "out").as_posix()
        for path in (place / "out").rglob("*.*")
    }
    assert written == WRITTEN


def test_votes_beside_the_reports_of_a_bench_are_not_lost(cases, place):
    arguments = (cases, "--model", "control-per-file", "--reports", "out")
    assert bench(*arguments).exit_code == 0
    (place / "out/votes.json").write_text("{}")
    done = bench(*arguments)
    assert done.exit_code == 2
    assert "--reports out holds out/votes.json, which no bench wrote" in done.stderr
    assert (place / "out/votes.json").read_text() == "{}"


@pytest.mark.slow
def test_no_text_of_a_case_is_mirrored(place, monkeypatch):
    monkeypatch.delenv("DISABLE_MLFLOW_INTEGRATION")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    secret = "walrus_ledger"
    target = plan(commit(f"{secret}.py", "fix", secret))
    private = make_case(target, id="p", diff=patch(f"{secret}.py", secret))
    private = private.model_copy(update={"private": True})
    write_jsonl(place / "own.jsonl", [private])
    done = bench("own.jsonl", "--model", "control-original", "--reports", "out")
    assert done.exit_code == 0, done.output
    assert "is lost" not in done.stderr
    assert secret in (place / "out/index.html").read_text()
    mirrored = [path for path in (place / "mlruns").rglob("*") if path.is_file()]
    names = {path.name for path in mirrored}
    assert {"metrics.json", "table.md", "settings.json", "confusion.json"} <= names
    for path in (*mirrored, place / "mlflow.db"):
        assert secret.encode() not in path.read_bytes(), path
