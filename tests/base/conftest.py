"""The published model, which takes long to convert."""

import pytest
from tests.support.once import made_once

from diffscribe.base.smollm2 import convert_gguf, original_gguf
from diffscribe.merge_quantize.gguf import convert, quantize


@pytest.fixture(scope="session")
def smollm2(tmp_path_factory):
    """A folder: SmolLM2 in `base`, and as merge-quantize makes it in `q8_0.gguf`.

    Its original file is fetched once into .tools.
    """

    def make(folder):
        (folder / "base").mkdir()
        convert_gguf(original_gguf(), folder / "base")
        convert(folder / "base", folder / "f16.gguf", "base")
        quantize(folder / "f16.gguf", folder / "q8_0.gguf", "q8_0")
        (folder / "f16.gguf").unlink()

    return made_once(tmp_path_factory, "smollm2", make)
