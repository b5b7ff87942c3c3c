import hashlib
import json

import pytest

from diffscribe.data.forget import forget
from diffscribe.errors import RecordError
from diffscribe.gate.verdicts import Verdict, shown
from diffscribe.jsonl import write_json, write_jsonl
from diffscribe.records import RejectedChange


@pytest.fixture
def root(tmp_path, labeled):
    """A workplace with rows of two repositories wherever rows are."""
    ours, theirs = labeled(repo="acme/app"), labeled(repo="acme/other")
    for name in ("harvested", "labeled", "splits/train", "sft/train"):
        path = tmp_path / "data" / f"{name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_jsonl(path, [ours, theirs])
        cached = (
            tmp_path / ".dvc/cache/files/md5" / hashlib.sha1(name.encode()).hexdigest()
        )
        cached.parent.mkdir(parents=True, exist_ok=True)
        cached.write_bytes(path.read_bytes())
    gate = tmp_path / "reports/gate"
    write_jsonl(
        gate / "verdicts.jsonl",
        [
            Verdict(**dict(shown(each)), verdict="reject", note="no")
            for each in (ours, theirs)
        ],
    )
    rows = [RejectedChange(reason="long_body", change=each) for each in (ours, theirs)]
    write_jsonl(tmp_path / "data/rejected.jsonl", rows)
    for name in (
        "reports/eval/predictions.jsonl",
        "reports/gate/index.html",
        "reports/gate/label.json",
        "reports/.gitignore",
        "models/adapter/weights",
        "models/base/weights",
        "data/exports/train.jsonl",
        "data/clones/acme/app.git/HEAD",
        "data/clones/acme/other.git/HEAD",
        ".dvc/cache/files/md5/unrelated",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("learned")
    return tmp_path


def files(root):
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_no_row_of_the_repository_is_left_and_all_others_are(root):
    result = forget(root, "acme/app", base_is_scratch=False)
    assert (result.rows, result.found) == (6, ())
    for path in [*root.glob("data/**/*.jsonl"), *root.glob("reports/gate/*.jsonl")]:
        (line,) = path.read_text().splitlines()
        assert '"repo":"acme/other"' in line
        assert '"repo":"acme/app"' not in line
    assert files(root) == {
        *(f"data/{name}.jsonl" for name in ("harvested", "labeled", "rejected")),
        *("data/splits/train.jsonl", "data/sft/train.jsonl", "models/base/weights"),
        *("data/clones/acme/other.git/HEAD", ".dvc/cache/files/md5/unrelated"),
        *("reports/.gitignore", "reports/gate/verdicts.jsonl"),
    }
    assert result.scanned_files == 10


def test_metrics_no_longer_count_the_repository(root):
    path = root / "metrics/split.json"
    sources = {"acme/app": {"train": 2}, "acme/other": {"train": 1}}
    write_json(path, {"acme/app": 3, "by_source": sources})
    result = forget(root, "acme/app", base_is_scratch=False)
    assert result.found == ()
    assert json.loads(path.read_text()) == {
        "acme/app": 3,
        "by_source": {"acme/other": {"train": 1}},
    }


def test_a_base_from_scratch_has_seen_the_rows_and_goes(root):
    forget(root, "acme/app", base_is_scratch=True)
    assert "models/base/weights" not in files(root)


def test_a_repository_that_is_nowhere_costs_nothing(root):
    before = files(root)
    result = forget(root, "acme/ap", base_is_scratch=True)
    assert (result.rows, result.removed, result.found) == (0, (), ())
    assert files(root) == before


@pytest.mark.parametrize("by_id", [True, False])
def test_the_scan_finds_what_removal_does_not_know_of(root, labeled, by_id):
    copy = root / "data" / "notes.bin"
    held = labeled(repo="acme/app").id if by_id else '"repo":"acme/app"'
    # Across the border of two blocks of the search.
    copy.write_bytes(b"." * (2**24 - 10) + held.encode())
    result = forget(root, "acme/app", base_is_scratch=False)
    assert result.found == ("data/notes.bin",)


def test_a_broken_row_is_named(root):
    with (root / "data/labeled.jsonl").open("a") as lines:
        lines.write("{\n")
    with pytest.raises(RecordError, match=r"labeled.jsonl:3: not JSON"):
        forget(root, "acme/app", base_is_scratch=False)
