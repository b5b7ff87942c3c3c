import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from diffscribe.base.base import copy_base, model_metrics
from diffscribe.core.errors import SourceError
from diffscribe.core.params import load_params
from diffscribe.doors.model_folder import load_tokenizer
from diffscribe.train.trainer import load_student

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]

CONFIG = SimpleNamespace(bf16=False, gradient_checkpointing=False)
"""What loading a model reads of TRL's settings."""

DAMAGE = [
    ("config.json", "{cut o", "config.json"),
    ("config.json", '{"model_type": "unheard_of"}', "model type `unheard_of`"),
    ("config.json", '{"model_type": "vit"}', "ViTConfig"),
    ("config.json", '{"model_type": "llama", "hidden_size": "x"}', "'hidden_size'"),
    ("tokenizer.json", "{cut o", "tokenizer.json cannot be loaded: "),
    ("tokenizer.json", "{}", "tokenizer.json cannot be loaded: "),
    ("tokenizer_config.json", "{cut o", "cannot be loaded: "),
    ("chat_template.jinja", "{% for %}", "the chat template cannot show a system"),
    ("model.safetensors", "version https://git-lfs", "cannot be loaded: "),
]


@pytest.fixture
def base(tiny_base, tmp_path):
    """A copy of the tiny base that a test may damage."""
    return shutil.copytree(tiny_base, tmp_path / "base")


@pytest.fixture
def params():
    """The params of the default."""
    return load_params(ROOT / "params.yaml").train


@pytest.fixture
def copy(tmp_path):
    """A function that copies a base as the stage does."""
    default = load_params(ROOT / "params.yaml").base

    def run(source):
        (tmp_path / "copy").mkdir()
        given = default.model_copy(update={"source": str(source)})
        copy_base(given, tmp_path / "shipped", tmp_path / "copy")
        return tmp_path / "copy"

    return run


def refused(folder, action):
    """The one line with which an action on a folder is refused."""
    with pytest.raises(SourceError) as raised:
        action(folder)
    assert str(folder) in str(raised.value)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_a_whole_model_is_copied_byte_for_byte(copy, tiny_base):
    copied = {path.name: path.read_bytes() for path in copy(tiny_base).iterdir()}
    assert copied == {path.name: path.read_bytes() for path in tiny_base.iterdir()}


def test_the_size_of_a_model_is_counted(tiny_base):
    vocabulary = len(load_tokenizer(tiny_base))
    attention, multilayer, norms = 3 * 256 * 256, 3 * 256 * 512, 2 * 256
    layers = 2 * (attention + multilayer + norms)
    assert model_metrics(tiny_base) == {
        "parameters": vocabulary * 256 + layers + 256,
        "vocabulary": vocabulary,
        "weights_bytes": (tiny_base / "model.safetensors").stat().st_size,
    }


@pytest.mark.parametrize(("name", "content", "words"), DAMAGE)
def test_a_damaged_source_is_refused(copy, base, name, content, words):
    (base / name).write_text(content)
    assert words in refused(base, copy)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("config.json", "has no config.json; give the folder"),
        ("tokenizer.json", "has no tokenizer.json; give the folder"),
        ("model.safetensors", "has no *.safetensors; pickled weights"),
    ],
)
def test_a_source_that_lacks_a_file_is_refused(copy, base, name, words):
    (base / name).unlink()
    assert words in refused(base, copy)


def test_a_source_that_lacks_a_shard_is_refused(copy, base):
    shard = "model-00002-of-00002.safetensors"
    index = {"metadata": {}, "weight_map": {"model.norm.weight": shard}}
    (base / "model.safetensors.index.json").write_text(json.dumps(index))
    (base / "model.safetensors").rename(base / "model-00001-of-00002.safetensors")
    assert shard in refused(base, copy)


@pytest.mark.parametrize(
    ("update", "words"),
    [
        ({"tie_word_embeddings": False}, "asks for lm_head.weight"),
        ({"intermediate_size": 256}, "mlp.down_proj.weight"),
    ],
)
def test_weights_of_another_model_are_refused(copy, base, update, words):
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps(config | update))
    assert words in refused(base, copy)


@pytest.mark.parametrize(
    ("name", "content", "words"), [DAMAGE[0], *DAMAGE[4:6], *DAMAGE[-2:]]
)
def test_a_damaged_base_is_not_trained(base, params, name, content, words):
    (base / name).write_text(content)

    def load(folder):
        load_tokenizer(folder)
        load_student(folder, "trl", params, CONFIG, None)

    assert words in refused(base, load)


def test_a_pickled_base_is_not_trained(base, params):
    (base / "model.safetensors").rename(base / "pytorch_model.bin")
    words = refused(
        base, lambda folder: load_student(folder, "trl", params, CONFIG, None)
    )
    assert "no file named model.safetensors" in words


def test_how_its_maker_draws_answers_is_left_out(copy, base):
    drawing = {"do_sample": True, "repetition_penalty": 1.1, "temperature": 0.7}
    ends = {"eos_token_id": [2, 0], "pad_token_id": 0}
    config = json.loads((base / "config.json").read_text())
    for name, kept in (("generation_config.json", ends), ("config.json", config)):
        (base / name).write_text(json.dumps(kept | drawing | {"top_k": 20}))
    folder = copy(base)
    assert json.loads((folder / "generation_config.json").read_text()) == ends
    assert json.loads((folder / "config.json").read_text()) == config
