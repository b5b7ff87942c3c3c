from pathlib import Path
from typing import Any

import pytest

from diffscribe.core.errors import SourceError, ToolError
from diffscribe.doors.llama_cpp import QWEN2_PRETOKENIZER_REGEX
from diffscribe.merge_quantize.gguf import convert, has_qwen2_structure


def structure(**changes: Any) -> dict[str, Any]:
    """The part of a tokenizer.json that decides, as the scratch base has it."""
    split = {
        "type": "Split",
        "pattern": {"Regex": QWEN2_PRETOKENIZER_REGEX},
        "behavior": "Isolated",
        "invert": False,
    }
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}
    return {
        "normalizer": None,
        "model": {"type": "BPE"},
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                split | changes.get("split", {}),
                byte_level | changes.get("byte_level", {}),
            ],
        },
    } | changes.get("document", {})


def test_the_scratch_structure_is_recognised() -> None:
    assert has_qwen2_structure(structure())


@pytest.mark.parametrize(
    "changes",
    [
        {"split": {"pattern": {"Regex": QWEN2_PRETOKENIZER_REGEX + "|x"}}},
        {"split": {"pattern": {"String": QWEN2_PRETOKENIZER_REGEX}}},
        {"split": {"behavior": "Removed"}},
        {"split": {"invert": True}},
        {"split": {"type": "Digits"}},
        {"byte_level": {"add_prefix_space": True}},
        {"byte_level": {"use_regex": True}},
        {"document": {"normalizer": {"type": "NFC"}}},
        {"document": {"model": {"type": "Unigram"}}},
        {"document": {"pre_tokenizer": None}},
        {"document": {"pre_tokenizer": {"type": "ByteLevel"}}},
    ],
)
def test_whatever_would_split_otherwise_is_not(changes: dict[str, Any]) -> None:
    assert not has_qwen2_structure(structure(**changes))


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no config\.json"):
        convert(tmp_path, tmp_path / "x.gguf", "x")


@pytest.mark.slow
def test_a_known_tokenizer_is_named_and_the_model_too(
    known_base: Path, tmp_path: Path
) -> None:
    from gguf import GGUFReader

    convert(known_base, tmp_path / "x.gguf", "mine")
    fields = GGUFReader(tmp_path / "x.gguf").fields
    assert fields["tokenizer.ggml.pre"].contents() == "smollm"
    assert fields["general.name"].contents() == "mine"
    assert fields["general.architecture"].contents() == "llama"


@pytest.mark.slow
def test_an_unknown_tokenizer_is_refused_as_the_converter_does(
    tiny_base: Path, tmp_path: Path
) -> None:
    output = tmp_path / "x.gguf"
    output.write_bytes(b"before")
    with pytest.raises(ToolError, match="pre-tokenizer was not recognized"):
        convert(tiny_base, output, "x")
    assert output.read_bytes() == b"before"
    assert list(tmp_path.glob(".*")) == []
