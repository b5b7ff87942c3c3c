import hashlib
import json
import shutil

import pytest
from tests.support.ledger_rows import key, row

from diffscribe.asking.batch import hold
from diffscribe.asking.ledger import add, rows
from diffscribe.commands.forget import forget
from diffscribe.core.errors import RecordError, ToolError
from diffscribe.core.files import write_json, write_jsonl
from diffscribe.core.records import RejectedChange
from diffscribe.label.gate import Vote, ballot_of


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
        gate / "votes.jsonl",
        [
            Vote(**dict(ballot_of(each)), choice="reject", note="no")
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
        ".dvc/tmp/exps/standalone/notes",
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
        ".dvc/tmp/exps/standalone/notes",
        *("reports/.gitignore", "reports/gate/votes.jsonl"),
    }
    assert result.scanned_files == 11


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


@pytest.mark.parametrize("name", ["data/benchmarks/x/cases.jsonl", "data/README.md"])
def test_what_holds_a_repository_without_rows_goes_and_no_more(root, name):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('{"id":"1","repo":"acme/third"}\n')
    result = forget(root, "acme/third", base_is_scratch=True)
    removed = name.removesuffix("/x/cases.jsonl")
    assert (result.rows, result.removed, result.found) == (0, (removed,), ())
    assert "models/adapter/weights" in files(root)


@pytest.mark.parametrize("by_id", [True, False])
def test_the_scan_finds_what_removal_does_not_know_of(root, labeled, by_id):
    copy = root / "data" / "notes.bin"
    held = labeled(repo="acme/app").id if by_id else '"repo":"acme/app"'
    # Across the border of two blocks of the search.
    copy.write_bytes(b"." * (2**24 - 10) + held.encode())
    result = forget(root, "acme/app", base_is_scratch=False)
    assert result.found == ("data/notes.bin",)


@pytest.fixture
def taught(root, labeled):
    """A workplace where both repositories asked for one answer, and each for its own.

    The rows of answer 1 and 2 are labels; 3 was shown to the model as no good.
    """
    repos = ("acme/app", "acme/other", "acme/app", "acme/other")
    add(
        root / ".cache/teacher.sqlite",
        [row(number, about=repo) for number, repo in enumerate(repos, 1)],
    )
    labels = []
    for repo, number in (("acme/app", 2), ("acme/app", 1), ("acme/other", 2)):
        change = labeled(repo=repo, head=f"h{number}")
        of_teacher = {"source": "teacher", "prompt_sha256": key(number)}
        label = change.label.model_copy(update=of_teacher)
        labels.append(change.model_copy(update={"label": label}))
    write_jsonl(root / "data/labeled.jsonl", labels)
    return root


def test_answers_about_it_go_and_those_its_labels_share_with_others(taught):
    result = forget(taught, "acme/app", base_is_scratch=False)
    assert (result.answers, result.requests, result.found) == (3, 0, ())
    assert [each.key for each in rows(taught / ".cache/teacher.sqlite")] == [key(4)]
    assert key(2) in (taught / "data/labeled.jsonl").read_text(), "of the other one"


def test_a_copy_of_the_ledger_that_was_moved_away_is_found(taught):
    ledger = taught / ".cache/teacher.sqlite"
    shutil.copy(ledger, taught / ".cache/old.sqlite")
    result = forget(taught, "acme/app", base_is_scratch=False)
    assert result.found == (".cache/old.sqlite",)


def test_a_copy_of_rows_in_an_experiment_that_was_cut_short_goes(root):
    copy = root / ".dvc/tmp/exps/standalone/data.jsonl"
    shutil.copy(root / "data/labeled.jsonl", copy)
    result = forget(root, "acme/app", base_is_scratch=False)
    assert not copy.exists()
    assert result.found == ()


def test_a_broken_row_is_named_before_anything_is_removed(taught):
    with (taught / "data/labeled.jsonl").open("a") as lines:
        lines.write("{\n")
    before = {name: (taught / name).read_bytes() for name in files(taught)}
    with pytest.raises(RecordError, match=r"labeled.jsonl:4: not JSON"):
        forget(taught, "acme/app", base_is_scratch=False)
    assert {name: (taught / name).read_bytes() for name in files(taught)} == before


def test_a_second_run_finds_all_that_a_first_one_could_not_reach(taught):
    batches = taught / ".cache/batches/offline"
    with hold(batches), pytest.raises(ToolError, match="another process"):
        forget(taught, "acme/app", base_is_scratch=True)
    assert "models/base/weights" in files(taught)
    result = forget(taught, "acme/app", base_is_scratch=True)
    assert result.rows == 7
    assert "models/base/weights" not in files(taught)
