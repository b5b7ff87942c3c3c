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


def words(of):
    """The words of the commands of a stage."""
    return " ".join([of["cmd"]] if isinstance(of["cmd"], str) else of["cmd"]).split()


def script(stage):
    word = stage.replace("-", "_")
    return f"{UP}scripts/{word}.py" if stage in SHARED else f"scripts/{word}.py"


def module(name, path):
    """The name of a script among the modules of the house."""
    of = "" if path.startswith(UP) else f"{name}."
    return f"scripts.{of}{Path(path).stem}"


@pytest.mark.parametrize(("name", "stage", "of"), STAGES, ids=IDS)
def test_a_stage_runs_its_script_and_depends_on_what_that_imports(name, stage, of):
    assert words(of)[:2] == [f"{UP}tools/python", script(stage)]
    scripts = [each for each in words(of) if each.endswith(".py")]
    house = house_of(ROOT)
    packages = {
        found.partition(".")[0]
        for path in scripts
        for found in reached(house, module(name, path))
        if not found.startswith("scripts.")
    }
    source = ROOT / "src" / "diffscribe"
    code = {each if (source / each).is_dir() else f"{each}.py" for each in packages}
    deps = [each for each in of["deps"] if each.startswith(f"{UP}src/")]
    assert set(deps) == {f"{UP}src/diffscribe/{each}" for each in code}
    assert {*scripts} <= {*of["deps"]}


@pytest.mark.parametrize(("name", "stage", "of"), STAGES, ids=IDS)
def test_a_command_names_what_is_declared(name, stage, of):
    outputs = [*of["outs"], *(path for each in of.get("metrics", []) for path in each)]
    assert list(dict.fromkeys(each for each in words(of) if each in outputs)) == outputs


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
