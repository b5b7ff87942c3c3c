"""Stage merge-quantize: ship the student for llama.cpp and Ollama."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

from diffscribe.commits.student_prompt import load_student_prompts
from diffscribe.core.cli import INPUT, OUTPUT, Command, params_option
from diffscribe.core.errors import ToolError
from diffscribe.core.files import whole_folder
from diffscribe.core.log_params import AnyParams, load_any_params
from diffscribe.core.params import Params, QuantizationType
from diffscribe.core.tracking import report
from diffscribe.doors.adapter import adapter_sha256, merge_adapter
from diffscribe.doors.llama_cpp import version
from diffscribe.doors.model_folder import has_encoder
from diffscribe.merge_quantize.gguf import TEMPLATE, Contents, modelfile, write_ggufs


@click.command(cls=Command)
@click.argument("prompts", type=INPUT)
@click.argument("base", type=INPUT)
@click.argument("adapter", type=INPUT)
@click.argument("merged", type=OUTPUT)
@click.argument("gguf", type=OUTPUT)
@click.argument("details", type=OUTPUT)
@params_option
def main(
    prompts: Path,
    base: Path,
    adapter: Path,
    merged: Path,
    gguf: Path,
    details: Path,
    params: Path,
) -> None:
    """Merge ADAPTER into BASE as MERGED; quantize both to GGUFs in folder GGUF.

    A model in a folder of BASE, from which BASE was made, is quantized as well.
    """
    values = load_any_params(params)
    section = values.merge_quantize
    # Whatever can be wrong cheaply is found before the model is loaded.
    llama_cpp = version()
    default = section.types[0]
    recipes = {
        name: modelfile(
            f"student-{default}.gguf", system, section.num_ctx, _template(prompts)
        )
        for name, system in _systems(prompts, values).items()
    }
    with whole_folder(merged) as folder:
        merge_adapter(base, adapter, folder)
    if has_encoder(merged):
        _write_what_there_is(merged, section.types, gguf, details)
        return
    models = {"student": (merged, section.types)} | {
        name: (model, (section.base_type,)) for name, model in _untuned(base).items()
    }
    with whole_folder(gguf) as folder:
        # Each converter keeps one core busy, and less than 1 GB of memory.
        with ThreadPoolExecutor() as pool:
            written = {
                name: pool.submit(write_ggufs, model, name, types, folder)
                for name, (model, types) in models.items()
            }
        ggufs = {name: each.result() for name, each in written.items()}
        for name, recipe in recipes.items():
            (folder / name).write_text(recipe, encoding="utf-8")
    report(
        details,
        {
            "llama_cpp": llama_cpp,
            "adapter_sha256": adapter_sha256(adapter),
            **{
                name: {kind: each._asdict() for kind, each in kinds.items()}
                for name, kinds in ggufs.items()
            },
        },
        f"{ggufs['student'][default].parameters:,} parameters; "
        f"{_sizes(ggufs['student'])}",
    )


def _write_what_there_is(
    merged: Path, types: Sequence[QuantizationType], gguf: Path, details: Path
) -> None:
    """Write GGUFs of a model with an encoder, if llama.cpp's converter takes it."""
    refused = ""
    with whole_folder(gguf) as folder:
        try:
            write_ggufs(merged, "student", types, folder)
        except ToolError as error:
            refused = str(error)
            for path in folder.iterdir():
                path.unlink()
    said = f"no GGUF: {refused}" if refused else "as GGUF too"
    report(details, {"refused": refused}, f"safetensors in {merged}; {said}")


def _template(prompts: Path) -> str:
    """Return Ollama's template: of the prompts if they have one, which shows tools."""
    own = prompts / "ollama.tmpl"
    return own.read_text(encoding="utf-8") if own.is_file() else TEMPLATE


def _untuned(base: Path) -> dict[str, Path]:
    """Return the base, and the model that it was made of if that lies in it."""
    origins = (path.parent for path in sorted(base.glob("*/config.json")))
    return {"base": base, **{origin.name: origin for origin in origins}}


def _systems(prompts: Path, values: AnyParams) -> dict[str, str]:
    """Return the system text of each Modelfile: one for each question that it knows."""
    if not isinstance(values, Params):
        system = (prompts / "system.md").read_text(encoding="utf-8")
        return {"Modelfile": system.strip()}
    section = values.render
    shown = load_student_prompts(prompts, section.answer, values.style.message)
    if section.task == "message":
        return {"Modelfile": shown.message.system}
    systems = {"Modelfile": shown.plan.system}
    if section.message_fraction:
        systems["Modelfile.message"] = shown.message.system
    return systems


def _sizes(student: Mapping[QuantizationType, Contents]) -> str:
    """Return each type with its size, and with what of it is of another type."""
    return ", ".join(
        f"{kind} {each.size_bytes / 1e6:.1f} MB"
        + (f" ({each.fallback_tensors} tensors fell back)" * bool(each.fallbacks))
        for kind, each in student.items()
    )


if __name__ == "__main__":
    main()
