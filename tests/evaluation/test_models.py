import pytest

from diffscribe.errors import SourceError
from diffscribe.evaluation.models import find_models
from diffscribe.gguf.modelfile import modelfile


@pytest.fixture
def folder(tmp_path):
    for name in ("student-f16", "student-q4_k_m", "student-q8_0", "base-f16"):
        (tmp_path / f"{name}.gguf").write_bytes(b"GGUF")
    text = modelfile("student-q8_0.gguf", "Split.\nFROM ./x.gguf", 512, 0.0)
    (tmp_path / "Modelfile").write_text(text)
    return tmp_path


def test_the_student_of_the_modelfile_is_first_and_the_base_last(folder):
    models = find_models(folder)
    assert list(models) == ["student-q8_0", "student-f16", "student-q4_k_m", "base"]
    assert models["student-q8_0"] == folder / "student-q8_0.gguf"
    assert models["base"] == folder / "base-f16.gguf"


@pytest.mark.parametrize("missing", ["student-q8_0.gguf", "base-f16.gguf", "Modelfile"])
def test_what_is_missing_is_explained(folder, missing):
    (folder / missing).unlink()
    with pytest.raises(SourceError, match="run the stage merge-quantize"):
        find_models(folder)
