"""Convert a transformers model to a GGUF with llama.cpp's own converter.

The converter knows a tokenizer by the tokens of one test string, so it refuses
every vocabulary that was not published before. It therefore runs in a process of
its own (`python -m diffscribe.merge_quantize.convert`) that recognises a tokenizer
like Qwen2's by how it is built; all others go the official way.
"""

import json
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from diffscribe.core.errors import SourceError
from diffscribe.core.files import whole_file
from diffscribe.doors.llama_cpp import QWEN2_PRETOKENIZER_REGEX, run_tool, source_tree


def convert(model: Path, path: Path, name: str) -> None:
    """Write the f16 GGUF of a model folder.

    Args:
        model: a transformers folder with safetensors and a tokenizer.
        path: the GGUF to write.
        name: what the file calls its model; equal inputs give equal bytes.

    Raises:
        SourceError: if the folder holds no model.
        ToolError: with the converter's last lines, if it fails.
    """
    if not (model / "config.json").is_file():
        raise SourceError(f"{model}: no config.json; this is no transformers model")
    with whole_file(path) as partial:
        # -P: a file of the current folder must not shadow a module.
        converter = [sys.executable, "-P", "-m", __name__, str(source_tree())]
        arguments = ["--outfile", str(partial), "--outtype", "f16"]
        run_tool([*converter, str(model), *arguments, "--model-name", name])


def has_qwen2_structure(tokenizer: Any) -> bool:
    """Say if a tokenizer.json document cuts texts as llama.cpp's `qwen2` does."""
    pre = tokenizer["pre_tokenizer"] or {}
    parts = pre.get("pretokenizers", [])
    if tokenizer["model"]["type"] != "BPE" or tokenizer["normalizer"] is not None:
        return False
    if [part["type"] for part in parts] != ["Split", "ByteLevel"]:
        return False
    split, byte_level = parts
    return (
        split["pattern"] == {"Regex": QWEN2_PRETOKENIZER_REGEX}
        and split["behavior"] == "Isolated"
        and not split["invert"]
        and not byte_level["add_prefix_space"]
        and not byte_level["use_regex"]
    )


def main() -> None:
    """Run the converter of the source tree that is the first argument."""
    tree = sys.argv.pop(1)
    # A model that names code or files elsewhere must not reach for them.
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error")
    sys.path[:0] = [f"{tree}/gguf-py", tree]
    text_model = import_module("conversion.base").TextModel
    official = text_model.get_vocab_base_pre

    def get_vocab_base_pre(self: Any, tokenizer: Any) -> str:
        structure = json.loads(tokenizer.backend_tokenizer.to_str())
        if has_qwen2_structure(structure):
            return "qwen2"
        name: str = official(self, tokenizer)
        return name

    text_model.get_vocab_base_pre = get_vocab_base_pre
    import_module("convert_hf_to_gguf").main()


if __name__ == "__main__":
    main()
