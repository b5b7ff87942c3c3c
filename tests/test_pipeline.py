"""The shape of the pipeline: stages, scripts, params, deps and imports agree."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from diffscribe.commands.train import load_profile
from diffscribe.core.params import Params, load_params, merge_params, parse_params
from tests.support.imports import LIGHT, helped, house_of, reached
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[1]
PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())
STAGES = PIPELINE["stages"]
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text())
PROFILES = sorted(
    path.stem for path in (ROOT / "profiles").glob("*.yaml") if path.stem != "gpu"
)
"""All but the common overlay, which fits no base by itself."""

COMMANDS = {"clone"}
"""Scripts that are no stage: what they do is asked for by name."""

MOST_FOLDERS = {"eval": 7}
"""How many folders of code a stage may depend on, if more than six: eval also joins
the page of review to what it measured."""


def word(stage):
    return stage.replace("-", "_")


def script(stage):
    return f"scripts/{word(stage)}.py"


def code(stage):
    return {d for d in STAGES[stage]["deps"] if d.startswith(("scripts/", "src/"))}


def data(stage):
    return [each for each in STAGES[stage]["deps"] if each not in code(stage)]


def metrics(stage):
    return [path for each in STAGES[stage].get("metrics", []) for path in each]


def test_every_stage_has_one_script_and_every_other_script_is_known():
    scripts = {path.stem for path in (ROOT / "scripts").glob("*.py")}
    assert scripts == {word(stage) for stage in STAGES} | COMMANDS


def test_every_stage_has_one_section_of_params_below_what_they_share():
    assert list(PARAMS) == ["seed", "style", *map(word, STAGES)]
    assert list(Params.model_fields) == list(PARAMS)


@pytest.mark.parametrize("stage", STAGES)
def test_stage_depends_on_its_own_section_and_what_it_shares(stage):
    section = getattr(load_params(ROOT / "params.yaml"), word(stage))
    draws = "'seed'" in str(section.model_dump())
    styled = stage in ("harvest", "label", "curate", "eval")
    shared = ["seed"] * draws + ["style"] * styled
    messages = [f"label.{each}" for each in ("source", "cleanup", "nonconventional")]
    screened = messages * (stage == "harvest")
    asked = ["style.message"] * (stage in ("render", "merge-quantize"))
    asked += ["render"] * (stage in ("merge-quantize", "eval"))
    assert STAGES[stage]["params"] == [*shared, word(stage), *screened, *asked]


@pytest.mark.parametrize("stage", STAGES)
def test_command_names_exactly_the_declared_paths_in_order(stage):
    paths = [*data(stage), *STAGES[stage]["outs"], *metrics(stage)]
    assert STAGES[stage]["cmd"].split() == ["tools/python", script(stage), *paths]


@pytest.mark.parametrize("stage", STAGES)
def test_stage_has_a_report_and_git_keeps_its_metrics(stage):
    report = "reports/eval" if stage == "eval" else f"reports/{word(stage)}.json"
    assert report in STAGES[stage]["outs"]
    assert STAGES[stage].get("metrics", []) in (
        [],
        [{f"metrics/{word(stage)}.json": {"cache": False}}],
    )


@pytest.mark.parametrize("stage", STAGES)
def test_stage_depends_on_the_packages_that_it_imports(stage):
    packages = {
        f"src/diffscribe/{name.partition('.')[0]}"
        for name in reached(house_of(ROOT), f"scripts.{word(stage)}")
    }
    assert code(stage) == {script(stage)} | packages
    assert len(packages) <= MOST_FOLDERS.get(stage, 6)


def test_the_student_is_named_as_an_artifact():
    student = PIPELINE["artifacts"]["student"]
    assert student["path"] in STAGES["merge-quantize"]["outs"]
    assert student["type"] == "model" and student["desc"]


def test_the_pipeline_is_read_on_three_screens():
    assert len((ROOT / "dvc.yaml").read_text().splitlines()) <= 165


@pytest.mark.parametrize("profile", PROFILES)
def test_profile_fits_the_params_it_is_laid_over(profile):
    params = parse_params(merge_params(PARAMS, load_profile(profile)), Path(profile))
    assert params.base.revision is None or len(params.base.revision) == 40
    assert params.eval.max_answer_tokens >= params.render.max_answer_tokens


def bare(**variables):
    """An environment in which nothing is activated."""
    return {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"} | variables


def test_stages_find_the_python_of_the_folder_where_nothing_is_activated(tmp_path):
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    copy = tmp_path / ".dvc" / "tmp" / "exps" / "one"
    copy.mkdir(parents=True)
    for folder in (tmp_path, copy):
        (folder / "tools").mkdir()
        program = shutil.copy(ROOT / "tools" / "python", folder / "tools")
        command = [program, "-c", "import sys; print(sys.executable)"]
        done = subprocess.run(command, cwd=folder, env=bare(), capture_output=True)
        assert done.stdout.decode().strip() == str(tmp_path / ".venv/bin/python")


@pytest.mark.slow
def test_repro_without_an_environment_stops_at_the_first_stage_in_one_line(tmp_path):
    shutil.copytree(ROOT / "tools", tmp_path / "tools")
    (tmp_path / "data").mkdir()
    for name in ("dvc.yaml", "params.yaml", "data/self.bundle"):
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("scripts", "src", "prompts", "benchmark_sets"):
        (tmp_path / name).symlink_to(ROOT / name)
    dvc = [sys.executable, "-m", "dvc"]
    variables = bare(DVC_SITE_CACHE_DIR=str(tmp_path / "site"))
    for command in ([*dvc, "init", "--no-scm", "-q"], [*dvc, "repro"]):
        done = subprocess.run(
            command, cwd=tmp_path, env=variables, capture_output=True, text=True
        )
    assert done.returncode != 0
    said = [line for line in done.stderr.splitlines() if "make setup" in line]
    assert said == [
        "tools/python: diffscribe is not installed; type 'make setup', "
        "then run this again"
    ]
    assert "failed to reproduce 'harvest'" in done.stderr
    assert done.stdout.count("Running stage") == 1


def test_a_queued_experiment_runs_the_code_it_was_queued_with(tmp_path):
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").symlink_to(sys.executable)
    copy = tmp_path / ".dvc/tmp/exps/tmpabc"
    for folder in (tmp_path, copy):
        (folder / "src/diffscribe").mkdir(parents=True)
        (folder / "src/diffscribe/__init__.py").write_text("")
    program = "import diffscribe; print(diffscribe.__file__)"
    (copy / "tools").mkdir()
    command = [shutil.copy(ROOT / "tools/python", copy / "tools"), "-c", program]
    done = subprocess.run(command, cwd=copy, env=bare(), capture_output=True, text=True)
    assert done.stdout == f"{copy}/src/diffscribe/__init__.py\n", done.stderr


def test_help_of_a_script_imports_little():
    """Nearly all of its time goes there, and seconds depend on the machine."""
    # Baseline is last: it alone takes numpy.
    stages = sorted(STAGES, key="baseline".__eq__)
    said = helped(*([ROOT / script(stage)] for stage in stages))
    for stage, (shown, imported) in zip(stages, said, strict=True):
        assert "--params" in shown and "--verbose" in shown, stage
        allowed = LIGHT | {"numpy"} if stage == "baseline" else LIGHT
        assert imported <= allowed, stage


PROBE = """
from pathlib import Path
import diffscribe
Path("said.txt").write_text("")
print(diffscribe.WORD, file=Path("{marker}").open("a"))
"""


@pytest.mark.slow
@pytest.mark.parametrize("option", ["--queue", "--temp"])
def test_an_experiment_beside_the_workspace_runs_its_own_code(tmp_path, option):
    folder, marker = tmp_path / "repository", tmp_path / "marker"
    files = {
        "dvc.yaml": "stages: {probe: {cmd: tools/python scripts/probe.py, "
        "deps: [src], outs: [said.txt]}}\n",
        "scripts/probe.py": PROBE.format(marker=marker),
        "src/diffscribe/__init__.py": "WORD = 'begun'\n",
        "tools/python": (ROOT / "tools/python").read_text(),
        ".gitignore": "/.venv\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "tools/python").chmod(0o755)
    (folder / ".venv/bin").mkdir(parents=True)
    (folder / ".venv/bin/python").symlink_to(sys.executable)
    names = {"NAME": "a", "EMAIL": "a@example.org"}
    variables = os.environ | {
        "DVC_SITE_CACHE_DIR": str(tmp_path / "site"),
        **{f"GIT_{who}_{key}": names[key] for who in ROLES for key in names},
    }

    def run(*command):
        subprocess.run(command, cwd=folder, env=variables, check=True)

    dvc = [sys.executable, "-m", "dvc"]
    run("git", "init", "--quiet")
    run(*dvc, "init", "--quiet")
    run("git", "add", "--all")
    run("git", "commit", "--quiet", "--message", "chore: begin")
    module = folder / "src/diffscribe/__init__.py"
    module.write_text("WORD = 'queued'\n")
    run(*dvc, "exp", "run", option)
    if option == "--queue":
        module.write_text("WORD = 'of the workspace'\n")
        run(*dvc, "queue", "start")
        wait_until(lambda: marker.exists() and marker.read_text())
    assert marker.read_text() == "queued\n"


ROLES = ("AUTHOR", "COMMITTER")


def test_every_pinned_version_has_digests():
    """But builds of torch, which each kind of machine has from an index of its own."""
    blocks = re.split(r"\n(?=\w)", (ROOT / "tools/hashes.txt").read_text())
    digests = {each.split(" ")[0]: each.count("--hash=sha256:") for each in blocks}
    other = re.compile(r"(torch|triton|xformers|nvidia-(?!ml-py)|cuda-)")
    pinned = (ROOT / "constraints.txt").read_text().splitlines()
    wanted = [each for each in pinned if each[0] != "#" and not other.match(each)]
    assert [each for each in wanted if not digests.get(each)] == []
    uv = (ROOT / "tools/uv.txt").read_text()
    version = re.search(
        r"^uv_version=(.+)$", (ROOT / "tools/setup.sh").read_text(), re.M
    )
    assert version
    assert uv.startswith(f"uv=={version[1]} \\\n    --hash=sha256:")
