"""GGUFs like that of SmolLM2, but tiny and random."""

import numpy as np

HEADS, KEYS, LAYERS = 4, 2, 2
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def write_tiny(
    path,
    architecture="llama",
    pre="smollm",
    sampling=None,
    context_tokens=256,
    width=64,
    inner=None,
    tokens_of=None,
    is_packed=True,
):
    """Write a random model of two layers with the parts of SmolLM2's file.

    Args:
        path: the GGUF to write.
        architecture: as llama.cpp names it.
        pre: llama.cpp's name for how the tokenizer splits.
        sampling: general.sampling.* by name, which a server draws answers by.
        context_tokens: of prompt and answer together.
        width: of the layers.
        inner: their width inside; twice the other if not given.
        tokens_of: the GGUF whose vocabulary it has; else it has letters, and little
            more.
        is_packed: whether it has the types of SmolLM2's file, or 16-bit numbers that
            are whole in float16 and in bfloat16.
    """
    from gguf import GGMLQuantizationType as Type
    from gguf import GGUFWriter
    from gguf.quants import quantize as pack

    tokens, kinds, merges = letters() if tokens_of is None else vocabulary(tokens_of)
    inner = inner or 2 * width
    writer = GGUFWriter(path, architecture)
    writer.add_context_length(context_tokens)
    writer.add_embedding_length(width)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEYS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(width // HEADS)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_pad_token_id(2)
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)
    for name, value in (sampling or {}).items():
        writer.add_float32(f"general.sampling.{name}", value)
    random = np.random.default_rng(7)
    kv = width // HEADS * KEYS
    shapes = {
        "attn_q": (width, width),
        "attn_k": (kv, width),
        "attn_v": (kv, width),
        "attn_output": (width, width),
        "ffn_gate": (inner, width),
        "ffn_up": (inner, width),
        "ffn_down": (width, inner),
    }

    def add(name, shape, kind):
        # Weights of SmolLM2 are small too; larger ones make a tiny model decided.
        std = 0.3 if is_packed else 0.05
        weights = random.normal(0, std, shape).astype(np.float32)
        if is_packed:
            writer.add_tensor(name, pack(weights, kind), raw_dtype=kind)
        else:
            whole = (weights.view(np.uint32) & 0xFFFF0000).view(np.float32)
            writer.add_tensor(name, whole.astype(np.float16))

    add("token_embd.weight", (len(tokens), width), Type.Q8_0)
    writer.add_tensor("output_norm.weight", np.ones(width, np.float32))
    for layer in range(LAYERS):
        for norm in ("attn_norm", "ffn_norm"):
            ones = np.ones(width, np.float32)
            writer.add_tensor(f"blk.{layer}.{norm}.weight", ones)
        for name, shape in shapes.items():
            add(f"blk.{layer}.{name}.weight", shape, Type.Q4_1)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def letters():
    """Return tokens, their kinds and merges: every byte, and a few words."""
    from tokenizers.pre_tokenizers import ByteLevel

    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<filename>"]
    merges = ["Ġ d", "Ġd e", "e f", "i m", "Ġ Ġ"]
    ordinary = [*sorted(ByteLevel.alphabet()), *("".join(m.split(" ")) for m in merges)]
    return [*special, *ordinary], [3] * len(special) + [1] * len(ordinary), merges


def vocabulary(gguf):
    """Return tokens, their kinds and merges of a GGUF."""
    from gguf import GGUFReader

    reader = GGUFReader(gguf)
    names = ("tokens", "token_type", "merges")
    return [reader.get_field(f"tokenizer.ggml.{each}").contents() for each in names]
