import hashlib
import json
import shutil
from contextlib import closing
from pathlib import Path

import pytest
from tests.support.fault_server import FaultServer
from tests.support.ledger_rows import key, row
from tests.support.programs import run_script, run_verb, write_params

from diffscribe.asking.batch import hold
from diffscribe.asking.upkeep import add, rows
from diffscribe.commands.forget import forget
from diffscribe.core.ballots import Vote
from diffscribe.core.errors import RecordError, StorageError
from diffscribe.core.files import read_jsonl, write_json, write_jsonl
from diffscribe.core.params import load_params
from diffscribe.core.records import Change, LabeledChange, RejectedChange
from diffscribe.core.tracking import tracked_run
from diffscribe.label.gate import ballot_of

ROOT = Path(__file__).parents[2]
GONE = "acme/app"
DERIVED = (
    "data/exports/train.jsonl",
    "data/benchmarks/x/cases.jsonl",
    "data/README.md",
    "mlruns/2/artifacts/eval/predictions.jsonl",
    "mlruns/1/2/artifacts/eval/predictions.jsonl",
    "mlartifacts/1/2/artifacts/eval/index.html",
    "models/adapter/weights",
    "models/baseline/plans.jsonl",
    "models/gguf/student.gguf",
    "reports/bench/index.html",
    "reports/data/index.html",
    "reports/eval/predictions.jsonl",
    "reports/gate/index.html",
    "reports/gate/label.json",
    "reports/judge/votes.json",
    "reports/train/loss.json",
    "data/clones/acme/app.git/HEAD",
)
"""What shows a repository or learned from it."""
OTHERS = (
    ".dvc/cache/files/md5/unrelated",
    ".dvc/tmp/exps/standalone/notes",
    "data/clones/acme/other.git/HEAD",
    "models/.gitignore",
    "models/base/weights",
    "models/diffscribe-135m/adapter",
    "reports/.gitignore",
)


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
    for name in (*DERIVED, *OTHERS):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("learned")
    return tmp_path


def files(root):
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_no_row_of_the_repository_is_left_and_all_others_are(root):
    result = forget(root, "acme/app")
    assert (result.rows, result.found) == (6, ())
    for path in [*root.glob("data/**/*.jsonl"), *root.glob("reports/gate/*.jsonl")]:
        (line,) = path.read_text().splitlines()
        assert '"repo":"acme/other"' in line
        assert '"repo":"acme/app"' not in line
    assert files(root) == {
        *(f"data/{name}.jsonl" for name in ("harvested", "labeled", "rejected")),
        *("data/splits/train.jsonl", "data/sft/train.jsonl"),
        "reports/gate/votes.jsonl",
        *OTHERS,
    }
    assert result.scanned_files == 13


@pytest.mark.parametrize("folder", ["metrics", "reports"])
def test_what_is_counted_by_repository_no_longer_names_it(root, folder):
    path = root / folder / "split.json"
    sources = {"train": {"train": 2}, "acme/other": {"train": 1}}
    write_json(path, {"train": 3, "by_source": sources})
    result = forget(root, "train")
    assert result.found == ()
    assert json.loads(path.read_text()) == {
        "train": 3,
        "by_source": {"acme/other": {"train": 1}},
    }


@pytest.mark.parametrize("has_rows", [True, False])
def test_what_tracking_copied_goes(root, monkeypatch, has_rows):
    repo = GONE if has_rows else "acme/third"
    (root / ".dvc").mkdir(exist_ok=True)
    monkeypatch.chdir(root)
    for name in ("MLFLOW_TRACKING_URI", "DISABLE_MLFLOW_INTEGRATION"):
        monkeypatch.delenv(name, raising=False)
    (root / "reports/eval/settings.json").write_text(json.dumps({"repo": repo}))
    with tracked_run("eval", load_params(ROOT / "params.yaml")) as run:
        run.log_report(root / "reports/eval")
    copies = {name for name in holders(root, f'"{repo}"') if name.startswith("mlruns")}
    assert {Path(name).name for name in copies} == {"settings.json"}
    result = forget(root, repo)
    assert result.found == ()
    assert holders(root, f'"{repo}"') == set()


def test_a_page_that_removal_does_not_know_of_is_found(root):
    page = root / "reports" / "mine.html"
    page.write_text('{"repo": "acme/app"}')
    result = forget(root, "acme/app")
    assert result.found == ("reports/mine.html",)


def test_a_repository_that_is_nowhere_costs_nothing(root):
    before = files(root)
    result = forget(root, "acme/ap")
    assert (result.rows, result.removed, result.found) == (0, (), ())
    assert files(root) == before


@pytest.mark.parametrize("name", ["data/benchmarks/x/cases.jsonl", "data/README.md"])
def test_what_holds_a_repository_without_rows_goes_and_no_more(root, name):
    path = root / name
    path.write_text('{"id":"1","repo":"acme/third"}\n')
    result = forget(root, "acme/third")
    removed = name.removesuffix("/x/cases.jsonl")
    assert (result.rows, result.removed, result.found) == (0, (removed,), ())
    assert "models/adapter/weights" in files(root)


@pytest.mark.parametrize("by_id", [True, False])
def test_the_scan_finds_what_removal_does_not_know_of(root, labeled, by_id):
    copy = root / "data" / "notes.bin"
    held = labeled(repo="acme/app").id if by_id else '"repo":"acme/app"'
    # Across the border of two blocks of the search.
    copy.write_bytes(b"." * (2**24 - 10) + held.encode())
    result = forget(root, "acme/app")
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
    result = forget(taught, "acme/app")
    assert (result.answers, result.requests, result.found) == (3, 0, ())
    assert [each.key for each in rows(taught / ".cache/teacher.sqlite")] == [key(4)]
    assert key(2) in (taught / "data/labeled.jsonl").read_text(), "of the other one"


def test_a_copy_of_the_ledger_that_was_moved_away_is_found(taught):
    ledger = taught / ".cache/teacher.sqlite"
    shutil.copy(ledger, taught / ".cache/old.sqlite")
    result = forget(taught, "acme/app")
    assert result.found == (".cache/old.sqlite",)


def test_a_copy_of_rows_in_an_experiment_that_was_cut_short_goes(root):
    copy = root / ".dvc/tmp/exps/standalone/data.jsonl"
    shutil.copy(root / "data/labeled.jsonl", copy)
    result = forget(root, "acme/app")
    assert not copy.exists()
    assert result.found == ()


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("data/labeled.jsonl", "{", "labeled.jsonl:1: "),
        ("data/x.jsonl", "[1,2]", "x.jsonl:1: not a row"),
        ("data/x.jsonl", '{"change":5}', "x.jsonl:1: not a row"),
        ("data/x.jsonl", '{"repo":"acme/app"}', "x.jsonl:1: not a row: id: Field"),
        ("data/x.jsonl", '{"id":5,"repo":"a"}', "x.jsonl:1: not a row: id: .*string"),
        ("data/x.jsonl", '{"id":"5","repo":"a","label":5}', "x.jsonl:1: .*label"),
        (
            "data/x.jsonl",
            '{"id":"5","repo":"a","label":{"prompt_sha256":5}}',
            "x.jsonl:1: .*prompt_sha256",
        ),
        ("reports/x.json", "{", "reports/x.json: not a JSON object"),
    ],
)
def test_what_no_stage_writes_is_named_before_anything_is_removed(
    taught, name, text, place
):
    (taught / name).write_text(text + "\n")
    before = {each: (taught / each).read_bytes() for each in files(taught)}
    with pytest.raises(RecordError, match=place) as caught:
        forget(taught, "acme/app")
    assert "\n" not in str(caught.value)
    assert {each: (taught / each).read_bytes() for each in files(taught)} == before


def test_a_second_run_finds_all_that_a_first_one_could_not_reach(taught):
    batches = taught / ".cache/batches/offline"
    with closing(hold(batches)), pytest.raises(StorageError, match="another run"):
        forget(taught, "acme/app")
    assert "models/adapter/weights" in files(taught)
    result = forget(taught, "acme/app")
    assert result.rows == 7
    assert "models/adapter/weights" not in files(taught)


def run_forget(folder, repo):
    if not (folder / "params.yaml").exists():
        shutil.copy(ROOT / "params.yaml", folder)
    return run_verb("forget", repo, folder=folder)


def test_it_says_what_went_and_that_nothing_is_left(tmp_path, labeled):
    rows = [labeled(), labeled(repo="acme/other")]
    write_jsonl(tmp_path / "data/labeled.jsonl", rows)
    answer = run_forget(tmp_path, GONE)
    assert answer.returncode == 0
    first, *_, last = answer.stdout.splitlines()
    words = "1 rows of acme/app, 0 answers, 0 requests of batches and 0 traces removed"
    assert first == f"forget: {words}"
    assert last.startswith("forget: 1 files scanned, 0 hold it")


def test_a_mistyped_name_is_told_and_the_close_ones_too(tmp_path, labeled):
    rows = [labeled(), labeled(repo="zzz/unlike")]
    write_jsonl(tmp_path / "data/labeled.jsonl", rows)
    answer = run_forget(tmp_path, "acme/ap")
    assert answer.returncode == 0
    words = "nothing was found under the name acme/ap; close to it: acme/app"
    assert answer.stdout.splitlines()[1] == f"forget: {words}"
    assert "nothing was found" not in run_forget(tmp_path, GONE).stdout


def test_what_is_left_fails_and_is_named(tmp_path, labeled):
    write_jsonl(tmp_path / "data/mine.txt", [labeled()])
    answer = run_forget(tmp_path, GONE)
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
    section = {"source": "teacher", "max_failure_fraction": 1.0}
    section["mode"] = teacher.pop("mode", "online")
    section["teacher"] = {"model": "wise", "reasks": 1, **teacher}
    write_params(folder, label=section, style={"body": "optional"})
    names = ("data/labeled.jsonl", "data/label_failures.jsonl")
    names += ("reports/label.json", "metrics/label.json")
    inputs = (ROOT / "prompts/teacher", "data/harvested.jsonl")
    return run_script("label", *inputs, *names, folder=folder)


@pytest.fixture
def served(tmp_path, labeled):
    """What is there when two repositories were labeled, and a batch is begun."""
    rows = [
        labeled(repo=repo, head=f"b{number}", message="wip", paths=("a.py",))
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


def test_no_byte_of_what_was_asked_or_answered_is_left(served):
    ledger, batch = ".cache/teacher.sqlite", ".cache/batches/offline"
    rows = {f"data/{name}.jsonl" for name in ("harvested", "labeled", "label_failures")}
    beside = {f"{batch}/requests.jsonl", f"{batch}/state.json"}
    everywhere = {*rows, *beside, ledger, "reports/label.json"}
    assert holders(served, GONE) == everywhere
    answer = run_forget(served, GONE)
    assert answer.returncode == 0, answer.stderr
    words = "12 rows of acme/app, 8 answers, 6 requests of batches and 0 traces removed"
    assert answer.stdout.startswith(f"forget: {words}\n")
    assert holders(served, GONE) == set()
    assert holders(served, "acme/other") == everywhere


def test_what_is_known_of_others_is_not_asked_again(served):
    before = [
        row
        for row in read_jsonl(served / "data/labeled.jsonl", LabeledChange)
        if row.repo != GONE
    ]
    run_forget(served, GONE)
    done = label(served, base_url="http://127.0.0.1:9/v1")
    assert done.returncode == 0, done.stderr
    after = list(read_jsonl(served / "data/labeled.jsonl", LabeledChange))
    assert after == before
    assert len(after) == 4
