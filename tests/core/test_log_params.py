from pathlib import Path

import pytest
import yaml

from diffscribe.core.errors import ParamsError
from diffscribe.core.log_params import (
    PIPELINES,
    SuccessMemoryParams,
    ToolCallsParams,
    load_any_params,
)
from diffscribe.core.params import Params

PARAMS = Path(__file__).parents[2] / "params.yaml"


def written(path, **changed):
    values = yaml.safe_load(PARAMS.read_text())
    shared = {name: values[name] for name in ("seed", "base", "train")}
    shared["merge_quantize"] = values["merge_quantize"]
    path.write_text(yaml.safe_dump(shared | changed))
    return path


def test_a_file_without_a_name_is_of_commits():
    assert type(load_any_params(PARAMS)) is Params


def test_the_pipelines_have_experiments_of_their_own():
    roots = [Params, ToolCallsParams, SuccessMemoryParams]
    assert len({root.experiment for root in roots}) == len(roots)
    assert [*PIPELINES.values()] == roots[1:]


@pytest.mark.parametrize("name", ["commits", "", 3, ["tool_calls"], True])
def test_an_unknown_pipeline_is_told_with_those_there_are(tmp_path, name):
    path = written(tmp_path / "params.yaml", pipeline=name)
    with pytest.raises(ParamsError, match="tool_calls or success_memory"):
        load_any_params(path)
