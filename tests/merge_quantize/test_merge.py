import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from diffscribe.core.errors import SourceError
from diffscribe.merge_quantize.gguf import convert
from diffscribe.merge_quantize.merge import merge_adapter


def logits(model: Any) -> Any:
    import torch

    with torch.no_grad():
        return model(torch.arange(20, 60).unsqueeze(0)).logits.float()


def load(folder: Path, dtype: str = "float32") -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.slow
def test_the_merged_model_answers_like_base_and_adapter(
    tiny_base: Path, tiny_adapter: Path, tmp_path: Path
) -> None:
    import torch
    from peft import PeftModel

    merge_adapter(tiny_base, tiny_adapter, tmp_path / "merged")
    merged = logits(load(tmp_path / "merged"))
    tuned = logits(PeftModel.from_pretrained(load(tiny_base), tiny_adapter))
    untuned = logits(load(tiny_base))
    assert torch.allclose(merged, tuned, atol=5e-3)
    assert (merged - untuned).abs().max() > 0.1


@pytest.mark.slow
def test_only_what_a_model_folder_needs_is_written_and_no_path(
    tiny_base: Path, tiny_adapter: Path, tmp_path: Path
) -> None:
    merge_adapter(tiny_base, tiny_adapter, tmp_path / "merged")
    written = files(tmp_path / "merged")
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
    stored: str, expected: str, tiny_base: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file

    load(tiny_base, stored).save_pretrained(tmp_path / "tuned")
    merge_adapter(tiny_base, tmp_path / "tuned", tmp_path / "merged")
    tensors = load_file(tmp_path / "merged" / "model.safetensors")
    assert {str(each.dtype) for each in tensors.values()} == {f"torch.{expected}"}
    config = json.loads((tmp_path / "merged" / "config.json").read_text())
    assert config["dtype"] == expected
    assert (tmp_path / "merged" / "chat_template.jinja").is_file()


@pytest.mark.slow
def test_a_base_that_draws_its_answers_gives_that_to_nothing(
    tiny_base: Path, tiny_adapter: Path, tmp_path: Path
) -> None:
    from gguf import GGUFReader

    drawing = {"do_sample": True, "repetition_penalty": 1.1, "temperature": 0.7}
    base = shutil.copytree(tiny_base, tmp_path / "base")
    ends = json.loads((base / "generation_config.json").read_text())
    (base / "generation_config.json").write_text(
        json.dumps(ends | drawing | {"top_k": 20, "top_p": 0.8})
    )
    merge_adapter(base, tiny_adapter, tmp_path / "merged")
    merged = json.loads((tmp_path / "merged/generation_config.json").read_text())
    assert not merged.keys() & {*drawing, "top_k", "top_p"}
    # The untuned base is converted as it is.
    for folder in (base, tmp_path / "merged"):
        convert(folder, tmp_path / "out.gguf", "x")
        fields = GGUFReader(tmp_path / "out.gguf").fields
        assert not [name for name in fields if "sampling" in name]


@pytest.mark.slow
def test_a_tied_output_stays_tied(
    tiny_base: Path, tiny_adapter: Path, tmp_path: Path
) -> None:
    from safetensors import safe_open

    merge_adapter(tiny_base, tiny_adapter, tmp_path / "merged")
    with safe_open(tmp_path / "merged" / "model.safetensors", framework="pt") as file:
        assert "lm_head.weight" not in file.keys()  # noqa: SIM118 - not a mapping


@pytest.mark.slow
def test_an_adapter_of_another_base_is_refused_and_the_old_output_stays(
    tiny_base: Path, tiny_adapter: Path, tmp_path: Path
) -> None:
    from transformers import AutoConfig, Qwen3ForCausalLM

    config = AutoConfig.from_pretrained(tiny_base)
    config.intermediate_size = 256
    Qwen3ForCausalLM(config).save_pretrained(tmp_path / "other")
    (tmp_path / "merged").mkdir()
    (tmp_path / "merged" / "before").touch()
    with pytest.raises(SourceError, match="does not fit"):
        merge_adapter(tmp_path / "other", tiny_adapter, tmp_path / "merged")
    assert [path.name for path in (tmp_path / "merged").iterdir()] == ["before"]


@pytest.mark.slow
def test_a_damaged_adapter_is_refused(
    tiny_base: Path, tiny_adapter: Path, tmp_path: Path
) -> None:
    adapter = shutil.copytree(tiny_adapter, tmp_path / "adapter")
    (adapter / "adapter_model.safetensors").write_bytes(b"damaged")
    with pytest.raises(SourceError, match=f"{adapter} does not fit"):
        merge_adapter(tiny_base, adapter, tmp_path / "merged")


@pytest.mark.slow
def test_a_damaged_base_is_refused(
    tiny_base: Path, tiny_adapter: Path, tmp_path: Path
) -> None:
    base = shutil.copytree(tiny_base, tmp_path / "base")
    (base / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(SourceError, match=f"{base} cannot be loaded"):
        merge_adapter(base, tiny_adapter, tmp_path / "merged")


def test_missing_folders_are_explained(tmp_path: Path) -> None:
    base = tmp_path / "base"
    with pytest.raises(SourceError, match="run the stage base"):
        merge_adapter(base, tmp_path / "adapter", tmp_path / "merged")
    base.mkdir()
    (base / "config.json").write_text("{}")
    with pytest.raises(SourceError, match=r"adapter: no config\.json.*stage train"):
        merge_adapter(base, tmp_path / "adapter", tmp_path / "merged")


def test_a_pickled_adapter_is_never_loaded(tmp_path: Path) -> None:
    for name in ("base/config.json", "adapter/adapter_config.json"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("{}")
    (tmp_path / "adapter/adapter_model.bin").write_bytes(b"\x80")
    with pytest.raises(SourceError, match=r"no adapter_model\.safetensors"):
        merge_adapter(tmp_path / "base", tmp_path / "adapter", tmp_path / "merged")
