"""A model small enough to convert and serve in a test."""

from pathlib import Path

import pytest

from diffscribe.gguf.convert import convert


@pytest.fixture(scope="session")
def tiny_gguf(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The f16 GGUF of the tiny base."""
    path = tmp_path_factory.mktemp("gguf") / "tiny-f16.gguf"
    convert(tiny_base, path, "tiny")
    return path
