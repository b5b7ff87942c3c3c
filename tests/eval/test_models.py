import json
from pathlib import Path

import pytest

from diffscribe.commits.plan import plan_schema
from diffscribe.commits.prompt import Prompts
from diffscribe.core.errors import SourceError
from diffscribe.core.params import load_params
from diffscribe.eval.ask import find_models, rows_of
from diffscribe.merge_quantize.gguf import modelfile

ROOT = Path(__file__).parents[2]


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


FULL = Prompts("Plan with care.", "$files\n$diff\n$schema")


def eval_params(full_prompt_chars):
    values = load_params(ROOT / "params.yaml").eval
    return values.model_copy(update={"full_prompt_chars": full_prompt_chars})


def test_each_model_is_asked_with_the_prompt_of_the_student_alone(folder, case):
    models = find_models(folder)
    rows = rows_of(models, [case("a"), case("b")], FULL, eval_params(None))
    assert [row.system for row in rows] == list(models)
    assert all(row.cases == [case("a"), case("b")] for row in rows)


def test_the_base_is_asked_in_full_too_if_there_is_room_for_it(folder, case):
    cases = [case("a"), case("b")]
    *_, base, full = rows_of(find_models(folder), cases, FULL, eval_params(5000))
    assert (base.system, full.system) == ("base", "base-full-prompt")
    assert (full.gguf, base.cases) == (base.gguf, cases)
    for asked, own in zip(full.cases, cases, strict=True):
        assert asked.prompt[0].content == "Plan with care."
        assert json.dumps(plan_schema(own.files), separators=(",", ":")) in (
            asked.prompt[1].content
        )
        assert asked.model_copy(update={"prompt": own.prompt}) == own


def test_a_full_prompt_without_room_for_its_names_is_none(folder, case):
    *_, full = rows_of(find_models(folder), [case("a")], FULL, eval_params(10))
    assert full.cases[0].prompt == ()
