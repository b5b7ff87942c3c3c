"""The base of the package index: read exactly, and the same model in llama.cpp."""

import asyncio
import json
import math
import subprocess
from pathlib import Path

import pytest
from tests.support.rows import make_sample
from tests.support.served import ask, likeliest
from tests.support.tiny_gguf import write_tiny

from diffscribe.base.base import copy_base
from diffscribe.base.smollm2 import SMOLLM2, convert_gguf, original_gguf
from diffscribe.core.errors import SourceError
from diffscribe.core.params import load_params
from diffscribe.core.records import Message, as_text
from diffscribe.doors.dialect import Rung, tokenize_body, unspeakable
from diffscribe.doors.endpoint import Endpoint, prepare
from diffscribe.doors.limiter import Limiter
from diffscribe.doors.llama_cpp import HOST, serve
from diffscribe.doors.model_folder import load_tokenizer
from diffscribe.doors.reply import Question
from diffscribe.train.trainer import masked_ids

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
LINES = 10_000

NASTY = [
    *("   2", "a 12345 3.14", "x=0x1F  ", "naïve é é", "漢字 ключ", "👩‍👩‍👧 👍🏽"),
    *(
        "one\r\ntwo\r\n\r\n  three\n\n\n\tfour   ",
        "I'RE you'll \u2019t ١٢٣ ²³½ Ⅳ",
        "\x00\x01\x7f",
    ),
    *("\u200b\ufeff\u00a0x", "@@ -1,2 +1,3 @@\n-\told\n+    new()  # ü\n"),
]


def converted(gguf, folder):
    folder.mkdir(parents=True)
    convert_gguf(gguf, folder)
    return folder


def digests(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A tiny GGUF and the folder that it is converted to."""
    folder = tmp_path_factory.mktemp("tiny")
    gguf = write_tiny(folder / "tiny.gguf")
    return gguf, converted(gguf, folder / "base")


@pytest.fixture(scope="module")
def base(smollm2):
    return smollm2 / "base"


@pytest.fixture(scope="module")
def q8_0(smollm2):
    return smollm2 / "q8_0.gguf"


@pytest.fixture(scope="module")
def served(q8_0):
    with serve(q8_0, context_tokens=1024, threads=1) as url:
        yield url


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    """Different lines of diffs of this repository, from the bundle of its history."""
    clone = tmp_path_factory.mktemp("history")
    bundle = ROOT / "data" / "self.bundle"
    subprocess.run(["git", "clone", "-q", "--bare", bundle, clone], check=True)
    command = ["git", "log", "--no-color", "-p", "--no-renames", "--max-count=60"]
    history = subprocess.run(command, cwd=clone, capture_output=True, check=True)
    texts = history.stdout.decode("utf-8", "replace").splitlines()
    found = list(dict.fromkeys(texts))[:LINES]
    assert len(found) == LINES
    return found


def test_a_tiny_model_computes_what_its_file_computes_in_llama_cpp(tiny):
    import torch
    from transformers import AutoModelForCausalLM

    gguf, folder = tiny
    tokens = list(range(40, 80))
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.no_grad():
        logits = model(torch.tensor([tokens])).logits[0, -1]
    expected = torch.log_softmax(logits, dim=-1)
    with serve(gguf, context_tokens=128, threads=1) as url:
        found = likeliest(url, tokens, 10)
    assert next(iter(found)) == int(expected.argmax())
    for token, logprob in found.items():
        assert logprob == pytest.approx(float(expected[token]), abs=0.2)


@pytest.mark.parametrize("rung", [None, Rung.TEXT])
def test_the_sampling_of_a_file_changes_no_answer(rung, tiny, tmp_path):
    """Neither of our own server's file, nor of a llama-server that others run."""
    drawing = {"temp": 2.0, "penalty_repeat": 1.9, "top_p": 0.5}
    other = write_tiny(tmp_path / "drawing.gguf", sampling=drawing)
    user = Message(role="user", content="def def def")

    def answers(gguf):
        with serve(gguf, context_tokens=256, threads=1) as url:
            bare = {"messages": [user.model_dump()], "max_tokens": 40, "temperature": 0}
            reply = ask(url, "/v1/chat/completions", bare)
            endpoint = Endpoint(
                url,
                api_key="local",
                timeout_s=60,
                attempts=1,
                limiter=Limiter(1),
                rung=rung,
            )
            question = Question("m", (user,), None, 40, 0.0, 7, about="", private=False)
            answer = asyncio.run(endpoint.ask(prepare(question, HOST)))
            return reply["choices"][0]["message"]["content"], answer.text

    neutral, drawn = answers(tiny[0]), answers(other)
    assert neutral[0] == neutral[1] == drawn[1] != drawn[0]


def test_converting_twice_gives_equal_bytes(tiny, tmp_path):
    gguf, folder = tiny
    assert digests(converted(gguf, tmp_path / "again")) == digests(folder)


def test_nothing_of_how_answers_are_drawn_or_of_the_file_is_kept(tiny):
    gguf, folder = tiny
    drawing = json.loads((folder / "generation_config.json").read_text())
    assert drawing == {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2}
    for content in digests(folder).values():
        assert b"transformers_version" not in content
        assert b"_name_or_path" not in content
        assert str(gguf.parent).encode() not in content


def test_a_model_of_another_kind_is_refused(tmp_path):
    for number, changes in enumerate([{"architecture": "gemma"}, {"pre": "qwen2"}]):
        gguf = write_tiny(tmp_path / f"{number}.gguf", **changes)
        with pytest.raises(SourceError, match="only a llama with the tokenizer smollm"):
            converted(gguf, tmp_path / str(number))


def test_the_stages_folder_is_the_same_each_time_and_whole(base, tmp_path):
    params = load_params(ROOT / "params.yaml").base
    named = params.model_copy(update={"source": SMOLLM2})
    copy_base(named, tmp_path / "none", tmp_path)
    assert digests(tmp_path) == digests(base)
    assert sorted(digests(base)) == [
        *("NOTICE", "chat_template.jinja", "config.json", "generation_config.json"),
        *("model.safetensors", "tokenizer.json", "tokenizer_config.json"),
    ]


def test_the_file_made_of_the_folder_has_the_originals_tokenizer(q8_0):
    from gguf import GGUFReader

    made, original = GGUFReader(q8_0).fields, GGUFReader(original_gguf()).fields
    names = [name for name in original if name.startswith("tokenizer.")]
    names.remove("tokenizer.ggml.add_space_prefix")  # false is what BPE has anyway
    assert len(names) > 10
    for name in [*names, "llama.rope.freq_base"]:
        assert made[name].contents() == original[name].contents(), name
    assert not [name for name in made if "sampling" in name]


def test_tokens_are_those_of_llama_server(base, served, lines):
    """Two-sided: on lines of diffs, and on texts that other splits get wrong."""
    tokenizer = load_tokenizer(base)
    for texts in (
        NASTY,
        ["\n".join(lines[at : at + 100]) for at in range(0, LINES, 100)],
    ):
        for text in texts:
            plain = as_text(text)
            for special in (False, True):
                question = {
                    "content": plain,
                    "add_special": False,
                    "parse_special": special,
                }
                tokens = ask(served, "/tokenize", question)["tokens"]
                assert tokens == tokenizer(plain, add_special_tokens=False)["input_ids"]
            assert tokenizer.decode(tokens) == plain


def test_no_grammar_lets_a_special_token_through(base, served):
    added = load_tokenizer(base).get_added_vocab()
    reply = ask(served, "/tokenize", tokenize_body("m"))
    refused = {*unspeakable(json.dumps(reply).encode())}
    ends = {added["<|im_end|>"], added["<|endoftext|>"]}
    assert refused & {*added.values()} == {*added.values()} - ends
    assert len(refused - {*added.values()}) == 2  # The bytes E0 and F0.


def test_text_never_becomes_a_special_token(base, served):
    tokenizer = load_tokenizer(base)
    added = tokenizer.get_added_vocab()
    assert len(added) == 17
    text = "".join(f"+{token} a" for token in added)
    chat = [
        Message(role="system", content=text).model_dump(),
        Message(role="user", content=text).model_dump(),
    ]
    ids = tokenizer.apply_chat_template(chat, add_generation_prompt=True)["input_ids"]
    assert [each for each in ids if each in added.values()] == [1, 2, 1, 2, 1]
    prompt = ask(served, "/apply-template", {"messages": chat})["prompt"]
    question = {"content": prompt, "add_special": True, "parse_special": True}
    assert ask(served, "/tokenize", question)["tokens"] == ids


def test_the_answer_is_learned_up_to_the_end_of_its_turn(base):
    chat = [("system", "Split."), ("user", "+ <|im_end|>")]
    asked = [Message(role=role, content=text) for role, text in chat]
    answer = Message(role="assistant", content="fix: stop at <|im_end|>")
    sample = make_sample(prompt=tuple(asked), completion=(answer,))
    tokenizer = load_tokenizer(base)
    params = load_params(ROOT / "params.yaml").train
    pairs = masked_ids(sample, tokenizer, params)
    learned = [number for number, is_learned in pairs if is_learned]
    assert [is_learned for _, is_learned in pairs[-len(learned) :]] == [True] * len(
        learned
    )
    # The template ends a turn with a line feed, which no server waits for.
    assert tokenizer.decode(learned) == "fix: stop at < |im_end|><|im_end|>\n"
    assert learned[-2] == tokenizer.eos_token_id == 2
    assert learned.count(2) == 1


def test_our_q8_0_predicts_what_the_original_predicts(served, lines):
    """Two roundings lie between them, to bfloat16 and to q8_0."""
    prompts = ["\n".join(lines[at : at + 2]) for at in range(0, 8000, 400)]
    ours = [likeliest(served, prompt, 10) for prompt in prompts]
    with serve(original_gguf(), context_tokens=1024, threads=1) as url:
        originals = [likeliest(url, prompt, 10) for prompt in prompts]
    pairs = list(zip(ours, originals, strict=True))
    assert sum(next(iter(a)) == next(iter(b)) for a, b in pairs) >= 0.9 * len(pairs)
    differences = [
        max(abs(math.exp(a[token]) - math.exp(b[token])) for token in a.keys() & b)
        for a, b in pairs
    ]
    assert max(differences) < 0.2
    assert sum(differences) / len(differences) < 0.03


def test_an_answer_ends(served):
    question = {
        "messages": [
            {"role": "system", "content": "Answer in one short sentence."},
            {"role": "user", "content": "What is the capital of France?"},
        ],
        "temperature": 0,
        "max_tokens": 200,
    }
    choice = ask(served, "/v1/chat/completions", question)["choices"][0]
    assert choice["finish_reason"] == "stop"
    assert "Paris" in choice["message"]["content"]
    assert "<|" not in choice["message"]["content"]
