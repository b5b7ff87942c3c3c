import json

import pytest
from tests.support.programs import run_script, write_params

from diffscribe.core.files import read_jsonl, write_jsonl
from diffscribe.core.records import SplitChange

SPLITS = ("train", "validation", "test")


@pytest.fixture
def folder(tmp_path, curated):
    rows = [curated(repo=f"r{n % 5}", head=f"{n:02}") for n in range(50)]
    write_jsonl(tmp_path / "curated.jsonl", rows)
    write_params(tmp_path, split={"by": "repository"})
    (tmp_path / "benchmark_sets").mkdir()
    return tmp_path


def split(folder, *options):
    names = ("benchmark_sets", "curated.jsonl", "splits", "split.json", "metrics.json")
    options = options or ("--params", folder / "params.yaml")
    return run_script("split", *(folder / name for name in names), *options)


def test_the_splits_hold_every_row_once_and_the_variants(folder):
    answer = split(folder)
    assert answer.returncode == 0
    rows = {
        name: list(read_jsonl(folder / "splits" / f"{name}.jsonl", SplitChange))
        for name in SPLITS
    }
    parents = [row.id for name in SPLITS for row in rows[name] if not row.parent_id]
    assert len(set(parents)) == len(parents) == 50
    metrics = json.loads((folder / "split.json").read_text())
    assert metrics["rows"] == {name: len(rows[name]) for name in SPLITS}
    assert metrics["repositories"] == {"train": 3, "validation": 1, "test": 1}
    assert set(metrics["leaks"].values()) == {0}
    summary, _, _, whole, *sources = answer.stdout.splitlines()
    assert summary.endswith(" test; 0 dropped, 0 leaks")
    assert whole.split() == ["all", "50", "50", "30", "10", "10"]
    assert [line.split()[0] for line in sources] == ["r0", "r1", "r2", "r3", "r4"]


def test_a_leak_that_splitting_overlooked_fails_the_stage(folder, curated):
    """Such as near-duplicates whose cluster is lost."""
    rows = [curated(repo=f"r{n % 5}", head=str(n)) for n in range(10)]
    words = " ".join(f"word{n}" for n in range(60))
    diffs = [
        row.diff.replace("new", f"{words} {number}") for number, row in enumerate(rows)
    ]
    rows = [
        row.model_copy(update={"diff": diff})
        for row, diff in zip(rows, diffs, strict=True)
    ]
    split(folder)
    before = {path: path.read_bytes() for path in (folder / "splits").iterdir()}
    write_jsonl(folder / "curated.jsonl", rows)
    write_params(folder, split={"by": "repository", "junk_fraction": 0.0})
    answer = split(folder)
    assert answer.returncode == 65
    assert "8 near_duplicate: near_duplicate of train row " in answer.stderr
    assert answer.stderr.count("\n") == 1
    assert {path: path.read_bytes() for path in (folder / "splits").iterdir()} == before
    write_params(folder, split={"by": "random", "junk_fraction": 0.0})
    answer = split(folder)
    assert answer.returncode == 0
    assert "0 dropped, 8 leaks" in answer.stdout
    metrics = json.loads((folder / "split.json").read_text())
    assert metrics["leaks"]["near_duplicate"] == 8


def test_a_listed_benchmark_is_kept_out(folder):
    (folder / "benchmark_sets/theirs.txt").write_text("# a comment\nr3\n")
    write_params(folder, split={"by": "repository", "benchmarks": ["theirs.txt"]})
    assert split(folder).returncode == 0
    metrics = json.loads((folder / "split.json").read_text())
    assert metrics["dropped"]["benchmark"] == 10
    assert metrics["statistics"]["by_source"]["r3"]["approved"] == 0
    write_params(folder, split={"by": "repository", "benchmarks": ["other.txt"]})
    answer = split(folder)
    assert answer.returncode == 78
    assert "benchmark_sets/other.txt' cannot be read" in answer.stderr
