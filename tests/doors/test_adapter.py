import json
import shutil

import pytest

from diffscribe.core.errors import SourceError
from diffscribe.doors.adapter import merge_adapter
from diffscribe.doors.model_folder import drop_sampling
from diffscribe.merge_quantize.gguf import convert


def logits(model):
    import torch

    with torch.no_grad():
        return model(torch.arange(20, 60).unsqueeze(0)).logits.float()


def load(folder, dtype="float32"):
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)


def files(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture
def merged(tmp_path):
    """An empty folder to fill."""
    folder = tmp_path / "merged"
    folder.mkdir()
    return folder


@pytest.mark.slow
def test_the_merged_model_answers_like_base_and_adapter(
    tiny_base, tiny_adapter, merged
):
    import torch
    from peft import PeftModel

    merge_adapter(tiny_base, tiny_adapter, merged)
    found = logits(load(merged))
    tuned = logits(PeftModel.from_pretrained(load(tiny_base), tiny_adapter))
    untuned = logits(load(tiny_base))
    # The base has bfloat16, to which the merged weights are rounded.
    assert torch.allclose(found, tuned, atol=0.03)
    assert (found - untuned).abs().max() > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_each_weight_is_rounded_once(dtype, tiny_base, tiny_adapter, merged, tmp_path):
    import torch
    from safetensors.torch import load_file

    stored = getattr(torch, dtype)
    load(tiny_base, dtype).save_pretrained(tmp_path / "base")
    adapter = load_file(tiny_adapter / "adapter_model.safetensors")
    config = json.loads((tiny_adapter / "adapter_config.json").read_text())
    merge_adapter(tmp_path / "base", tiny_adapter, merged)
    expected = load_file(tmp_path / "base" / "model.safetensors")
    for name in expected:
        module = f"base_model.model.{name.removesuffix('.weight')}"
        if f"{module}.lora_A.weight" in adapter:
            down, up = (adapter[f"{module}.lora_{each}.weight"] for each in "AB")
            change = up @ down * (config["lora_alpha"] / config["r"])
            expected[name] = (expected[name].float() + change).to(stored)
    found = load_file(merged / "model.safetensors")
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.slow
def test_only_what_a_model_folder_needs_is_written_and_no_path(
    tiny_base, tiny_adapter, merged, tmp_path
):
    merge_adapter(tiny_base, tiny_adapter, merged)
    written = files(merged)
    assert sorted(written) == sorted(files(tiny_base))
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        assert written[name] == (tiny_base / name).read_bytes()
    for content in written.values():
        assert str(tiny_base.parent).encode() not in content
        assert str(tmp_path).encode() not in content


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stored", "expected"),
    [("float32", "float16"), ("float16", "float16"), ("bfloat16", "bfloat16")],
)
def test_a_fully_tuned_model_is_stored_in_16_bits(
    stored, expected, tiny_base, merged, tmp_path
):
    from safetensors.torch import load_file

    load(tiny_base, stored).save_pretrained(tmp_path / "tuned")
    merge_adapter(tiny_base, tmp_path / "tuned", merged)
    tensors = load_file(merged / "model.safetensors")
    assert {str(each.dtype) for each in tensors.values()} == {f"torch.{expected}"}
    config = json.loads((merged / "config.json").read_text())
    assert config["dtype"] == expected
    assert (merged / "chat_template.jinja").is_file()


@pytest.mark.slow
def test_a_base_that_draws_its_answers_gives_that_to_nothing(
    known_base, known_adapter, merged, tmp_path
):
    from gguf import GGUFReader

    drawing = {"do_sample": True, "repetition_penalty": 1.1, "temperature": 0.7}
    base = shutil.copytree(known_base, tmp_path / "base")
    ends = json.loads((base / "generation_config.json").read_text())
    (base / "generation_config.json").write_text(
        json.dumps(ends | drawing | {"top_k": 20, "top_p": 0.8})
    )
    merge_adapter(base, known_adapter, merged)
    drop_sampling(base)  # As the stage base does.
    for folder in (base, merged):
        kept = json.loads((folder / "generation_config.json").read_text())
        assert not kept.keys() & {*drawing, "top_k", "top_p"}
    convert(merged, tmp_path / "out.gguf", "x")
    fields = GGUFReader(tmp_path / "out.gguf").fields
    assert not [name for name in fields if "sampling" in name]


@pytest.mark.slow
def test_a_tied_output_stays_tied(tiny_base, tiny_adapter, merged, tmp_path):
    from safetensors import safe_open

    merge_adapter(tiny_base, tiny_adapter, merged)
    with safe_open(merged / "model.safetensors", framework="pt") as file:
        assert "lm_head.weight" not in file.keys()  # noqa: SIM118 - not a mapping


@pytest.mark.slow
def test_an_adapter_of_another_base_is_refused(
    tiny_base, tiny_adapter, merged, tmp_path
):
    from transformers import AutoConfig, LlamaForCausalLM

    config = AutoConfig.from_pretrained(tiny_base)
    config.intermediate_size = 256
    LlamaForCausalLM(config).save_pretrained(tmp_path / "other")
    with pytest.raises(SourceError, match="does not fit"):
        merge_adapter(tmp_path / "other", tiny_adapter, merged)


@pytest.mark.slow
def test_a_damaged_adapter_is_refused(tiny_base, tiny_adapter, merged, tmp_path):
    adapter = shutil.copytree(tiny_adapter, tmp_path / "adapter")
    (adapter / "adapter_model.safetensors").write_bytes(b"damaged")
    with pytest.raises(SourceError, match=f"{adapter} does not fit"):
        merge_adapter(tiny_base, adapter, merged)


@pytest.mark.slow
def test_a_damaged_base_is_refused(tiny_base, tiny_adapter, merged, tmp_path):
    base = shutil.copytree(tiny_base, tmp_path / "base")
    (base / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(SourceError, match=f"{base} cannot be loaded"):
        merge_adapter(base, tiny_adapter, merged)


@pytest.mark.slow
def test_missing_folders_are_explained(merged, tmp_path):
    base = tmp_path / "base"
    with pytest.raises(SourceError, match="run the stage base"):
        merge_adapter(base, tmp_path / "adapter", merged)
    base.mkdir()
    (base / "config.json").write_text("{}")
    with pytest.raises(SourceError, match=r"adapter: no config\.json.*stage train"):
        merge_adapter(base, tmp_path / "adapter", merged)


@pytest.mark.slow
def test_a_pickled_adapter_is_never_loaded(tiny_base, merged, tmp_path):
    (tmp_path / "adapter_config.json").write_text("{}")
    (tmp_path / "adapter_model.bin").write_bytes(b"\x80")
    with pytest.raises(SourceError, match=r"no adapter_model\.safetensors"):
        merge_adapter(tiny_base, tmp_path, merged)
