import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from diffscribe.commands.main import main

PARAMS = Path(__file__).parents[2] / "pipelines" / "success_memory" / "params.yaml"
NAMES = {
    "llm_model_path",
    "scorer_model_path",
    "t5_spec_model_path",
    "divot5_refiner_model_path",
    "divot5_unifier_model_path",
    "sentence_transformer_model_path",
}


@pytest.fixture
def pipeline(tmp_path):
    def write(architecture="causal", tasks="[scaffold, spec, style]"):
        lines = PARAMS.read_text().splitlines()
        for at, line in enumerate(lines):
            if line.strip().startswith("architecture:"):
                lines[at] = f"  architecture: {architecture}"
            if line.strip().startswith("tasks:"):
                lines[at] = f"  tasks: {tasks}"
        (tmp_path / "params.yaml").write_text("\n".join(lines))
        for path in ("gguf/student-q8_0.gguf", "merged/config.json"):
            (tmp_path / "models" / path).parent.mkdir(parents=True)
            (tmp_path / "models" / path).write_text("{}")
        return tmp_path

    return write


def shown(folder, *options):
    return CliRunner().invoke(main, ["models", str(folder), *options])


@pytest.mark.parametrize(
    ("architecture", "trained"),
    [
        ("causal", {"llm_model_path": "models/gguf/student-q8_0.gguf"}),
        (
            "seq2seq",
            {
                "t5_spec_model_path": "models/merged",
                "divot5_refiner_model_path": "models/merged",
            },
        ),
    ],
)
def test_the_six_paths_are_those_of_what_was_trained(pipeline, architecture, trained):
    folder = pipeline(architecture)
    paths = json.loads(shown(folder, "--json").stdout)
    assert set(paths) == NAMES
    expected = {name: str(folder / path) for name, path in trained.items()}
    assert {name: path for name, path in paths.items() if path} == expected
    lines = shown(folder).stdout.splitlines()
    assert lines == [f"{name}: {path or '-'}" for name, path in paths.items()]


def test_a_pipeline_that_has_trained_nothing_is_told_how(pipeline):
    folder = pipeline()
    (folder / "models/gguf/student-q8_0.gguf").unlink()
    done = shown(folder, "--json")
    assert done.exit_code == 2
    assert "run 'make success-memory' first" in done.stderr
