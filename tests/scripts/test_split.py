import json
from pathlib import Path

import pytest
import yaml

from diffscribe.jsonl import read_jsonl, write_jsonl
from diffscribe.records import SplitChange

ROOT = Path(__file__).parents[2]
SPLITS = ("train", "validation", "test")


@pytest.fixture
def folder(tmp_path, curated):
    rows = [curated(repo=f"r{n % 5}", head=f"{n:02}") for n in range(50)]
    write_jsonl(tmp_path / "curated.jsonl", rows)
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["split"] |= {"validation_repos": [], "test_repos": []}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    return tmp_path


def split(stage, folder, *options):
    names = ("curated.jsonl", "splits", "split.json")
    options = options or ("--params", folder / "params.yaml")
    return stage("split", *(folder / name for name in names), *options)


def test_the_splits_hold_every_row_once_and_the_variants(folder, stage):
    assert split(stage, folder).returncode == 0
    rows = {
        name: list(read_jsonl(folder / "splits" / f"{name}.jsonl", SplitChange))
        for name in SPLITS
    }
    parents = [row.id for name in SPLITS for row in rows[name] if not row.parent_id]
    assert len(set(parents)) == len(parents) == 50
    metrics = json.loads((folder / "split.json").read_text())
    assert metrics["rows"] == {name: len(rows[name]) for name in SPLITS}
    assert metrics["repositories"] == {"train": 3, "validation": 1, "test": 1}


def test_a_broken_line_is_named_and_the_old_splits_stay(folder, stage):
    split(stage, folder)
    before = {path: path.read_bytes() for path in (folder / "splits").iterdir()}
    with (folder / "curated.jsonl").open("a") as lines:
        lines.write("[]\n")
    answer = split(stage, folder)
    assert answer.returncode == 65
    assert "curated.jsonl:51: not a CuratedChange" in answer.stderr
    assert {path: path.read_bytes() for path in (folder / "splits").iterdir()} == before


def test_too_few_repositories_are_an_unusable_source(folder, stage):
    lines = (folder / "curated.jsonl").read_text().splitlines(keepends=True)
    (folder / "curated.jsonl").write_text(lines[0])
    answer = split(stage, folder)
    assert answer.returncode == 66
    assert "1 repositories are not enough" in answer.stderr


def test_an_unknown_repository_is_a_wrong_param(folder, stage):
    params = yaml.safe_load((folder / "params.yaml").read_text())
    params["split"]["test_repos"] = ["x"]
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    answer = split(stage, folder)
    assert answer.returncode == 78
    assert "no rows of x; known repositories are r0, r1" in answer.stderr
