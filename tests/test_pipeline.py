"""The shape that holds the house: stages, scripts, params, deps and imports agree."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from dvc_deps import CODE, code_deps, data_deps, imported, script

from diffscribe.core.params import Params, merge_params, parse_params

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "diffscribe"
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text())
PROFILES = sorted((ROOT / "profiles").glob("*.yaml"))
MODULES = sorted(path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py"))

COMMANDS = {"clone"}
"""Scripts that are no stage: what they do is asked for by name."""


def word(stage):
    return stage.replace("-", "_")


def outs(stage):
    return [next(iter(out)) if isinstance(out, dict) else out for out in stage["outs"]]


def metrics(stage):
    return [next(iter(each)) for each in stage["metrics"]]


def test_every_stage_has_one_script_and_every_other_script_is_known():
    scripts = {path.stem for path in (ROOT / "scripts").glob("*.py")}
    assert scripts == {word(stage) for stage in STAGES} | COMMANDS


def test_every_stage_has_one_section_of_params_in_the_order_of_the_pipeline():
    assert list(PARAMS) == [word(stage) for stage in STAGES]
    assert list(Params.model_fields) == list(PARAMS)


@pytest.mark.parametrize("stage", STAGES)
def test_stage_depends_on_its_own_section_alone(stage):
    assert STAGES[stage]["params"] == [word(stage)]


@pytest.mark.parametrize("stage", STAGES)
def test_stage_writes_one_metrics_file_that_git_keeps(stage):
    assert STAGES[stage]["metrics"] == [
        {f"metrics/{word(stage)}.json": {"cache": False}}
    ]


@pytest.mark.parametrize("stage", STAGES)
def test_command_names_exactly_the_declared_paths_in_order(stage):
    declared = STAGES[stage]
    paths = [*data_deps(declared), *outs(declared), *metrics(declared)]
    assert declared["cmd"].split() == ["python", f"scripts/{word(stage)}.py", *paths]


@pytest.mark.parametrize("stage", STAGES)
def test_stage_depends_on_the_code_it_imports(stage):
    declared = [dep for dep in STAGES[stage]["deps"] if dep.endswith(CODE)]
    assert declared == code_deps(script(stage)), "run 'make deps'"


def test_imports_are_found_in_functions_and_through_other_modules():
    found = {path.relative_to(SOURCE).as_posix() for path in imported(script("train"))}
    assert {"train/train.py", "core/records.py", "core/tracking.py"} <= found
    assert "core/files.py" in found


@pytest.mark.parametrize("profile", PROFILES, ids=lambda path: path.stem)
def test_profile_fits_the_params_it_is_laid_over(profile):
    merged = merge_params(PARAMS, yaml.safe_load(profile.read_text()))
    params = parse_params(merged, profile)
    assert params.base.revision is None or len(params.base.revision) == 40
    assert params.eval.max_answer_tokens >= params.render.max_answer_tokens


def test_the_profiles_ship():
    assert [path.stem for path in PROFILES] == [
        "git-smart-commit",
        "joco",
        "qwen2.5-coder-0.5b",
        "qwen2.5-coder-1.5b",
        "qwen3-coder-30b-a3b",
        "seed000",
    ]


@pytest.mark.parametrize("stage", STAGES)
def test_script_answers_help_within_a_second(stage):
    assert min(help_cpu_s(stage) for _ in range(3)) < 0.7


def help_cpu_s(stage):
    """Seconds of computing: those on the clock depend on what else runs."""
    begin = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, str(script(stage)), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    end = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert "--params" in done.stdout
    return end.ru_utime + end.ru_stime - begin.ru_utime - begin.ru_stime
