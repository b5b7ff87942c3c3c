import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]


def run_stage(
    folder: Path, base: Path, adapter: Path
) -> subprocess.CompletedProcess[str]:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["merge_quantize"] |= {"types": ["q4_k_m", "f16"], "base_type": "q8_0"}
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    outputs = [folder / name for name in ("merged", "gguf", "merge_quantize.json")]
    return subprocess.run(
        [
            *(
                sys.executable,
                ROOT / "scripts/merge_quantize.py",
                ROOT / "prompts/student",
            ),
            *(base, adapter, *outputs, "--params", folder / "params.yaml"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.slow
def test_the_stage_ships_what_params_list(
    tiny_base: Path, tiny_adapter: Path, tmp_path: Path
) -> None:
    """That each run ships the same is shown by the smoke test."""
    done = run_stage(tmp_path, tiny_base, tiny_adapter)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("merge_quantize: ")
    assert done.stdout.count("\n") == 1
    assert sorted(path.name for path in (tmp_path / "gguf").iterdir()) == [
        "Modelfile",
        "base-q8_0.gguf",
        "student-f16.gguf",
        "student-q4_k_m.gguf",
    ]
    recipe = (tmp_path / "gguf/Modelfile").read_text()
    assert recipe.startswith("FROM ./student-q4_k_m.gguf\n")
    metrics = json.loads((tmp_path / "merge_quantize.json").read_text())
    student, base = metrics["student"], metrics["base"]
    assert student["q4_k_m"]["parameters"] == base["q8_0"]["parameters"] > 1e6
    assert student["q4_k_m"]["fallback_tensors"] == 0
    assert student["f16"]["size_bytes"] > student["q4_k_m"]["size_bytes"] > 0
    assert (list(student), list(base)) == (["f16", "q4_k_m"], ["q8_0"])
    for name in ("gguf", "merged"):
        for content in files(tmp_path / name).values():
            assert str(tmp_path).encode() not in content


def test_a_missing_adapter_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    done = run_stage(tmp_path, tmp_path / "base", tmp_path / "nothing")
    assert done.returncode == 2
    assert "nothing" in done.stderr


def test_a_folder_that_is_no_base_is_refused_before_anything_is_written(
    tmp_path: Path,
) -> None:
    for name in ("base", "adapter"):
        (tmp_path / name).mkdir()
    done = run_stage(tmp_path, tmp_path / "base", tmp_path / "adapter")
    assert done.returncode == 66
    assert "no config.json in it; run the stage base" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "adapter",
        "base",
        "params.yaml",
    ]
