"""Lay the trained weights over the base: one plain 16-bit model folder."""

import shutil
from pathlib import Path
from typing import Any

from diffscribe.core.errors import SourceError
from diffscribe.core.files import file_sha256
from diffscribe.doors.model_folder import (
    damage_explained,
    drop_sampling,
    has_encoder,
)

BASE_FILES = (
    "LICENSE",
    "NOTICE",
    "added_tokens.json",
    "chat_template.jinja",
    "merges.txt",
    "special_tokens_map.json",
    "spiece.model",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "vocab.json",
)
"""Copied as they are: the terms of the base, and its tokenizer, since saving a loaded
one may change how it splits."""
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
"""The files of an adapter, as PEFT names them."""


def merge_adapter(base: Path, adapter: Path, folder: Path) -> None:
    """Fill a folder with the tuned model, its base's tokenizer and chat template.

    The adapter is added in float32, and the sum is rounded once.

    Args:
        base: the model folder that was trained on.
        adapter: a PEFT adapter of it, or a whole model of full fine-tuning.
        folder: an empty folder. Weights in bfloat16 and float16 stay in it; float32
            is stored as float16, the type that the GGUF has.

    Raises:
        SourceError: if a folder is not what it should be, or the adapter was
            trained on another base.
    """
    import torch

    _require(base, "config.json", "run the stage base")
    if (adapter / CONFIG).is_file():
        model = load_adapter(_load(base), base, adapter).merge_and_unload()
    else:
        _require(adapter, "config.json", "run the stage train")
        model = _load(adapter)
    if model.dtype == torch.float32:
        model = model.to(torch.float16)
    model.save_pretrained(folder)
    drop_sampling(folder)
    for name in BASE_FILES:
        if (base / name).is_file():
            shutil.copyfile(base / name, folder / name)


def load_adapter(model: Any, base: Path, adapter: Path, **options: Any) -> Any:
    """Return the model of a base with an adapter over it, by PeftModel's options.

    Raises:
        SourceError: if there is no adapter, or it does not fit the base.
    """
    from peft import PeftModel
    from safetensors import SafetensorError

    for name in (CONFIG, WEIGHTS):
        _require(adapter, name, "run the stage train, or name another adapter")
    try:
        return PeftModel.from_pretrained(model, adapter, **options)
    except (RuntimeError, SafetensorError, ValueError) as error:
        raise SourceError(
            f"{adapter} does not fit {base}: {str(error).strip().splitlines()[-1]}; "
            "train it again, or name another adapter"
        ) from error


def adapter_sha256(adapter: Path) -> str | None:
    """Return the digest of the weights; None for a model of full fine-tuning."""
    weights = adapter / WEIGHTS
    return file_sha256(weights) if weights.is_file() else None


def _require(folder: Path, name: str, advice: str) -> None:
    if not (folder / name).is_file():
        raise SourceError(f"{folder}: no {name} in it; {advice}")


def _load(folder: Path) -> Any:
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    kind = AutoModelForSeq2SeqLM if has_encoder(folder) else AutoModelForCausalLM
    with damage_explained(folder):
        return kind.from_pretrained(
            folder, dtype="auto", local_files_only=True, use_safetensors=True
        )
