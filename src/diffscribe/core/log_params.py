"""Params of the pipelines that learn from logs, beside those of commits.

A file says by its key `pipeline` which it is of; without one it is of commits.
"""

from pathlib import Path
from typing import Literal, TypeAlias

from diffscribe.core.errors import ParamsError
from diffscribe.core.params import (
    BaseParams,
    MergeQuantizeParams,
    Params,
    Root,
    TrainParams,
    check_params,
    read_yaml,
)


class ToolCallsParams(Root):
    """The whole of pipelines/tool_calls/params.yaml."""

    experiment = "diffscribe-tool-calls"

    pipeline: Literal["tool_calls"]
    seed: int
    base: BaseParams
    train: TrainParams
    merge_quantize: MergeQuantizeParams


class SuccessMemoryParams(Root):
    """The whole of pipelines/success_memory/params.yaml."""

    experiment = "diffscribe-success-memory"

    pipeline: Literal["success_memory"]
    seed: int
    base: BaseParams
    train: TrainParams
    merge_quantize: MergeQuantizeParams


AnyParams: TypeAlias = Params | ToolCallsParams | SuccessMemoryParams
"""What base, train and merge-quantize may be given: all pipelines share them."""

PIPELINES: dict[str, type[AnyParams]] = {
    "tool_calls": ToolCallsParams,
    "success_memory": SuccessMemoryParams,
}


def load_any_params(path: Path) -> AnyParams:
    """Read the params file of any pipeline.

    Raises:
        ParamsError: naming every key that is unknown, missing or out of range.
    """
    values = read_yaml(path)
    named = values.get("pipeline") if isinstance(values, dict) else None
    if named is None:
        return check_params(values, path, Params)
    if not isinstance(named, str) or named not in PIPELINES:
        raise ParamsError(
            f"{path}: pipeline: there is none of this name; use "
            f"{' or '.join(PIPELINES)}, or leave the key out for commits"
        )
    return check_params(values, path, PIPELINES[named])
