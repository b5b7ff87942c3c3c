"""Quantize a GGUF with llama-quantize, and count what did not fit its type."""

import shutil
from pathlib import Path
from typing import NamedTuple

from diffscribe.gguf.tools import program, run_tool
from diffscribe.jsonl import whole_file
from diffscribe.params import QuantizationType

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
