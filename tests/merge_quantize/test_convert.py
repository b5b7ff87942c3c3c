import pytest

from diffscribe.core.errors import SourceError, ToolError
from diffscribe.merge_quantize.gguf import convert


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(SourceError, match=r"no config\.json"):
        convert(tmp_path, tmp_path / "x.gguf", "x")


@pytest.mark.slow
def test_an_unknown_tokenizer_is_refused_as_the_converter_does(tiny_base, tmp_path):
    output = tmp_path / "x.gguf"
    output.write_bytes(b"before")
    with pytest.raises(ToolError, match="pre-tokenizer was not recognized"):
        convert(tiny_base, output, "x")
    assert output.read_bytes() == b"before"
    assert list(tmp_path.glob(".*")) == []
