"""Fine-tuning of a model with encoder and decoder, such as T5, by transformers.

The encoder reads the question, and the loss is on the answer alone, by design.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from diffscribe.core.errors import ParamsError, SourceError
from diffscribe.core.params import TrainParams
from diffscribe.core.records import TrainingSample
from diffscribe.doors.model_folder import (
    damage_explained,
    has_encoder,
    load_encoder_tokenizer,
)
from diffscribe.train.trainer import IGNORED, refuse_unknown, run_config


def seq2seq_trainer(
    base: Path,
    checkpoints: Path,
    params: TrainParams,
    train: Sequence[TrainingSample],
    validation: Sequence[TrainingSample],
) -> Any:
    """Return the trainer with the samples in the order of the file.

    Raises:
        ParamsError: for QLoRA, Unsloth or an adapter to go on from, which are of causal
            models here.
        SourceError: if the base has no encoder, or its folder is damaged.
    """
    from transformers import (
        AutoModelForSeq2SeqLM,
        DataCollatorForSeq2Seq,
        Seq2SeqTrainer,
        Seq2SeqTrainingArguments,
    )

    if params.method == "qlora" or params.backend == "unsloth" or params.adapter:
        raise ParamsError(
            "train.architecture: seq2seq is trained with method lora or full, backend "
            "auto or trl, and adapter null; set them so"
        )
    if not has_encoder(base):
        raise SourceError(
            f"{base}: the model has no encoder; name one such as T5 in base.source, or "
            "set train.architecture to causal"
        )
    with damage_explained(base):
        model = AutoModelForSeq2SeqLM.from_pretrained(
            base, dtype="float32", trust_remote_code=False, use_safetensors=True
        )
    tokenizer = load_encoder_tokenizer(base)
    if params.method == "lora":
        from peft import LoraConfig, get_peft_model

        lora = params.lora.model_dump(mode="json")
        refuse_unknown("train.lora", lora, LoraConfig)
        model = get_peft_model(model, LoraConfig(**lora, task_type="SEQ_2_SEQ_LM"))
    args = run_config(
        Seq2SeqTrainingArguments,
        checkpoints,
        params,
        len(train),
        bool(validation),
        {},
        {},
    )
    return Seq2SeqTrainer(
        model=model,
        args=args,
        train_dataset=seq2seq_dataset(train, tokenizer),
        eval_dataset=seq2seq_dataset(validation, tokenizer) if validation else None,
        processing_class=tokenizer,
        data_collator=DataCollatorForSeq2Seq(
            tokenizer, model, label_pad_token_id=IGNORED
        ),
    )


def seq2seq_dataset(samples: Sequence[TrainingSample], tokenizer: Any) -> Any:
    """Return token ids of inputs and of targets, each with the end of a text."""
    from datasets import Dataset

    texts = [sample.texts() for sample in samples]
    shown = tokenizer([asked for asked, _ in texts])
    return Dataset.from_dict(
        {
            "input_ids": shown["input_ids"],
            "attention_mask": shown["attention_mask"],
            "labels": tokenizer(text_target=[said for _, said in texts])["input_ids"],
        }
    )
