"""A tiny T5 of the test learns answers, its loss on nothing else."""

import hashlib

import pytest

from diffscribe.base.base import copy_base
from diffscribe.core.errors import ParamsError, SourceError
from diffscribe.core.files import write_jsonl
from diffscribe.core.params import BaseParams, LoraParams, TrainParams
from diffscribe.core.records import Message, TrainingSample
from diffscribe.doors.adapter import merge_adapter
from diffscribe.doors.model_folder import encoder_counters
from diffscribe.train.seq2seq import seq2seq_dataset
from diffscribe.train.sft import fine_tune

pytestmark = pytest.mark.slow

PARAMS = TrainParams(
    architecture="seq2seq",
    method="full",
    backend="auto",
    adapter=None,
    lora=LoraParams(r=4, lora_alpha=8, target_modules=("q", "v")),
    learning_rate=2e-2,
    lr_scheduler_type="constant",
    num_train_epochs=30,
    per_device_train_batch_size=8,
    bf16=False,
    evaluations=2,
    max_validation_samples=4,
    seed=7,
)


def sample(number):
    word = "ab"[number % 2]
    return TrainingSample(
        id=f"{number:03}",
        prompt=(
            Message(role="system", content="say"),
            Message(role="user", content=f"which: {word}{number}"),
        ),
        completion=(Message(role="assistant", content=word * 3),),
    )


@pytest.fixture(scope="module")
def t5(tmp_path_factory):
    """A T5 of two layers that reads bytes."""
    from transformers import ByT5Tokenizer, T5Config, T5ForConditionalGeneration
    from transformers.trainer_utils import set_seed

    folder = tmp_path_factory.mktemp("t5")
    tokenizer = ByT5Tokenizer()
    set_seed(1)
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=32,
        d_kv=8,
        d_ff=64,
        num_layers=2,
        num_heads=4,
        decoder_start_token_id=0,
        dropout_rate=0.0,
    )
    T5ForConditionalGeneration(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def sft(tmp_path):
    folder = tmp_path / "sft"
    write_jsonl(folder / "train.jsonl", map(sample, range(32)))
    write_jsonl(folder / "validation.jsonl", map(sample, range(32, 36)))
    return folder


def tuned(sft, base, folder, params=PARAMS, **more):
    folder.mkdir()
    checkpoints = folder.with_name(f"{folder.name}-checkpoints")
    return fine_tune(sft, base, folder, checkpoints, params, lambda *_: None, **more)


def said(folder, text):
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSeq2SeqLM.from_pretrained(folder)
    ids = tokenizer(text, return_tensors="pt")
    answer = model.generate(**ids, max_new_tokens=8, do_sample=False)
    return tokenizer.decode(answer[0], skip_special_tokens=True)


def test_a_whole_model_learns_the_answers_and_is_one_that_loads(sft, t5, tmp_path):
    result = tuned(sft, t5, tmp_path / "model")
    losses = [point["loss"] for point in result.curve if "loss" in point]
    assert losses[-1] < losses[0] / 4
    assert result.metrics["samples"] == 32
    assert result.metrics["validation_loss"] < losses[0] / 4
    assert said(tmp_path / "model", "say\n\nwhich: a34") == "aaa"
    assert said(tmp_path / "model", "say\n\nwhich: b35") == "bbb"


def test_lora_leaves_an_adapter_with_equal_bytes_each_time(sft, t5, tmp_path):
    params = PARAMS.model_copy(update={"method": "lora", "num_train_epochs": 1.0})
    digests = []
    for name in ("one", "two"):
        tuned(sft, t5, tmp_path / name, params)
        weights = (tmp_path / name / "adapter_model.safetensors").read_bytes()
        digests.append(hashlib.sha256(weights).hexdigest())
    assert digests[0] == digests[1]
    config = (tmp_path / "one" / "adapter_config.json").read_text()
    assert '"task_type": "SEQ_2_SEQ_LM"' in config


def test_base_and_merge_take_a_model_with_an_encoder(sft, t5, tmp_path):
    (tmp_path / "base").mkdir()
    copy_base(BaseParams(source=str(t5), revision=None), tmp_path, tmp_path / "base")
    assert encoder_counters(tmp_path / "base")[0]("abc") == 4
    params = PARAMS.model_copy(update={"method": "lora", "num_train_epochs": 1.0})
    tuned(sft, tmp_path / "base", tmp_path / "adapter", params)
    (tmp_path / "merged").mkdir()
    merge_adapter(tmp_path / "base", tmp_path / "adapter", tmp_path / "merged")
    assert said(tmp_path / "merged", "say") is not None
    assert not list((tmp_path / "merged").glob("*.bin"))


def test_inputs_and_targets_end_and_only_targets_are_learned(t5):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(t5)
    [row] = seq2seq_dataset([sample(0)], tokenizer)
    assert tokenizer.decode(row["input_ids"]) == "say\n\nwhich: a0</s>"
    assert tokenizer.decode(row["labels"]) == "aaa</s>"


@pytest.mark.parametrize(
    "changed", [{"method": "qlora"}, {"backend": "unsloth"}, {"adapter": "a"}]
)
def test_what_is_of_causal_models_is_refused(sft, t5, tmp_path, changed):
    with pytest.raises(ParamsError, match="seq2seq is trained with"):
        tuned(sft, t5, tmp_path / "model", PARAMS.model_copy(update=changed))


def test_a_base_without_encoder_is_refused(sft, tiny_base, tmp_path):
    with pytest.raises(SourceError, match="has no encoder; name one such as T5"):
        tuned(sft, tiny_base, tmp_path / "model")
