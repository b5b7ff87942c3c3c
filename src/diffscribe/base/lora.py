"""An adapter as the GGUF file that llama-server lays over its model (`--lora`)."""

import json
import math
import re
from pathlib import Path

import numpy as np

from diffscribe.base.smollm2 import MODULES, rows_of_llama_cpp
from diffscribe.core.errors import SourceError
from diffscribe.core.files import whole_file
from diffscribe.doors.adapter import WEIGHTS

UNKNOWN_TO_LLAMA_CPP = ("use_dora", "lora_bias", "rank_pattern", "alpha_pattern")
"""Options of PEFT's LoraConfig that change what an adapter computes."""


def write_lora_gguf(adapter: Path, model: Path, path: Path) -> None:
    """Write the GGUF LoRA file of an adapter; equal inputs give equal bytes.

    Its numbers are those of the adapter, a PEFT folder with plain LoRA. The model is a
    GGUF of its base, in any type; a llama with SmolLM's names. torch takes no part.

    Raises:
        SourceError: if the adapter is another one, or does not fit the model.
    """
    from gguf import GGUFReader, GGUFWriter
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
    reader = GGUFReader(model)
    heads = {
        "attn_q": reader.fields["llama.attention.head_count"].contents(),
        "attn_k": reader.fields["llama.attention.head_count_kv"].contents(),
    }
    shapes = {each.name: tuple(map(int, each.shape)) for each in reader.tensors}
    rank = config["r"]
    # llama.cpp divides alpha by the rank, whatever the adapter was trained with.
    alpha = config["lora_alpha"] * (math.sqrt(rank) if config.get("use_rslora") else 1)
    with whole_file(path) as partial:
        writer = GGUFWriter(partial, "llama")
        writer.add_type("adapter")
        writer.add_string("adapter.type", "lora")
        writer.add_float32("adapter.lora.alpha", alpha)
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
            writer.add_tensor(f"{tensor}.lora_{side}", np.ascontiguousarray(weights))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


def _place(name: str, adapter: Path) -> tuple[str, str]:
    """Return the GGUF's tensor that a tensor of PEFT changes, and `a` or `b`."""
    found = re.fullmatch(
        r"base_model\.model\.model\.layers\.(\d+)\.([\w.]+)\.lora_([AB])\.weight", name
    )
    parts = {module: part for part, module in MODULES.items()}
    if found is None or found[2] not in parts:
        raise SourceError(f"{adapter}: {name} adapts no linear layer of a llama")
    return f"blk.{found[1]}.{parts[found[2]]}.weight", found[3].lower()
