import re
from typing import get_args

import pytest
from tests.support.tiny_gguf import LAYERS, write_tiny

from diffscribe.core.errors import ToolError
from diffscribe.core.params import QuantizationType
from diffscribe.doors.llama_cpp import program, run_tool
from diffscribe.merge_quantize.gguf import BLOCKS, contents, quantize, write_ggufs

pytestmark = pytest.mark.slow


def test_every_type_of_params_has_its_block():
    assert set(BLOCKS) == set(get_args(QuantizationType))


@pytest.mark.parametrize("kind", sorted(set(BLOCKS) - {"f16"}))
def test_rows_of_whole_blocks_never_fall_back(kind, tiny_gguf, tmp_path):
    path = tmp_path / "out.gguf"
    quantize(tiny_gguf, path, kind)
    found, before = contents(path, kind), contents(tiny_gguf, "f16")
    assert found.fallback_tensors == 0
    assert found.parameters == before.parameters
    assert found.size_bytes == path.stat().st_size < before.size_bytes * 0.6


def test_f16_is_a_plain_copy(tiny_gguf, tmp_path):
    quantize(tiny_gguf, tmp_path / "out.gguf", "f16")
    assert (tmp_path / "out.gguf").read_bytes() == tiny_gguf.read_bytes()


def test_fallbacks_are_as_many_as_llama_quantize_reports(tmp_path):
    # Only ffn_down has rows of 320 weights: a multiple of 32 and not of 256.
    f16 = write_tiny(tmp_path / "f16.gguf", width=256, inner=320, is_packed=False)
    for kind, expected in (("q4_k_m", LAYERS), ("q8_0", 0), ("q4_1", 0)):
        path = tmp_path / f"{kind}.gguf"
        said = run_tool([program("llama-quantize"), f16, path, kind])
        counts = re.findall(r"(\d+) of \d+ tensor\(s\) required fallback", said)
        found = contents(path, kind)
        assert found.fallback_tensors == sum(map(int, counts)) == expected
        names = list(found.fallbacks)
        assert names == (["blk.*.ffn_down.weight"] if expected else [])
        assert all(
            types.keys() <= {"q5_0", "q8_0"} for types in found.fallbacks.values()
        )


def test_a_broken_file_is_explained_and_the_old_output_stays(tmp_path):
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + b"\0" * 64)
    output = tmp_path / "out.gguf"
    output.write_bytes(b"before")
    with pytest.raises(ToolError, match=r"llama-quantize broken\.gguf failed"):
        quantize(broken, output, "q8_0")
    assert output.read_bytes() == b"before"


def test_only_the_listed_types_are_shipped_with_their_names(known_base, tmp_path):
    from gguf import GGUFReader

    exported = write_ggufs(known_base, "student", ("q8_0", "q8_0"), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["student-q8_0.gguf"]
    size = (tmp_path / "student-q8_0.gguf").stat().st_size
    assert [(kind, each.size_bytes) for kind, each in exported.items()] == [
        ("q8_0", size)
    ]
    fields = GGUFReader(tmp_path / "student-q8_0.gguf").fields
    assert fields["tokenizer.ggml.pre"].contents() == "smollm"
    assert fields["general.name"].contents() == "diffscribe student"
    assert fields["general.architecture"].contents() == "llama"
