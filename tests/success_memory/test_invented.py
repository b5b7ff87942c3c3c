"""The committed logs are what their script writes, and no question tells its answer."""

import runpy
import sys

import invented_memory
import pytest
from tests.success_memory.support import PROMPTS

from diffscribe.core.files import read_json, read_jsonl
from diffscribe.success_memory.curate import curate_episodes
from diffscribe.success_memory.pairs import load_task_prompts, make_pairs
from diffscribe.success_memory.records import (
    SCRIPT_TASKS,
    TASKS,
    LoggedAttempt,
    Memory,
)
from diffscribe.success_memory.scripts import defines_transformer, foreign_imports

FOLDER = PROMPTS.parent
DATA = FOLDER / "data"
LOGS = ("success_memory.jsonl", "attempts.jsonl", "autopatches", "tree")
MAX_BYTES = 200_000


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for name in LOGS
        for path in sorted([folder / name, *(folder / name).rglob("*")])
        if path.is_file()
    }


def run(script, *arguments):
    """Run a stage in this process."""
    before = sys.argv
    sys.argv = [f"{script}.py", *map(str, arguments)]
    try:
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(FOLDER / "scripts" / f"{script}.py", run_name="__main__")
    finally:
        sys.argv = before
    assert not ended.value.code


@pytest.fixture
def collected(tmp_path, monkeypatch):
    monkeypatch.chdir(FOLDER)
    names = ("memories.jsonl", "attempts.jsonl", "collect.json")
    run("collect", *(tmp_path / name for name in names))
    return tmp_path


def test_the_committed_logs_are_what_the_script_writes_and_small(tmp_path):
    invented_memory.main(tmp_path)
    written = contents(tmp_path)
    assert written == contents(DATA), "run 'python tools/invented_memory.py'"
    assert max(map(len, written.values())) < MAX_BYTES


def test_collect_finds_scripts_by_proof_and_writes_equal_bytes(collected, tmp_path):
    counts = read_json(collected / "collect.json")
    assert counts["scripts"] == {
        "stored": 73,
        "digest": 2,
        "patch_set": 2,
        "salted_hash": 0,
        "uncorrelatable_salted_hash": 1,
        "ambiguous": 2,
        "no_script": 0,
    }
    assert counts["dropped"] == {"ambiguous": 2, "uncorrelatable_salted_hash": 1}
    before = (collected / "memories.jsonl").read_bytes()
    run("collect", *(tmp_path / name for name in ("memories.jsonl", "b", "c")))
    assert (tmp_path / "memories.jsonl").read_bytes() == before


def test_no_question_tells_its_answer_and_every_answer_is_one(collected):
    memories = list(read_jsonl(collected / "memories.jsonl", Memory))
    attempts = list(read_jsonl(collected / "attempts.jsonl", LoggedAttempt))
    curated = curate_episodes(memories, attempts, 12_000)
    made = make_pairs(curated.episodes, TASKS, load_task_prompts(PROMPTS))
    of_id = {episode.id: episode for episode in curated.episodes}
    assert {sample.task for sample in made.samples} == set(TASKS)
    for sample in made.samples:
        asked, answer = sample.prompt[-1].content, sample.completion[0].content
        memory = of_id[sample.parent_id].memory
        assert answer.strip() not in asked
        assert "/home/" not in asked + answer
        if memory:
            assert memory.patch_source not in asked
            added = {
                line[1:].strip() for line in memory.diff.split("\n") if line[:1] == "+"
            }
            shown = {line.strip() for line in asked.split("\n")}
            assert not {line for line in added & shown if len(line) > 10}
        if sample.task == "scaffold":
            shown = {line.strip() for line in asked.split("\n")}
            assert not shown & {line.strip() for line in answer.split("\n") if line}
        if sample.task in SCRIPT_TASKS:
            assert defines_transformer(answer)
            assert not foreign_imports(answer)
            assert sample.given != answer
    assert made.counts["repair"]["pairs"] == 60
    assert made.counts["polish"]["pairs"] == 20


def test_attempts_at_what_a_person_refused_are_dropped_too(tmp_path, monkeypatch):
    params = (
        (FOLDER / "params.yaml").read_text().replace("unrated: keep", "unrated: drop")
    )
    (tmp_path / "params.yaml").write_text(params)
    monkeypatch.chdir(FOLDER)
    outputs = [tmp_path / name for name in ("memories.jsonl", "attempts.jsonl", "c")]
    run("collect", *outputs, "--params", tmp_path / "params.yaml")
    memories = read_jsonl(outputs[0], Memory)
    attempts = list(read_jsonl(outputs[1], LoggedAttempt))
    assert {each.memory_id for each in attempts} <= {each.at for each in memories}
    dropped = read_json(outputs[2])["dropped"]["attempt_at_refused"]
    assert len(attempts) + dropped == 150


@pytest.mark.parametrize("names", [("memory",), ("attempts", "patch_sets")])
def test_a_log_alone_is_enough(tmp_path, monkeypatch, names):
    params = (FOLDER / "params.yaml").read_text()
    for name, value in (
        ("memory", "data/success_memory.jsonl"),
        ("patch_sets", "data/autopatches"),
        ("attempts", "data/attempts.jsonl"),
    ):
        if name not in names:
            params = params.replace(f"{name}: {value}", f"{name}: null")
    (tmp_path / "params.yaml").write_text(params)
    monkeypatch.chdir(FOLDER)
    outputs = [tmp_path / name for name in ("memories.jsonl", "attempts.jsonl", "c")]
    run("collect", *outputs, "--params", tmp_path / "params.yaml")
    sizes = [len(path.read_text().splitlines()) for path in outputs[:2]]
    assert [bool(size) for size in sizes] == ["memory" in names, "attempts" in names]
