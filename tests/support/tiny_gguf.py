"""A GGUF like that of SmolLM2, but tiny and random."""

import numpy as np

WIDTH, HEADS, KEYS, LAYERS = 64, 4, 2, 2
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def write_tiny(
    path, architecture="llama", pre="smollm", sampling=None, context_tokens=256
):
    """Write a random model of two layers with the parts of SmolLM2's file.

    Args:
        path: the GGUF to write.
        architecture: as llama.cpp names it.
        pre: llama.cpp's name for how the tokenizer splits.
        sampling: general.sampling.* by name, which a server draws answers by.
        context_tokens: of prompt and answer together.
    """
    from gguf import GGMLQuantizationType, GGUFWriter
    from gguf.quants import quantize as pack
    from tokenizers.pre_tokenizers import ByteLevel

    letters = sorted(ByteLevel.alphabet())
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<filename>"]
    merges = ["Ġ d", "Ġd e", "e f", "i m", "Ġ Ġ"]
    tokens = [*special, *letters, *(pair.replace(" ", "") for pair in merges)]
    writer = GGUFWriter(path, architecture)
    writer.add_context_length(context_tokens)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(2 * WIDTH)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEYS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types([3] * len(special) + [1] * (len(tokens) - len(special)))
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
    kv = WIDTH // HEADS * KEYS
    shapes = {
        "attn_q": (WIDTH, WIDTH),
        "attn_k": (kv, WIDTH),
        "attn_v": (kv, WIDTH),
        "attn_output": (WIDTH, WIDTH),
        "ffn_gate": (2 * WIDTH, WIDTH),
        "ffn_up": (2 * WIDTH, WIDTH),
        "ffn_down": (WIDTH, 2 * WIDTH),
    }

    def add(name, shape, kind):
        weights = random.normal(0, 0.3, shape).astype(np.float32)
        writer.add_tensor(name, pack(weights, kind), raw_dtype=kind)

    add("token_embd.weight", (len(tokens), WIDTH), GGMLQuantizationType.Q8_0)
    writer.add_tensor("output_norm.weight", np.ones(WIDTH, np.float32))
    for layer in range(LAYERS):
        for norm in ("attn_norm", "ffn_norm"):
            ones = np.ones(WIDTH, np.float32)
            writer.add_tensor(f"blk.{layer}.{norm}.weight", ones)
        for name, shape in shapes.items():
            add(f"blk.{layer}.{name}.weight", shape, GGMLQuantizationType.Q4_1)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
