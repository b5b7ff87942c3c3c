"""The shape of the pipelines of logs: stages, scripts, deps and imports agree."""

from pathlib import Path

import pytest
import yaml

from diffscribe.core.log_params import load_any_params
from tests.support.imports import house_of, reached

ROOT = Path(__file__).parents[1]
UP = "../../"
SHARED = ("base", "train", "merge-quantize")
"""Stages whose scripts are those of commits."""
MOST_METRICS = 4
FOLDERS = sorted(path.parent for path in ROOT.glob("pipelines/*/dvc.yaml"))
STAGES = [
    (folder.name, stage, of)
    for folder in FOLDERS
    for stage, of in yaml.safe_load((folder / "dvc.yaml").read_text())["stages"].items()
]
IDS = [f"{name}-{stage}" for name, stage, _ in STAGES]


def script(name, stage):
    """The script of a stage, and its name among the modules of the house."""
    word = stage.replace("-", "_")
    if stage in SHARED:
        return f"{UP}scripts/{word}.py", f"scripts.{word}"
    return f"scripts/{word}.py", f"scripts.{name}.{word}"


@pytest.mark.parametrize(("name", "stage", "of"), STAGES, ids=IDS)
def test_a_stage_runs_its_script_and_depends_on_what_that_imports(name, stage, of):
    path, module = script(name, stage)
    assert of["cmd"].split()[:2] == [f"{UP}tools/python", path]
    assert (ROOT / "pipelines" / name / path).is_file()
    code = {each for each in of["deps"] if each.startswith(f"{UP}src/")}
    imported = {
        f"{UP}src/diffscribe/{each.partition('.')[0]}"
        for each in reached(house_of(ROOT), module)
    }
    modules = {f"{UP}src/diffscribe/memory"}
    assert code == {f"{each}.py" if each in modules else each for each in imported}


@pytest.mark.parametrize(("name", "stage", "of"), STAGES, ids=IDS)
def test_a_command_names_what_is_declared(name, stage, of):
    named = of["cmd"].split()[2:]
    outputs = [*of["outs"], *(path for each in of.get("metrics", []) for path in each)]
    assert [each for each in named if each in outputs] == outputs
    inputs = [each for each in of["deps"] if not each.startswith((f"{UP}s", "scripts"))]
    assert [each for each in named if each in inputs] in (inputs, [])


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_params_fit_and_few_numbers_are_compared(folder):
    params = load_any_params(folder / "params.yaml")
    assert params.pipeline == folder.name
    stages = [stage for name, stage, _ in STAGES if name == folder.name]
    sections = [each for each in type(params).model_fields if each[0] != "_"]
    assert {"pipeline", "seed", *(each.replace("-", "_") for each in stages)} >= {
        *sections
    }
    kept = [path for path in folder.glob("metrics/*.json") if path.is_file()]
    numbers = [yaml.safe_load(path.read_text()) for path in kept]
    assert sum(map(len, numbers)) <= MOST_METRICS
