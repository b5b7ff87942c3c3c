"""Quantize a GGUF with llama-quantize, and count what did not fit its type."""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, get_args

from diffscribe.core.errors import SourceError
from diffscribe.core.files import whole_file
from diffscribe.core.params import QuantizationType
from diffscribe.doors.llama_cpp import program, run_tool
from diffscribe.merge_quantize.convert import convert

BLOCKS: dict[QuantizationType, int] = {
    "f16": 1,
    "q8_0": 32,
    "q6_k": 256,
    "q5_k_m": 256,
    "q4_k_m": 256,
    "q3_k_m": 256,
}
"""Weights that share a scale; a row of a tensor has to be whole blocks."""


class Contents(NamedTuple):
    """What a GGUF holds."""

    size_bytes: int
    parameters: int
    fallback_tensors: int
    """Tensors in another type, as their rows are no whole blocks of theirs."""


def quantize(f16: Path, path: Path, kind: QuantizationType) -> None:
    """Write the GGUF of one type; f16 is a plain copy.

    Raises:
        ToolError: with the last lines of llama-quantize, if it fails.
    """
    with whole_file(path) as partial:
        if kind == "f16":
            shutil.copyfile(f16, partial)
        else:
            run_tool([program("llama-quantize"), f16, partial, kind])


def contents(path: Path, kind: QuantizationType) -> Contents:
    """Return what a GGUF of one type holds.

    Norms stay float32 in every type, so they never count as a fallback.
    """
    from gguf import GGMLQuantizationType, GGUFReader

    tensors = GGUFReader(path).tensors
    quantized = [
        each for each in tensors if each.tensor_type != GGMLQuantizationType.F32
    ]
    return Contents(
        size_bytes=path.stat().st_size,
        parameters=sum(int(each.n_elements) for each in tensors),
        fallback_tensors=sum(
            int(each.shape[0]) % BLOCKS[kind] > 0 for each in quantized
        ),
    )


TEMPLATE = """\
{{- range .Messages }}<|im_start|>{{ .Role }}
{{ .Content }}<|im_end|>
{{ end }}<|im_start|>assistant
"""
"""ChatML in Ollama's Go template, which the GGUF's own Jinja is not. Ollama puts
SYSTEM in front of the messages, unless a request brings its own system text.
https://docs.ollama.com/modelfile"""

STOPS = ("<|im_end|>", "<|endoftext|>", "<|im_start|>")
QUOTES = '"""'


def modelfile(gguf: str, system: str, num_ctx: int, temperature: float) -> str:
    """Return the text of a Modelfile that lies beside its GGUF.

    Args:
        gguf: the file's name.
        system: the system text the student was trained with.
        num_ctx: tokens of prompt and answer together.
        temperature: 0 always takes the likeliest token.

    Raises:
        SourceError: if the system text holds three quotes in a row, as a
            Modelfile has no escape for them.
    """
    if QUOTES in system:
        raise SourceError(
            f"the system text holds {QUOTES}, which a Modelfile cannot quote; "
            "reword prompts/student/system.md"
        )
    parameters = {"num_ctx": num_ctx, "temperature": temperature}
    lines = [
        f"FROM ./{gguf}",
        f"TEMPLATE {QUOTES}{TEMPLATE}{QUOTES}",
        f"SYSTEM {QUOTES}{system}{QUOTES}",
        *(f"PARAMETER {name} {value}" for name, value in parameters.items()),
        *(f'PARAMETER stop "{stop}"' for stop in STOPS),
    ]
    return "\n".join(lines) + "\n"


NOTHING = Contents(size_bytes=0, parameters=0, fallback_tensors=0)


def export(
    model: Path, name: str, kinds: Iterable[QuantizationType], folder: Path
) -> dict[QuantizationType, Contents]:
    """Write `<name>-<kind>.gguf` of each kind and return what they hold.

    Args:
        model: a transformers folder.
        name: of the files, and of the model inside of them.
        kinds: the f16 that the others are made of is kept only if listed.
        folder: where the files go.
    """
    f16 = folder / f"{name}-f16.gguf"
    convert(model, f16, f"diffscribe {name}")
    exported = {}
    for kind in dict.fromkeys(kinds):
        path = folder / f"{name}-{kind}.gguf"
        if path != f16:
            quantize(f16, path, kind)
        exported[kind] = contents(path, kind)
    if "f16" not in exported:
        f16.unlink()
    return exported


def export_metrics(
    exported: Mapping[QuantizationType, Contents],
) -> dict[QuantizationType, dict[str, int]]:
    """Return what the files hold by type; all zeros for a type not exported."""
    return {
        kind: exported.get(kind, NOTHING)._asdict()
        for kind in get_args(QuantizationType)
    }
