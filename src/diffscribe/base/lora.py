"""An adapter for llama-server: a file beside its model (`--lora`), or in the model."""

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from diffscribe.base.smollm2 import MODULES, rows_of_llama_cpp
from diffscribe.core.errors import SourceError
from diffscribe.core.files import whole_file
from diffscribe.doors.adapter import WEIGHTS

UNKNOWN_TO_LLAMA_CPP = ("use_dora", "lora_bias", "rank_pattern", "alpha_pattern")
"""Options of PEFT's LoraConfig that change what an adapter computes."""


class _Lora(NamedTuple):
    """An adapter in the names and the order of rows of its base's GGUF."""

    alpha: float
    """llama.cpp divides it by the rank, whatever the adapter was trained with."""
    rank: int
    sides: Mapping[str, Mapping[str, Any]]
    """By the tensor that is changed the arrays `a` and `b`, whose product is added."""


def write_lora_gguf(adapter: Path, model: Path, path: Path) -> None:
    """Write the GGUF LoRA file of an adapter; equal inputs give equal bytes.

    Its numbers are those of the adapter, a PEFT folder with plain LoRA. The model is a
    GGUF of its base, in any type; a llama with SmolLM's names. torch takes no part.

    Raises:
        SourceError: if the adapter is another one, or does not fit the model.
    """
    from gguf import GGUFReader, GGUFWriter

    lora = _read_lora(adapter, model, GGUFReader(model))
    with whole_file(path) as partial:
        writer = GGUFWriter(partial, "llama")
        writer.add_type("adapter")
        writer.add_string("adapter.type", "lora")
        writer.add_float32("adapter.lora.alpha", lora.alpha)
        for tensor, sides in lora.sides.items():
            for side, weights in sides.items():
                writer.add_tensor(f"{tensor}.lora_{side}", weights)
        _finish(writer)


def write_merged_gguf(adapter: Path, model: Path, path: Path) -> None:
    """Write the GGUF in float16 of a model with an adapter in it; equal bytes always.

    A server reads a prompt three times as fast with it as with the adapter beside a
    model of four bits. torch takes no part.

    Raises:
        SourceError: as `write_lora_gguf`.
    """
    from gguf import GGUFReader, GGUFValueType, GGUFWriter, LlamaFileType
    from gguf.quants import dequantize

    reader = GGUFReader(model)
    lora = _read_lora(adapter, model, reader)
    with whole_file(path) as partial:
        writer = GGUFWriter(partial, "llama")
        for name, field in reader.fields.items():
            if name.startswith("GGUF.") or name in OF_THE_TYPE:
                continue
            kind = field.types[0]
            inside = field.types[-1] if kind == GGUFValueType.ARRAY else None
            writer.add_key_value(name, field.contents(), kind, sub_type=inside)
        writer.add_file_type(LlamaFileType.MOSTLY_F16)
        for each in reader.tensors:
            weights = dequantize(each.data, each.tensor_type).astype(np.float32)
            if sides := lora.sides.get(each.name):
                b, a = (sides[side].astype(np.float32) for side in "ba")
                weights += (b @ a) * np.float32(lora.alpha / lora.rank)
            # llama.cpp wants its norms, which are vectors, in float32.
            kind = np.float32 if weights.ndim == 1 else np.float16
            writer.add_tensor(each.name, np.ascontiguousarray(weights.astype(kind)))
        _finish(writer)


OF_THE_TYPE = (
    "general.architecture",
    "general.file_type",
    "general.quantization_version",
)
"""Fields of a GGUF that its writer sets, as they depend on how numbers are stored."""


def _finish(writer: Any) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _read_lora(adapter: Path, model: Path, reader: Any) -> _Lora:
    """Return an adapter as it fits the GGUF of a reader.

    Raises:
        SourceError: if it does not.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        config = json.loads((adapter / "adapter_config.json").read_bytes())
        arrays = load_file(adapter / WEIGHTS)
    except (OSError, SafetensorError, ValueError) as error:
        raise SourceError(f"{adapter} cannot be loaded: {error}") from error
    if found := [each for each in UNKNOWN_TO_LLAMA_CPP if config.get(each)]:
        raise SourceError(
            f"{adapter}: adapter_config.json sets {found[0]}, which llama.cpp does "
            "not know; merge the adapter instead (stage merge-quantize)"
        )
    heads = {
        "attn_q": reader.fields["llama.attention.head_count"].contents(),
        "attn_k": reader.fields["llama.attention.head_count_kv"].contents(),
    }
    shapes = {each.name: tuple(map(int, each.shape)) for each in reader.tensors}
    rank = config["r"]
    alpha = config["lora_alpha"] * (math.sqrt(rank) if config.get("use_rslora") else 1)
    sides: dict[str, dict[str, Any]] = {}
    for name in sorted(arrays):
        tensor, side = _place(name, adapter)
        weights = arrays[name]
        columns, rows = shapes.get(tensor, (0, 0))
        if weights.shape != ((rank, columns) if side == "a" else (rows, rank)):
            raise SourceError(
                f"{adapter} does not fit {model}: {name} has the shape "
                f"{weights.shape}, and {tensor} {(columns, rows)}"
            )
        part = tensor.split(".")[-2]
        if side == "b" and part in heads:
            weights = rows_of_llama_cpp(weights, heads[part])
        sides.setdefault(tensor, {})[side] = np.ascontiguousarray(weights)
    return _Lora(alpha, rank, sides)


def _place(name: str, adapter: Path) -> tuple[str, str]:
    """Return the GGUF's tensor that a tensor of PEFT changes, and `a` or `b`."""
    found = re.fullmatch(
        r"base_model\.model\.model\.layers\.(\d+)\.([\w.]+)\.lora_([AB])\.weight", name
    )
    parts = {module: part for part, module in MODULES.items()}
    if found is None or found[2] not in parts:
        raise SourceError(f"{adapter}: {name} adapts no linear layer of a llama")
    return f"blk.{found[1]}.{parts[found[2]]}.weight", found[3].lower()
