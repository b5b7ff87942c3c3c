import hashlib
import json
from pathlib import Path

import pytest

from diffscribe.base.scratch import initial_model, pretrain, save, train_tokenizer
from diffscribe.core.records import Message
from diffscribe.doors.llama_cpp import QWEN2_PRETOKENIZER_REGEX
from diffscribe.doors.model_folder import count_chat_tokens, load_tokenizer
from diffscribe.doors.torch_runtime import seed_torch

pytestmark = pytest.mark.slow

TEXTS = [f"def f{number}(x):\n    return x + {number}\n" * 4 for number in range(20)]


def pretrained(folder: Path, params) -> list[float]:
    seed_torch(7)
    folder.mkdir()
    tokenizer = train_tokenizer(TEXTS, "Plan.", params)
    model = initial_model(tokenizer, params)
    losses = list(pretrain(model, tokenizer, TEXTS, params))
    save(model, tokenizer, folder)
    return losses


def digests(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
    }


def test_pretraining_learns_and_repeats_byte_for_byte(tiny_params, tmp_path):
    first = pretrained(tmp_path / "first", tiny_params)
    second = pretrained(tmp_path / "second", tiny_params)
    assert first == second
    assert first[-1] < 0.7 * first[0]
    assert digests(tmp_path / "first") == digests(tmp_path / "second")


def test_texts_shorter_than_a_block_are_repeated(tiny_params):
    tokenizer = train_tokenizer(TEXTS, "Plan.", tiny_params)
    model = initial_model(tokenizer, tiny_params)
    losses = list(pretrain(model, tokenizer, ["x"], tiny_params))
    assert len(losses) == tiny_params.steps


def test_the_tokenizer_is_one_that_llama_cpp_can_reproduce(tiny_params, tmp_path):
    train_tokenizer(TEXTS, "Plan.", tiny_params).save_pretrained(tmp_path)
    saved = json.loads((tmp_path / "tokenizer.json").read_text())
    assert saved["normalizer"] is None
    split, byte_level = saved["pre_tokenizer"]["pretokenizers"]
    assert split["pattern"] == {"Regex": QWEN2_PRETOKENIZER_REGEX}
    assert byte_level["use_regex"] is False


@pytest.mark.parametrize(
    "text", ["naïve é", "漢字", "a\r\nb", "👩‍👩‍👧", "\x00", "<|im_start|>"]
)
def test_every_text_survives_the_tokenizer(text, tiny_params, tmp_path):
    train_tokenizer(TEXTS, "Plan.", tiny_params).save_pretrained(tmp_path)
    tokenizer = load_tokenizer(tmp_path)
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_a_chat_that_asks_ends_where_the_answer_begins(tiny_params, tmp_path):
    train_tokenizer(TEXTS, "Plan.", tiny_params).save_pretrained(tmp_path)
    tokenizer = load_tokenizer(tmp_path)
    chat = [Message(role="user", content="x")]
    head = len(tokenizer("<|im_start|>assistant\n")["input_ids"])
    without = count_chat_tokens(tokenizer, chat, asks=False)
    assert count_chat_tokens(tokenizer, chat, asks=True) == without + head
