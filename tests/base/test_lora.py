"""The shipped adapter: merged exactly, and as a GGUF LoRA file for llama-server."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.adapters import write_adapter
from tests.support.served import likeliest
from tests.support.tiny_gguf import write_tiny

from diffscribe.base.base import SHIPPED, copy_base
from diffscribe.base.lora import write_lora_gguf, write_merged_gguf
from diffscribe.base.smollm2 import convert_gguf, original_gguf
from diffscribe.core.errors import SourceError
from diffscribe.core.params import BaseParams, load_params
from diffscribe.doors.llama_cpp import serve, source_tree
from diffscribe.merge_quantize.gguf import convert, quantize

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PROMPTS = [
    "<|im_start|>user\nIs this a fix?\n- retry = 1\n+ retry = 5<|im_end|>\n"
    "<|im_start|>assistant\n",
    "fix(api): retry requests that",
    *(f"{number} 1 -\nfeat: " for number in range(6)),
]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A tiny GGUF, the folder that it is converted to, and an adapter of it."""
    folder = tmp_path_factory.mktemp("tiny")
    gguf = write_tiny(folder / "tiny.gguf")
    (folder / "base").mkdir()
    convert_gguf(gguf, folder / "base")
    return gguf, folder / "base", write_adapter(folder / "base", folder / "adapter")


@pytest.fixture(scope="module")
def shipped(smollm2, tmp_path_factory):
    """SmolLM2, an adapter of it, and the two merged as the stage base does it."""
    folder = tmp_path_factory.mktemp("shipped")
    (folder / "merged").mkdir()
    (folder / "base").symlink_to(smollm2 / "base")
    adapter = write_adapter(
        folder / "base", folder / "adapter", std=0.3, r=32, lora_alpha=32
    )
    params = load_params(ROOT / "params.yaml").base
    named = BaseParams(**params.model_dump() | {"source": SHIPPED})
    copy_base(named, adapter, folder / "merged")
    return folder


def tensors(gguf):
    from gguf import GGUFReader

    return {each.name: each.data for each in GGUFReader(gguf).tensors}


def differences(found, expected):
    """The largest difference of log-probabilities in each pair of predictions."""
    pairs = zip(found, expected, strict=True)
    return [max(abs(a[t] - b[t]) for t in {*a} & {*b}) for a, b in pairs if {*a} & {*b}]


def test_the_file_holds_what_llama_cpps_own_converter_writes(tiny, tmp_path):
    import numpy as np
    from gguf import GGUFReader

    gguf, base, adapter = tiny
    write_lora_gguf(adapter, gguf, tmp_path / "ours.gguf")
    converter = source_tree() / "convert_lora_to_gguf.py"
    command = [sys.executable, converter, "--base", base, "--outtype", "f16"]
    command += ["--outfile", tmp_path / "official.gguf", adapter]
    subprocess.run(command, check=True, capture_output=True)
    ours, official = (
        tensors(tmp_path / "ours.gguf"),
        tensors(tmp_path / "official.gguf"),
    )
    assert ours.keys() == official.keys() and len(ours) == 2 * 2 * 7
    for name, data in official.items():
        assert data.dtype == ours[name].dtype == np.float16
        assert np.array_equal(data, ours[name]), name
    fields = [
        GGUFReader(tmp_path / f"{each}.gguf").fields for each in ("ours", "official")
    ]
    for name in ("general.type", "adapter.type", "adapter.lora.alpha"):
        assert fields[0][name].contents() == fields[1][name].contents()
    write_lora_gguf(adapter, gguf, tmp_path / "again.gguf")
    files = [(tmp_path / f"{each}.gguf").read_bytes() for each in ("ours", "again")]
    assert files[0] == files[1]


@pytest.mark.parametrize("options", [{}, {"use_rslora": True}])
def test_a_server_computes_what_peft_computes(options, tiny, tmp_path):
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    gguf, base, _ = tiny
    adapter = write_adapter(base, tmp_path / "adapter", **options)
    write_lora_gguf(adapter, gguf, tmp_path / "lora.gguf")
    tokens = list(range(40, 80))
    plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)

    def logits(model):
        with torch.no_grad():
            return model(torch.tensor([tokens])).logits[0, -1].log_softmax(-1)

    untuned = logits(plain)
    tuned = logits(PeftModel.from_pretrained(plain, adapter))
    write_merged_gguf(adapter, gguf, tmp_path / "merged.gguf")
    served = (gguf, tmp_path / "lora.gguf"), (tmp_path / "merged.gguf", None)
    assert (tuned - untuned).abs().max() > 1
    for model, beside in served:
        with serve(model, context_tokens=128, threads=1, adapter=beside) as url:
            found = likeliest(url, tokens, 10)
        for token, logprob in found.items():
            assert logprob == pytest.approx(float(tuned[token]), abs=0.2)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"use_dora": True}, "use_dora"),
        ({"target_modules": ["embed_tokens"]}, "no linear layer"),
    ],
)
def test_what_llama_cpp_cannot_lay_over_a_model_is_refused(
    options, words, tiny, tmp_path
):
    gguf, base, _ = tiny
    adapter = write_adapter(base, tmp_path / "adapter", **options)
    with pytest.raises(SourceError, match=words):
        write_lora_gguf(adapter, gguf, tmp_path / "lora.gguf")
    assert not (tmp_path / "lora.gguf").exists()


def test_an_adapter_of_another_model_is_refused(tiny, tmp_path):
    _, _, adapter = tiny
    other = write_tiny(tmp_path / "other.gguf", width=128)
    with pytest.raises(
        SourceError, match=r"does not fit .*lora_A\.weight has the shape"
    ):
        write_lora_gguf(adapter, other, tmp_path / "lora.gguf")


def test_without_an_adapter_the_shipped_model_is_refused(tmp_path):
    (tmp_path / "base").mkdir()
    params = load_params(ROOT / "params.yaml").base
    named = BaseParams(**params.model_dump() | {"source": SHIPPED})
    with pytest.raises(SourceError, match=r"no adapter_config\.json in .*shipped"):
        copy_base(named, tmp_path / "shipped", tmp_path / "base")


def test_the_shipped_model_is_the_base_with_its_adapter(shipped):
    import torch
    from safetensors.torch import load_file

    base, merged = (
        load_file(shipped / name / "model.safetensors") for name in ("base", "merged")
    )
    adapter = load_file(shipped / "adapter" / "adapter_model.safetensors")
    assert base.keys() == merged.keys()
    for name, weights in base.items():
        module = f"base_model.model.{name.removesuffix('.weight')}"
        if f"{module}.lora_A.weight" in adapter:
            down, up = (
                adapter[f"{module}.lora_{each}.weight"].float() for each in "AB"
            )
            weights = (weights.float() + up @ down).to(torch.bfloat16)
        assert torch.equal(merged[name], weights), name
    for name in ("tokenizer.json", "chat_template.jinja", "tokenizer_config.json"):
        files = [shipped / each / name for each in ("base", "merged")]
        assert files[0].read_bytes() == files[1].read_bytes()
    assert (shipped / "merged" / "NOTICE").read_text() == "whose it is\n"
    origin = shipped / "merged" / "smollm2-135m" / "model.safetensors"
    assert origin.read_bytes() == (shipped / "base/model.safetensors").read_bytes()
    config = json.loads((shipped / "merged" / "config.json").read_text())
    assert config["dtype"] == "bfloat16"


def test_a_server_of_the_base_and_the_adapter_predicts_like_the_merged_model(
    smollm2, shipped, tmp_path
):
    """On the base in q8_0, and on the file of the package index (Q4_1)."""
    convert(shipped / "merged", tmp_path / "f16.gguf", "merged")
    quantize(tmp_path / "f16.gguf", tmp_path / "merged.gguf", "q8_0")
    lora = tmp_path / "lora.gguf"
    write_lora_gguf(shipped / "adapter", original_gguf(), lora)
    answers = {}
    for name, gguf, adapter in (
        ("untuned", smollm2 / "q8_0.gguf", None),
        ("merged", tmp_path / "merged.gguf", None),
        ("q8_0", smollm2 / "q8_0.gguf", lora),
        ("original", original_gguf(), lora),
    ):
        with serve(gguf, context_tokens=512, threads=1, adapter=adapter) as url:
            answers[name] = [likeliest(url, prompt, 10) for prompt in PROMPTS]
    merged = answers["merged"]
    for name, limit in (("q8_0", 1.0), ("original", 1.0)):
        found = differences(answers[name], merged)
        assert len(found) == len(PROMPTS) and max(found) < limit, (name, found)
    # Of some prompts, the two have not one likely token in common.
    assert len(differences(answers["untuned"], merged)) < len(PROMPTS)
