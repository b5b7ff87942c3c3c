"""Convert a model to GGUF, quantize it, and describe it to Ollama."""

import logging
import re
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from diffscribe.core.errors import SourceError
from diffscribe.core.files import file_sha256, whole_file
from diffscribe.core.params import QuantizationType
from diffscribe.doors.llama_cpp import (
    CONVERTER,
    NEUTRAL_SAMPLING,
    program,
    run_tool,
    source_tree,
)

logger = logging.getLogger(__name__)

BLOCKS: dict[QuantizationType, int] = {
    "f16": 1,
    "q8_0": 32,
    "q6_k": 256,
    "q5_k_m": 256,
    "q5_1": 32,
    "q5_0": 32,
    "q4_k_m": 256,
    "q4_1": 32,
    "q4_0": 32,
    "q3_k_m": 256,
}
"""Weights that share a scale; a row of a tensor has to be whole blocks."""


class Contents(NamedTuple):
    """What a GGUF holds."""

    sha256: str
    size_bytes: int
    parameters: int
    fallback_tensors: int
    """Tensors in another type, as their rows are no whole blocks of theirs."""
    fallbacks: dict[str, dict[str, int]]
    """These tensors by name, `*` for the layer, with how many are of which type."""


def convert(model: Path, path: Path, name: str) -> None:
    """Write the f16 GGUF of a model folder, which calls its model by a name.

    Equal inputs give equal bytes.

    Raises:
        SourceError: if the folder holds no model.
        ToolError: with the converter's last lines, if it fails.
    """
    if not (model / "config.json").is_file():
        raise SourceError(f"{model}: no config.json; this is no transformers model")
    with whole_file(path) as partial:
        run_tool(
            [
                *(sys.executable, source_tree() / CONVERTER, model),
                *("--outfile", partial, "--outtype", "f16", "--model-name", name),
            ]
        )


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
    fallbacks: dict[str, dict[str, int]] = {}
    for each in tensors:
        is_quantized = each.tensor_type != GGMLQuantizationType.F32
        if is_quantized and int(each.shape[0]) % BLOCKS[kind]:
            types = fallbacks.setdefault(re.sub(r"\d+", "*", each.name, count=1), {})
            name = each.tensor_type.name.lower()
            types[name] = types.get(name, 0) + 1
    return Contents(
        sha256=file_sha256(path),
        size_bytes=path.stat().st_size,
        parameters=sum(int(each.n_elements) for each in tensors),
        fallback_tensors=sum(sum(types.values()) for types in fallbacks.values()),
        fallbacks=fallbacks,
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


def modelfile(gguf: str, system: str, num_ctx: int, template: str = TEMPLATE) -> str:
    """Return the text of a Modelfile that lies beside its GGUF.

    It has the system text that the student was trained with.

    Raises:
        SourceError: if the system text holds three quotes in a row, as a
            Modelfile has no escape for them.
    """
    if QUOTES in system:
        raise SourceError(
            f"the system text holds {QUOTES}, which a Modelfile cannot quote; "
            "reword prompts/student/system.md"
        )
    # At temperature 0 the likeliest token is taken: the same answer every time. The
    # others are said because Ollama has defaults of its own, such as a penalty.
    parameters = {"num_ctx": num_ctx, "temperature": 0} | NEUTRAL_SAMPLING
    lines = [
        f"FROM ./{gguf}",
        f"TEMPLATE {QUOTES}{template}{QUOTES}",
        f"SYSTEM {QUOTES}{system}{QUOTES}",
        *(f"PARAMETER {name} {value}" for name, value in parameters.items()),
        *(f'PARAMETER stop "{stop}"' for stop in STOPS),
    ]
    return "\n".join(lines) + "\n"


def write_ggufs(
    model: Path, name: str, kinds: Iterable[QuantizationType], folder: Path
) -> dict[QuantizationType, Contents]:
    """Write `<name>-<kind>.gguf` of each kind and return what they hold.

    The f16 that the others are made of is kept only if it is one of the kinds.
    """
    f16 = folder / f"{name}-f16.gguf"
    convert(model, f16, f"diffscribe {name}")
    exported = {}
    for kind in dict.fromkeys(kinds):
        path = folder / f"{name}-{kind}.gguf"
        if path != f16:
            quantize(f16, path, kind)
        exported[kind] = contents(path, kind)
        logger.info("%s: %s", path.name, exported[kind])
    if "f16" not in exported:
        f16.unlink()
    return exported
