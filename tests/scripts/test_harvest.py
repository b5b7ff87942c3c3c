import json
import subprocess

import pytest
from tests.support.history import History
from tests.support.programs import run_script, write_params

from diffscribe.core.files import read_jsonl
from diffscribe.core.records import Change


def run_harvest(folder, *sources, test_repos=(), label="teacher", **changed):
    """Run the stage in a folder, on these sources, with the repository's params."""
    settings = {"windows_per_commit": 2.0, "composites_per_commit": 0.0, "workers": 1}
    write_params(
        folder,
        harvest=settings | {"sources": list(sources)} | changed,
        # With a teacher, whatever the messages: it would write better ones.
        label={"source": label},
        split={"by": "repository", "test_repos": [*test_repos]},
    )
    outputs = ("data/harvested.jsonl", "reports/harvest.json", "metrics/harvest.json")
    return run_script("harvest", *outputs, folder=folder)


def test_writes_changes_metrics_and_one_line(history, tmp_path):
    for number in range(5):
        history.commit(f"feat: {number}", {"a.py": f"{number}\n"})

    done = run_harvest(tmp_path, "repository")

    changes = list(read_jsonl(tmp_path / "data/harvested.jsonl", Change))
    counts = json.loads((tmp_path / "reports/harvest.json").read_text())
    assert (done.returncode, done.stderr) == (0, "")
    assert len(changes) == counts["changes"] == 7
    first, *table = done.stdout.splitlines()
    assert first == "harvest: 7 changes of 4 commits kept of 5 in 1 sources"
    assert [line.split() for line in table if line[0] != "-"] == [
        ["source", "processed", "approved"],
        ["all", "7", "7"],
        ["repository", "7", "7"],
    ]
    first = (tmp_path / "data/harvested.jsonl").read_bytes()
    run_harvest(tmp_path, str(history.folder))
    assert (tmp_path / "data/harvested.jsonl").read_bytes() == first


@pytest.mark.parametrize("name", ["missing", "broken.bundle", "empty"])
def test_explains_a_bad_source_in_one_line_and_writes_nothing(tmp_path, name):
    (tmp_path / "broken.bundle").write_text("# v2 git bundle\n")
    History(tmp_path / "empty")
    done = run_harvest(tmp_path, name)
    assert done.returncode == 66
    assert done.stderr.count("\n") == 1
    assert name in done.stderr
    assert [path for path in (tmp_path / "data").glob("*") if path.is_file()] == []


def test_a_held_out_repository_that_is_no_source_is_refused_before_anything_is_paid(
    history, tmp_path
):
    for number in range(3):
        history.commit(f"feat: {number}", {"a.py": f"{number}\n"})
    done = run_harvest(tmp_path, "repository", test_repos=("repositroy",))
    assert done.returncode == 78
    assert "no rows of repositroy; known repositories are repository" in done.stderr
    assert not (tmp_path / "data/harvested.jsonl").exists()
    assert (
        run_harvest(tmp_path, "repository", test_repos=("repository",)).returncode == 0
    )


def test_reports_what_it_leaves_out_where_params_say_so(history, tmp_path):
    for number in range(3):
        history.commit(f"feat: {number}", {"a.py": f"{number}\n"})
    (tmp_path / "broken.bundle").write_text("# v2 git bundle\n")
    sources = ("missing", "broken.bundle", "repository")

    done = run_harvest(tmp_path, *sources, on_bad_source="skip")

    assert done.returncode == 0
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("harvest.py: left out: harvest.sources: 'missing'")
    assert f"left out: {tmp_path}/broken.bundle: the bundle cannot" in lines[1]
    counts = json.loads((tmp_path / "reports/harvest.json").read_text())
    assert (counts["sources"], counts["sources_bad"]) == (1, 2)
    assert counts["changes"] == 3


def test_a_repository_that_one_entry_marks_is_private_and_the_other_is_told(
    history, tmp_path
):
    for number in range(3):
        history.commit(f"feat: {number}", {"a.py": f"{number}\n"})
    done = run_harvest(tmp_path, "*", {"path": "repository", "private": True})
    assert done.returncode == 0
    assert done.stderr == (
        "harvest.py: harvest.sources names 'repository' more than once, with other "
        "settings: the first entry counts, and it is private if any entry says so\n"
    )
    rows = list(read_jsonl(tmp_path / "data/harvested.jsonl", Change))
    assert len(rows) == 3
    assert all(row.private for row in rows)


SUBJECTS = ("open the valve", "update docs", "pin pumps to 1.0", "close the door")
REPEATED = ("pin pumps to 1.1", "pin pumps to 2.0", "pin pumps to 3.0")


def harvested(history, folder, source):
    """Return subjects by change and the report, with the labels of a source."""
    for number, subject in enumerate((*SUBJECTS, *REPEATED)):
        history.commit(f"fix: {subject}", {f"{number}.py": f"{number}\n"})
    run = run_harvest(folder, "repository", max_window_commits=2, label=source)
    assert (run.returncode, run.stderr) == (0, "")
    changes = read_jsonl(folder / "data/harvested.jsonl", Change)
    found = [tuple(each.message for each in change.commits) for change in changes]
    return found, json.loads((folder / "reports/harvest.json").read_text())


def test_a_commit_that_teaches_nothing_costs_no_window_but_its_own(history, tmp_path):
    history.commit("begin", {"a": "0\n"})
    changes, report = harvested(history, tmp_path, "history")
    assert changes == [
        ("fix: open the valve",),
        ("fix: pin pumps to 1.0",),
        ("fix: close the door",),
        ("fix: pin pumps to 1.0", "fix: close the door"),
        ("fix: pin pumps to 1.1",),
        ("fix: close the door", "fix: pin pumps to 1.1"),
    ]
    refused = report["refused"]["repository"]
    assert {reason: row["count"] for reason, row in refused.items()} == {
        "root": 1,
        "trivial_message": 1,
        "repeated_subject": 2,
    }
    dropped = {name: n for name, n in report["commits_dropped"].items() if n}
    assert dropped == {reason: row["count"] for reason, row in refused.items()}
    shas = refused["repeated_subject"]["examples"]
    assert len(set(shas)) == 2
    assert {len(sha) for sha in shas} == {40}


def test_where_a_teacher_writes_messages_none_drops_a_commit(history, tmp_path):
    history.commit("begin", {"a": "0\n"})
    changes, report = harvested(history, tmp_path, "teacher")
    assert len({message for change in changes for message in change}) == 7
    assert report["refused"] == {
        "repository": {"root": {"count": 1, "examples": [history_root(history)]}}
    }


def history_root(history):
    command = ("git", "rev-list", "--max-parents=0", "HEAD")
    done = subprocess.run(command, cwd=history.folder, capture_output=True, check=True)
    return done.stdout.decode().strip()
