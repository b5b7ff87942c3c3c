import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from diffscribe.core.files import read_jsonl
from diffscribe.core.records import Change
from diffscribe.samples.builder import History

ROOT = Path(__file__).parents[2]


def run_harvest(folder, *sources, test_repos=(), **changed):
    """Run the stage in a folder, on these sources, with the repository's params."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["harvest"] |= {"sources": list(sources), "windows_per_commit": 2.0} | changed
    # Whatever the messages: a teacher would write better ones.
    params["label"]["source"] = "teacher"
    params["split"] |= {"validation_repos": [], "test_repos": [*test_repos]}
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    return subprocess.run(
        [
            sys.executable,
            str(ROOT / "scripts/harvest.py"),
            "data/harvested.jsonl",
            "reports/harvest.json",
            "metrics/harvest.json",
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


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
