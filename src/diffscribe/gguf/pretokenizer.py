"""How a text is cut before byte-level BPE, as llama.cpp's `qwen2` does it."""

QWEN2_PRETOKENIZER_REGEX = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
    r"|[^\r\n\p{L}\p{N}]?\p{L}+"
    r"|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+"
    r"|\s+(?!\S)"
    r"|\s+"
)
"""A tokenizer that splits by it, with no normalizer, has the same tokens in
transformers and in llama.cpp; the converter is told so by its structure.
https://github.com/QwenLM/Qwen has the original."""
