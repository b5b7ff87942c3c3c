"""The model that is fine-tuned: TRL's or Unsloth's, with LoRA if it is asked for."""

import logging
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal

from diffscribe.core.errors import ParamsError, ToolError
from diffscribe.core.params import TrainParams
from diffscribe.doors.model_folder import damage_explained
from diffscribe.doors.torch_runtime import has_gpu

logger = logging.getLogger(__name__)

Backend = Literal["trl", "unsloth"]


def choose_backend(params: TrainParams) -> Backend:
    """Return the engine; auto takes Unsloth on a GPU that has it installed.

    Raises:
        ToolError: if Unsloth, or bitsandbytes for QLoRA, is asked for and not
            installed.
    """
    from importlib.util import find_spec

    if params.method == "qlora" and find_spec("bitsandbytes") is None:
        raise ToolError(
            "train.method qlora needs bitsandbytes; run 'make setup' on a GPU "
            "machine or pip install bitsandbytes, or set it to lora"
        )
    installed = find_spec("unsloth") is not None
    if params.backend == "unsloth" and not installed:
        raise ToolError(
            "train.backend unsloth is not installed; run 'make setup' on a GPU "
            "machine or pip install -e '.[unsloth]', or set it to auto"
        )
    if params.backend != "auto":
        return params.backend
    backend: Backend = "unsloth" if installed and has_gpu() else "trl"
    logger.info("backend %s: unsloth %s, GPU %s", backend, installed, has_gpu())
    return backend


def load_student(
    base: Path,
    backend: Backend,
    params: TrainParams,
    config: Any,
    max_tokens: int | None,
) -> tuple[Any, Any]:
    """Return a model and the PEFT config that TRL lays over it, or None.

    Unsloth wraps its model itself and cuts every sample to `max_tokens`; full
    fine-tuning wraps none.

    Args:
        base: the folder of the model.
        backend: what loads it.
        params: what is trained, and how it is wrapped.
        config: TRL's SFTConfig of the run.
        max_tokens: the longest sample; Unsloth needs it.

    Raises:
        ParamsError: for a key of `lora` that PEFT does not know.
        SourceError: if the folder of the base is damaged.
    """
    from peft import LoraConfig

    lora = params.lora.model_dump(mode="json")
    refuse_unknown("train.lora", lora, LoraConfig)
    if backend == "unsloth":
        return _unsloth_model(base, params, lora, config, max_tokens), None
    model = _model(base, params, config)
    if params.method == "full":
        return model, None
    return model, LoraConfig(**lora, task_type="CAUSAL_LM")


def refuse_unknown(where: str, values: Mapping[str, Any], config: type) -> None:
    """Refuse keys that are no field of a library's dataclass.

    Raises:
        ParamsError: naming the first.
    """
    known = {field.name for field in fields(config)}
    for key in values:
        if key not in known:
            raise ParamsError(
                f"{where}.{key}: {config.__name__} has no such option (a typo?)"
            )


def _model(base: Path, params: TrainParams, config: Any) -> Any:
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    # A frozen base may be rounded to save a GPU's memory; weights that learn
    # would lose their small steps, so autocast computes on float32 ones.
    rounded = has_gpu() and config.bf16 and params.method != "full"
    dtype = torch.bfloat16 if rounded else torch.float32
    quantization = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )
    with damage_explained(base):
        return AutoModelForCausalLM.from_pretrained(
            base,
            dtype=dtype,
            trust_remote_code=False,
            use_safetensors=True,
            quantization_config=quantization if params.method == "qlora" else None,
        )


def _unsloth_model(
    base: Path,
    params: TrainParams,
    lora: Mapping[str, Any],
    config: Any,
    max_tokens: int | None,
) -> Any:
    from unsloth import FastLanguageModel

    with damage_explained(base):
        model, _ = FastLanguageModel.from_pretrained(
            str(base),
            max_seq_length=max_tokens,
            dtype=None,
            load_in_4bit=params.method == "qlora",
            full_finetuning=params.method == "full",
            use_gradient_checkpointing=config.gradient_checkpointing,
        )
    if params.method == "full":
        return model
    return FastLanguageModel.get_peft_model(
        model,
        **lora,
        use_gradient_checkpointing=config.gradient_checkpointing,
        random_state=params.seed,
    )
