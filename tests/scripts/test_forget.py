import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tests.support.fault_server import FaultServer

from diffscribe.core.files import read_jsonl, write_jsonl
from diffscribe.core.records import Change, LabeledChange

ROOT = Path(__file__).parents[2]
GONE = "acme/app"


def run(folder, script, *arguments):
    command = [sys.executable, str(ROOT / "scripts" / script), *map(str, arguments)]
    environment = os.environ | {"DISABLE_MLFLOW_INTEGRATION": "true"}
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env=environment
    )


def forget(folder, repo):
    if not (folder / "params.yaml").exists():
        shutil.copy(ROOT / "params.yaml", folder)
    return run(folder, "forget.py", repo)


def test_it_says_what_went_and_that_nothing_is_left(tmp_path, labeled):
    rows = [labeled(), labeled(repo="acme/other")]
    write_jsonl(tmp_path / "data/labeled.jsonl", rows)
    answer = forget(tmp_path, GONE)
    assert answer.returncode == 0
    first, *_, last = answer.stdout.splitlines()
    words = "1 rows of acme/app, 0 answers, 0 requests of batches and 0 traces removed"
    assert first == f"forget: {words}"
    assert last.startswith("forget: 1 files scanned, 0 hold it")


def test_what_is_left_fails_and_is_named(tmp_path, labeled):
    write_jsonl(tmp_path / "data/labeled.jsonl", [labeled()])
    shutil.copy(tmp_path / "data/labeled.jsonl", tmp_path / "data/mine.txt")
    answer = forget(tmp_path, GONE)
    assert answer.returncode == 1
    assert answer.stderr == "forget: data/mine.txt still holds it\n"


def teach(body):
    """Answer with words of this change alone, and in vain at every third."""
    shown = next(
        line for line in body["messages"][1]["content"].splitlines() if "+new " in line
    )
    name = shown.removeprefix("+new ")
    subject = "x" * 200 if name.endswith(("2", "5")) else "stop the leak"
    commit = {"files": ["a.py"], "type": "fix", "subject": subject}
    commit["body"] = f"Nobody closed {name}."
    return json.dumps({"gitignore": [], "commits": [commit]})


def label(folder, **teacher):
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    section = params["label"]
    section |= {"source": "teacher", "max_failure_fraction": 1.0}
    section["mode"] = teacher.pop("mode", "online")
    section["teacher"] |= {"model": "wise", "reasks": 1, **teacher}
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    names = ("data/labeled.jsonl", "data/label_failures.jsonl", "metrics/label.json")
    return run(
        folder, "label.py", ROOT / "prompts/teacher", "data/harvested.jsonl", *names
    )


@pytest.fixture
def taught(tmp_path, labeled):
    """What is there when two repositories were labeled, and a batch is begun."""
    rows = [
        labeled(repo=repo, head=f"b{number}", message="wip")
        for number in range(6)
        for repo in (GONE, "acme/other")
    ]
    changes = [Change(**row.model_dump(exclude={"label"})) for row in rows]
    write_jsonl(tmp_path / "data/harvested.jsonl", changes)
    with FaultServer(answer=teach) as server:
        done = label(tmp_path, base_url=server.base_url)
    assert done.returncode == 0, done.stderr
    waiting = label(tmp_path, seed=8, mode="batch_files")
    assert waiting.returncode == 69, waiting.stderr
    return tmp_path


def holders(folder, word):
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {
        str(path.relative_to(folder))
        for path in files
        if word.encode() in path.read_bytes()
    }


def test_no_byte_of_what_was_asked_or_answered_is_left(taught):
    ledger, batch = ".cache/teacher.sqlite", ".cache/batches/offline/part-00001"
    rows = {f"data/{name}.jsonl" for name in ("harvested", "labeled", "label_failures")}
    beside = {f"{batch}.jsonl", f"{batch}.about.json"}
    everywhere = {*rows, *beside, ledger, "metrics/label.json"}
    assert holders(taught, GONE) == everywhere
    answer = forget(taught, GONE)
    assert answer.returncode == 0, answer.stderr
    words = "12 rows of acme/app, 8 answers, 6 requests of batches and 0 traces removed"
    assert answer.stdout.startswith(f"forget: {words}\n")
    assert holders(taught, GONE) == set()
    assert holders(taught, "acme/other") == everywhere


def test_what_is_known_of_others_is_not_asked_again(taught):
    before = [
        row
        for row in read_jsonl(taught / "data/labeled.jsonl", LabeledChange)
        if row.repo != GONE
    ]
    forget(taught, GONE)
    done = label(taught, base_url="http://127.0.0.1:9/v1")
    assert done.returncode == 0, done.stderr
    after = list(read_jsonl(taught / "data/labeled.jsonl", LabeledChange))
    assert after == before
    assert len(after) == 4
