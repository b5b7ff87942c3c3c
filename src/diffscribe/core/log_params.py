"""Params of the pipelines that learn from logs, beside those of commits.

A file says by its key `pipeline` which it is of; without one it is of commits.
"""

from pathlib import Path
from typing import Annotated, Literal, Self, TypeAlias, TypeVar

from pydantic import Field, model_validator

from diffscribe.core.errors import ParamsError
from diffscribe.core.params import (
    BaseParams,
    Fraction,
    MergeQuantizeParams,
    Natural,
    Params,
    Positive,
    Root,
    Section,
    TrainParams,
    check_params,
    read_yaml,
)

MemoryTask: TypeAlias = Literal[
    "scaffold", "repair", "polish", "spec", "style", "style_unify"
]
"""What a student of an agent's memory may be asked for."""


class ToolCollectParams(Section):
    """Which logged calls are taken, and how their logs are read."""

    format: Literal[
        "auto",
        "seed004",
        "openai",
        "trl",
        "ollama",
        "llama-factory",
        "ms-swift",
        "hermes",
    ]
    """auto: of each log by the keys of its first line."""
    min_rating: Annotated[int, Field(ge=1, le=5)]
    unrated: Literal["keep", "drop"]
    tools: Literal["file", "infer"]
    """What describes the tools where a log does not: a file, or their calls."""
    reconstruct: bool
    """Whether old rows without a question get one from a table; train only."""
    on_bad_line: Literal["stop", "skip"]
    max_output_chars: Positive
    """Of a tool's result; the rest is left out, which is said."""


class ToolCurateParams(Section):
    """What is worth learning from."""

    max_turns: Positive
    max_per_call: Positive
    """Interactions with the very same calls; later ones are dropped."""
    errors: Literal["mask", "drop"]
    """Of chats with a failed call: mask the call and learn what follows, or drop."""


class ToolSplitParams(Section):
    """Which interactions are held out: the newest, by whole clusters."""

    validation_fraction: Fraction
    test_fraction: Fraction


class ToolRenderParams(Section):
    """What the student is asked, and within which limits."""

    train_on: Literal["call", "all"]
    """all: also the answers that follow a result."""
    no_call_fraction: Fraction
    """Of the samples with a call, also shown without its tool, to say so."""
    max_prompt_tokens: Positive
    max_answer_tokens: Positive


class ToolEvalParams(Section):
    """How the student is measured."""

    max_samples: Positive
    context_tokens: Positive
    max_answer_tokens: Positive
    argument_match: Literal["typed", "exact"]
    """What `call_match` holds arguments to: BFCL's rules, or equality."""
    threads: Natural
    deny: tuple[str, ...]
    """Regular expressions of what no call may hold, over its canonical JSON."""


class ToolCallsParams(Root):
    """The whole of pipelines/tool_calls/params.yaml."""

    experiment = "diffscribe-tool-calls"

    pipeline: Literal["tool_calls"]
    seed: int
    collect: ToolCollectParams
    curate: ToolCurateParams
    split: ToolSplitParams
    base: BaseParams
    render: ToolRenderParams
    train: TrainParams
    merge_quantize: MergeQuantizeParams
    eval: ToolEvalParams


class MemoryCollectParams(Section):
    """Which logs of successes and attempts are read."""

    memory: str | None
    """success_memory.jsonl of an agent; or null, if there are attempts only."""
    patch_sets: str | None
    """Folder of the agent's patch sets, such as .autopatches, or null."""
    attempts: str | None
    """What `diffscribe.memory.append` wrote, or null."""
    hash_seed: Natural | None
    """PYTHONHASHSEED of the agent, if it had one, whose Python is as this one."""
    min_rating: Annotated[int, Field(ge=1, le=5)] | None
    unrated: Literal["keep", "drop"]
    require_script: bool
    """Whether successes are dropped whose script is not found."""
    on_bad_line: Literal["stop", "skip"]


class MemoryCurateParams(Section):
    """What is worth learning from."""

    max_script_chars: Positive


class MemorySplitParams(Section):
    """Which episodes are held out: the newest, by whole clusters."""

    validation_fraction: Fraction
    test_fraction: Fraction


class MemoryRenderParams(Section):
    """Which pairs are made."""

    tasks: Annotated[tuple[MemoryTask, ...], Field(min_length=1)]
    max_prompt_tokens: Positive
    """With the chat template; a pair with a longer prompt is dropped and counted."""
    max_answer_tokens: Positive


class MemoryEvalParams(Section):
    """How the student is compared."""

    max_samples: Positive
    threads: Natural
    """Threads of llama-server; 0 is all cores but one."""
    execute: str | None
    """Folder of the code that scripts change: each is run in a sandbox on a copy of it,
    where there is bubblewrap. Null runs nothing."""


class SuccessMemoryParams(Root):
    """The whole of pipelines/success_memory/params.yaml."""

    experiment = "diffscribe-success-memory"

    pipeline: Literal["success_memory"]
    seed: int
    collect: MemoryCollectParams
    curate: MemoryCurateParams
    split: MemorySplitParams
    base: BaseParams
    render: MemoryRenderParams
    train: TrainParams
    merge_quantize: MergeQuantizeParams
    eval: MemoryEvalParams

    @model_validator(mode="after")
    def _has_room(self) -> Self:
        tokens = self.render.max_prompt_tokens + self.render.max_answer_tokens
        if tokens > self.merge_quantize.num_ctx:
            raise ValueError(
                f"render.max_prompt_tokens + render.max_answer_tokens = {tokens} "
                f"exceeds merge_quantize.num_ctx = {self.merge_quantize.num_ctx}"
            )
        return self


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


R = TypeVar("R", bound=Root)


def load_log_params(path: Path, kind: type[R]) -> R:
    """Read the params file of one pipeline.

    Raises:
        ParamsError: naming every key that is unknown, missing or out of range.
    """
    return check_params(read_yaml(path), path, kind)
