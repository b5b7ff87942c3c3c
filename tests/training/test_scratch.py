import hashlib
import json
from pathlib import Path

import pytest

from diffscribe.gguf.pretokenizer import QWEN2_PRETOKENIZER_REGEX
from diffscribe.params import ScratchParams
from diffscribe.records import Message
from diffscribe.training.runtime import seed_torch
from diffscribe.training.scratch import initial_model, pretrain, save, train_tokenizer
from diffscribe.training.tokenizer import count_chat_tokens, load_tokenizer

pytestmark = pytest.mark.slow

TEXTS = [f"def f{number}(x):\n    return x + {number}\n" * 4 for number in range(20)]
PARAMS = ScratchParams(
    vocab_size=512,
    hidden_size=256,
    intermediate_size=256,
    num_hidden_layers=1,
    num_attention_heads=4,
    num_key_value_heads=2,
    context_tokens=256,
    block_tokens=64,
    batch_size=4,
    steps=12,
    learning_rate=3e-3,
)


def pretrained(folder: Path) -> list[float]:
    seed_torch(7)
    folder.mkdir()
    tokenizer = train_tokenizer(TEXTS, "Plan.", PARAMS)
    model = initial_model(tokenizer, PARAMS)
    losses = list(pretrain(model, tokenizer, TEXTS, PARAMS))
    save(model, tokenizer, folder)
    return losses


def digests(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
    }


def test_pretraining_learns_and_repeats_byte_for_byte(tmp_path):
    first = pretrained(tmp_path / "first")
    second = pretrained(tmp_path / "second")
    assert first == second
    assert first[-1] < 0.7 * first[0]
    assert digests(tmp_path / "first") == digests(tmp_path / "second")


def test_texts_shorter_than_a_block_are_repeated():
    tokenizer = train_tokenizer(TEXTS, "Plan.", PARAMS)
    model = initial_model(tokenizer, PARAMS)
    assert len(list(pretrain(model, tokenizer, ["x"], PARAMS))) == PARAMS.steps


def test_the_tokenizer_is_one_that_llama_cpp_can_reproduce(tmp_path):
    train_tokenizer(TEXTS, "Plan.", PARAMS).save_pretrained(tmp_path)
    saved = json.loads((tmp_path / "tokenizer.json").read_text())
    assert saved["normalizer"] is None
    split, byte_level = saved["pre_tokenizer"]["pretokenizers"]
    assert split["pattern"] == {"Regex": QWEN2_PRETOKENIZER_REGEX}
    assert byte_level["use_regex"] is False


@pytest.mark.parametrize(
    "text", ["naïve é", "漢字", "a\r\nb", "👩‍👩‍👧", "\x00", "<|im_start|>"]
)
def test_every_text_survives_the_tokenizer(text, tmp_path):
    train_tokenizer(TEXTS, "Plan.", PARAMS).save_pretrained(tmp_path)
    tokenizer = load_tokenizer(tmp_path)
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_a_chat_that_asks_ends_where_the_answer_begins(tmp_path):
    train_tokenizer(TEXTS, "Plan.", PARAMS).save_pretrained(tmp_path)
    tokenizer = load_tokenizer(tmp_path)
    chat = [Message(role="user", content="x")]
    head = len(tokenizer("<|im_start|>assistant\n")["input_ids"])
    without = count_chat_tokens(tokenizer, chat, asks=False)
    assert count_chat_tokens(tokenizer, chat, asks=True) == without + head
