"""The whole pipeline, in miniature, in temporary clones."""

import json
import os
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from tests.support.history import History

from diffscribe.core.params import merge_params

ROOT = Path(__file__).parents[2]
STAGES = list(yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"])
HEAVY = ("train", "merge-quantize", "eval")
BEFORE_EVAL = STAGES[: STAGES.index("eval")]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finished(known_base, tmp_path_factory):
    """A clone in which the whole pipeline ran."""
    clone = make_clone(tmp_path_factory.mktemp("first"), known_base)
    # Of two stages that need nothing of each other, DVC draws which is first.
    assert sorted(repro(clone)) == sorted(STAGES)
    return clone


def test_everything_that_is_declared_is_written(finished):
    stages = yaml.safe_load((finished / "dvc.yaml").read_text())["stages"]
    outs = [out for stage in stages.values() for out in stage["outs"]]
    metrics = [
        path
        for stage in stages.values()
        for each in stage.get("metrics", [])
        for path in each
    ]
    assert [path for path in outs + metrics if not (finished / path).exists()] == []
    student, *_ = json.loads((finished / "reports/eval/metrics.json").read_text())[
        "systems"
    ]
    assert student["n"] == 6


def test_metrics_are_few_enough_for_one_table(finished):
    numbers = [
        name
        for path in (finished / "metrics").glob("*.json")
        for name, value in json.loads(path.read_text()).items()
        if value is None or isinstance(value, int | float)
    ]
    assert len(numbers) <= 16
    assert len(set(numbers)) == len(numbers)


def test_nothing_is_left_that_git_does_not_know(finished):
    status = git(finished, "status", "--porcelain", "--untracked-files=all")
    changed = {line[3:] for line in status.splitlines()}
    assert {path for path in changed if not path.startswith("metrics/")} == {"dvc.lock"}


def test_train_and_eval_are_recorded_below_one_run(finished):
    with sqlite3.connect(finished / "mlflow.db") as database:
        runs = database.execute("select name, status from runs order by rowid")
        names = [(name, status) for name, status in runs][1:]
    assert names == [("train", "FINISHED"), ("eval", "FINISHED")]


def test_second_repro_runs_nothing(finished):
    assert repro(finished) == []


def test_a_run_killed_in_every_stage_ends_with_equal_bytes(
    finished, known_base, tmp_path
):
    """A clean run too: no stage that was killed left anything behind."""
    clone = make_clone(tmp_path, known_base)
    killed = []
    while len(killed) < len(STAGES):
        killed.append(kill_in_another(clone, killed))
    assert repro(clone) == killed[-1:] == STAGES[-1:]
    assert digests(clone) == digests(finished)
    assert qualities(clone) == qualities(finished)


def test_changed_curate_param_runs_from_curate_on_only(finished):
    """It changes the clone, as the next one does; render ends what is cheap to run."""
    set_param(finished, "curate", "max_files", 2)
    ran = repro(finished, "render")
    # The base reads no change, and render nothing of what the baseline learned.
    assert ran == ["curate", "split", "render"]


def test_another_repository_is_named_in_one_word_and_harvested_each_time(
    finished, tmp_path
):
    history = History(tmp_path / """an app, "it's" ]""")
    for number in range(3):
        grow(history, number)
    # A new clone has the lock file, and neither a cache nor outputs.
    for each in (".dvc/cache", "data/splits", "models", "reports"):
        shutil.rmtree(finished / each)
    for commits in (3, 4):
        harvest, rest = recipe(f"REPO={history.folder}")
        assert rest == "dvc repro"
        command = f"{shlex.quote(sys.executable)} -m diffscribe.commands.main"
        shell = ["bash", "-euc", harvest.replace("diffscribe", command, 1)]
        run(shell, finished, REPO=str(history.folder))
        counts = json.loads((finished / "reports/harvest.json").read_text())
        assert (counts["sources"], counts["commits"]) == (1, commits)
        grow(history, commits)
    text = (finished / "params.yaml").read_text()
    assert yaml.safe_load(text)["harvest"]["sources"] == [str(history.folder)]


def grow(history, number):
    path = f"src/part_{number}.py"
    history.commit(f"feat: add part {number} of the parser", {path: "x = 1\n" * number})


def recipe(*variables):
    """Return what `make repro` runs after it has set up."""
    listed = subprocess.run(
        ["make", "--dry-run", "--always-make", "repro", *variables],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    text = listed.stdout.replace("\\\n", "")
    commands = ("diffscribe ", "dvc ")
    return [line for line in text.splitlines() if line.startswith(commands)]


def make_clone(folder, base):
    """Copy what git has or would add into a new repository with small params.

    The base lies beside it, where these params look for it.
    """
    (folder / "base").symlink_to(base)
    clone = folder / "diffscribe"
    listed = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file() and name != "dvc.lock":
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, clone / name)
    small = yaml.safe_load((Path(__file__).with_name("params.yaml")).read_text())
    values = yaml.safe_load((ROOT / "params.yaml").read_text())
    (clone / "params.yaml").write_text(yaml.safe_dump(merge_params(values, small)))
    git(clone, "init", "--quiet")
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "--message", "chore: clone")
    if (ROOT / ".tools").is_dir():
        git(clone, "config", "core.excludesFile", str(folder / "ignore"))
        (folder / "ignore").write_text("/.tools\n")
        (clone / ".tools").symlink_to(ROOT / ".tools")
    return clone


def repro(clone, *targets):
    """Run dvc repro and return the stages that ran, in order."""
    said = run([sys.executable, "-m", "dvc", "repro", *targets], clone)
    return re.findall(r"^Running stage '(.+)':$", said, re.MULTILINE)


def run(command, clone, **variables):
    """Run a command of DVC in a clone and return what it says."""
    env = environment(clone) | variables
    done = subprocess.run(command, cwd=clone, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def kill_in_another(clone, killed):
    """Run dvc repro, kill all its processes in a stage anew, and return which it is."""
    with subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro"],
        cwd=clone,
        env=environment(clone) | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as run:
        lines = (re.fullmatch(r"Running stage '(.+)':\n", each) for each in run.stdout)
        stage = next(each[1] for each in lines if each and each[1] not in killed)
        # Long enough for the imports of a heavy stage, and too short to finish.
        time.sleep({"base": 1}.get(stage, 4 if stage in HEAVY else 0.3))
        os.killpg(run.pid, signal.SIGKILL)
    return stage


def qualities(clone):
    """All metrics, which hold no speeds."""
    return {path.name: path.read_text() for path in (clone / "metrics").glob("*.json")}


def environment(clone):
    """The clone's own sources, and the python of these tests for its stages."""
    own = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(clone / "src"),
        "DVC_SITE_CACHE_DIR": str(clone.parent / "site"),
    }
    unset = ("MLFLOW_TRACKING_URI", "DISABLE_MLFLOW_INTEGRATION", "DVC_EXP_NAME")
    return {key: os.environ[key] for key in os.environ if key not in unset} | own


def digests(clone):
    """Digests of data and models, which all stages but eval write."""
    lock = yaml.safe_load((clone / "dvc.lock").read_text())["stages"]
    return {
        out["path"]: out["md5"]
        for stage in BEFORE_EVAL
        for out in lock[stage]["outs"]
        if out["path"].startswith(("data/", "models/"))
    }


def set_param(clone, section, key, value):
    path = clone / "params.yaml"
    values = yaml.safe_load(path.read_text())
    assert values[section][key] != value
    values[section][key] = value
    path.write_text(yaml.safe_dump(values))


def git(folder, *arguments):
    who = ["-c", "user.name=Tester", "-c", "user.email=tester@example.org"]
    command = ["git", *who, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
