"""The verb `models`: where the models of an agent's memory lie, for the agent."""

import json
from pathlib import Path

import click

from diffscribe.core.cli import INPUT, Command, say
from diffscribe.core.errors import InputError
from diffscribe.core.log_params import SuccessMemoryParams, load_log_params

ENCODER_PATHS = {
    "t5_spec_model_path": "spec",
    "divot5_refiner_model_path": "style",
    "divot5_unifier_model_path": "style_unify",
}
"""What an agent calls the models of tasks that T5 is asked for."""
OTHER_PATHS = ("scorer_model_path", "sentence_transformer_model_path")
"""Models of the agent that no stage trains."""


@click.command(cls=Command)
@click.argument("pipeline", type=INPUT, default=Path("pipelines/success_memory"))
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def models_command(pipeline: Path, as_json: bool) -> None:
    """Show the six model paths of an agent that PIPELINE learned from.

    A path is null, or -, where the pipeline has trained no such model: the agent then
    keeps its own.
    """
    paths = model_paths(pipeline)
    if not any(paths.values()):
        raise InputError(
            f"'{pipeline}' has no trained model; run 'make success-memory' first"
        )
    if as_json:
        say(json.dumps(paths, indent=2))
    else:
        for name, path in paths.items():
            say(f"{name}: {path or '-'}")


def model_paths(pipeline: Path) -> dict[str, str | None]:
    """Return the path of each model by the agent's name for it, absolute, or None."""
    values = load_log_params(pipeline / "params.yaml", SuccessMemoryParams)
    models = pipeline.resolve() / "models"
    gguf = models / "gguf" / f"student-{values.merge_quantize.types[0]}.gguf"
    merged = models / "merged"
    is_encoder = values.train.architecture == "seq2seq"
    is_merged = is_encoder and (merged / "config.json").is_file()
    paths: dict[str, str | None] = {"llm_model_path": None}
    if gguf.is_file() and not is_encoder:
        paths["llm_model_path"] = str(gguf)
    for name, task in ENCODER_PATHS.items():
        trained = is_merged and task in values.render.tasks
        paths[name] = str(merged) if trained else None
    return paths | dict.fromkeys(OTHER_PATHS)
