"""What TRL's trainer is given: the model with its LoRA, the settings, the samples.

Also the tokens of a sample with the loss mask that the trainer makes of them.
"""

import logging
import math
import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal

from diffscribe.core.errors import ParamsError, ToolError
from diffscribe.core.files import temporary_folder
from diffscribe.core.params import TrainParams
from diffscribe.core.records import TrainingSample
from diffscribe.doors.adapter import load_adapter
from diffscribe.doors.model_folder import chat_template_kwargs, damage_explained
from diffscribe.doors.torch_runtime import has_bf16, has_gpu, quiet_libraries

logger = logging.getLogger(__name__)

Backend = Literal["trl", "unsloth"]

IGNORED = -100
"""The label of a token without loss, to torch and TRL alike."""
LOGS = 100
"""Points of the loss curve, about."""


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
    # Unsloth lays adapters of its own over a model.
    fits = installed and has_gpu() and params.adapter is None
    backend: Backend = "unsloth" if fits else "trl"
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

    Unsloth wraps its model itself and needs `max_tokens`, to which it cuts every
    sample; full fine-tuning wraps none. `config` is TRL's SFTConfig of the run.

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
    if params.adapter is not None:
        return _load_adapted(model, base, Path(params.adapter), params), None
    if params.method == "full":
        return model, None
    return model, LoraConfig(**lora, task_type="CAUSAL_LM")


def _load_adapted(model: Any, base: Path, adapter: Path, params: TrainParams) -> Any:
    """Return a model with an adapter whose weights are trained further.

    Raises:
        SourceError: if there is no adapter, or one of another base.
        ParamsError: if it has another size than params name.
    """
    tuned = load_adapter(model, base, adapter, is_trainable=True)
    found = tuned.peft_config["default"]
    # PEFT would ask the hub for the config of the base that the adapter names.
    found.base_model_name_or_path = str(base)
    for name in ("r", "lora_alpha"):
        if getattr(found, name) != getattr(params.lora, name):
            raise ParamsError(
                f"train.lora.{name} is {getattr(params.lora, name)}, and that of "
                f"{adapter} {getattr(found, name)}; name the same, or set "
                "train.adapter to null"
            )
    return tuned


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

    # A frozen base may be rounded to save memory and its traffic; weights that
    # learn would lose their small steps, so autocast computes on float32 ones.
    rounded = config.bf16 and params.method != "full"
    dtype = torch.bfloat16 if rounded else torch.float32
    quantization = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )
    with damage_explained(base):
        model = AutoModelForCausalLM.from_pretrained(
            base,
            dtype=dtype,
            trust_remote_code=False,
            use_safetensors=True,
            quantization_config=quantization if params.method == "qlora" else None,
        )
    if config.use_cpu:
        from diffscribe.train.cpu import attend_in_blocks

        attend_in_blocks(model)
    return model


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


def sft_config(
    checkpoints: Path,
    params: TrainParams,
    samples: int,
    evaluates: bool,
    backend: Backend,
) -> Any:
    """Return TRL's settings for samples that are already in their order.

    Keys of the section `train` that TrainParams does not declare are options of
    SFTConfig and go there as they are.

    Raises:
        ParamsError: for an option that SFTConfig does not know, or that the stage
            sets itself so that a run can resume and repeat.
    """
    from trl import SFTConfig

    only = {
        # The same loss, but logits of the answer's tokens alone are computed;
        # Unsloth brings a kernel of its own.
        "loss_type": "nll" if backend == "unsloth" else "chunked_nll",
        # render has already kept every sample within the budget.
        "max_length": None,
        "packing": False,
    }
    # What malloc keeps of a batch fits the next one only if lengths repeat, and
    # giving it back loses the huge pages: later steps took twice as long.
    chosen = {"pad_to_multiple_of": None if has_gpu() else 64}
    return run_config(SFTConfig, checkpoints, params, samples, evaluates, chosen, only)


def run_config(
    kind: Any,
    checkpoints: Path,
    params: TrainParams,
    samples: int,
    evaluates: bool,
    chosen_too: Mapping[str, Any],
    fixed_too: Mapping[str, Any],
) -> Any:
    """Return the settings of a trainer, of the kind that its options are of.

    What is chosen, params may choose otherwise; what is fixed they may not.

    Raises:
        ParamsError: for an option that the kind does not know, or that is fixed.
    """
    chosen: dict[str, Any] = {
        "learning_rate": params.learning_rate,
        "bf16": has_bf16(),
        "gradient_accumulation_steps": 1,
        # Recomputing activations saves a GPU's memory; a CPU has enough of it.
        "gradient_checkpointing": has_gpu(),
        "per_device_eval_batch_size": params.per_device_train_batch_size,
        **chosen_too,
    } | (params.model_extra or {})
    trained_on = round(samples * params.num_train_epochs)
    batches = math.ceil(trained_on / params.per_device_train_batch_size)
    steps = math.ceil(batches / chosen["gradient_accumulation_steps"])
    logs = max(1, steps // LOGS)
    # A checkpoint between two points of the curve would lose half of a mean.
    every = max(logs, steps // params.evaluations // logs * logs)
    fixed = {
        "output_dir": str(checkpoints),
        "per_device_train_batch_size": params.per_device_train_batch_size,
        "num_train_epochs": 1,
        "train_sampling_strategy": "sequential",
        "use_cpu": not has_gpu(),
        **fixed_too,
        "eval_strategy": "steps" if evaluates else "no",
        "eval_steps": every,
        "save_strategy": "steps",
        "save_steps": every,
        "save_total_limit": 2,
        "logging_steps": logs,
        "seed": params.seed,
        "data_seed": params.seed,
        "report_to": "none",
        "disable_tqdm": not sys.stderr.isatty(),
        "dataloader_pin_memory": has_gpu(),
    }
    refuse_unknown("train", chosen, kind)
    if taken := sorted(set(chosen) & set(fixed)):
        raise ParamsError(
            f"train.{taken[0]}: the stage sets it itself, so that a killed run can "
            "resume and a run can be repeated; take it out"
        )
    return kind(**fixed, **chosen)


def sft_dataset(samples: list[TrainingSample], tokenizer: Any) -> Any:
    """Return samples, all of one kind, as TRL reads them.

    Of text that is rendered already, TRL ends the completion with the end of a text
    unless it ends a turn with it.
    """
    from datasets import Dataset

    kwargs = chat_template_kwargs(tokenizer)
    rows = []
    for sample in samples:
        row = sample.model_dump(include={"prompt", "completion"})
        if kwargs and not isinstance(sample.prompt, str):
            row["chat_template_kwargs"] = kwargs
        rows.append(row)
    return Dataset.from_list(rows)


def masked_ids(
    sample: TrainingSample, tokenizer: Any, params: TrainParams
) -> list[tuple[int, bool]]:
    """Return the token ids of a sample, each with whether the loss is computed on it.

    The trainer prepares the sample as it does for a run; only its model is a
    placeholder, because that preparation looks at none.
    """
    from transformers import LlamaConfig, LlamaForCausalLM
    from trl import SFTTrainer

    quiet_libraries()
    smallest = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
    )
    with temporary_folder() as folder:
        trainer = SFTTrainer(
            model=LlamaForCausalLM(smallest),
            args=sft_config(folder, params, 1, evaluates=False, backend="trl"),
            train_dataset=sft_dataset([sample], tokenizer),
            processing_class=tokenizer,
        )
        row = trainer.train_dataset[0]
    pairs = zip(row["input_ids"], row["labels"], strict=True)
    return [(id_, label != IGNORED) for id_, label in pairs]
