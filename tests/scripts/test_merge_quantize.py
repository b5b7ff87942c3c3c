import json
import re
import shutil
import urllib.request
from pathlib import Path

import pytest
from tests.support.programs import run_script, write_params

from diffscribe.doors.llama_cpp import serve
from diffscribe.doors.model_folder import load_tokenizer

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(tmp_path):
    """A function that runs the stage on a base and an adapter."""
    types = {"types": ["q5_0", "f16"], "base_type": "q8_0"}
    write_params(tmp_path, merge_quantize=types, render={"message_fraction": 0.5})
    outputs = [tmp_path / name for name in ("merged", "gguf", "merge_quantize.json")]

    def run(base, adapter):
        paths = (ROOT / "prompts/student", base, adapter, *outputs)
        return run_script(
            "merge_quantize", *paths, "--params", tmp_path / "params.yaml"
        )

    return run


MODELFILES = ("Modelfile", "Modelfile.message")


def chat_of(modelfile):
    """Return what Ollama sends for a user's text: the file's system text before it."""
    text = modelfile.read_text()
    assert text.startswith("FROM ./student-q5_0.gguf\n")
    [system] = re.findall('^SYSTEM """(.*?)"""$', text, re.M | re.S)
    user = {"role": "user", "content": "Files:\n1 M a.py +1"}
    return [{"role": "system", "content": system}, user]


@pytest.mark.slow
def test_the_stage_ships_what_params_list(run, known_base, known_adapter, tmp_path):
    """That each run ships the same is shown by the smoke test."""
    base = shutil.copytree(known_base, tmp_path / "base")
    shutil.copytree(known_base, base / "origin")
    done = run(base, known_adapter)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("merge_quantize: ")
    assert done.stdout.count("\n") == 1
    assert sorted(path.name for path in (tmp_path / "gguf").iterdir()) == [
        "Modelfile",
        "Modelfile.message",
        "base-q8_0.gguf",
        "origin-q8_0.gguf",
        "student-f16.gguf",
        "student-q5_0.gguf",
    ]
    chats = {name: chat_of(tmp_path / "gguf" / name) for name in MODELFILES}
    assert [chats[name][0]["content"].split()[0] for name in MODELFILES] == [
        *("Split", "Write")
    ]
    tokenizer = load_tokenizer(known_base)
    with serve(
        tmp_path / "gguf/student-f16.gguf", context_tokens=256, threads=1
    ) as url:
        for chat in chats.values():
            body = json.dumps({"messages": chat}).encode()
            address = f"{url.removesuffix('/v1')}/apply-template"
            with urllib.request.urlopen(address, body, timeout=60) as reply:
                shown = json.load(reply)["prompt"]
            options = {"tokenize": False, "add_generation_prompt": True}
            assert shown == tokenizer.apply_chat_template(chat, **options)
    metrics = json.loads((tmp_path / "merge_quantize.json").read_text())
    student, base = metrics["student"], metrics["base"]
    assert student["q5_0"]["parameters"] == base["q8_0"]["parameters"] > 1e6
    assert student["q5_0"]["fallback_tensors"] == 0
    assert student["f16"]["size_bytes"] > student["q5_0"]["size_bytes"] > 0
    assert (list(student), list(base)) == (["f16", "q5_0"], ["q8_0"])
    assert metrics["origin"]["q8_0"]["parameters"] == base["q8_0"]["parameters"]
    for path in [*(tmp_path / "gguf").iterdir(), *(tmp_path / "merged").iterdir()]:
        assert str(tmp_path).encode() not in path.read_bytes()


def test_a_folder_that_is_no_base_is_refused_before_anything_is_written(run, tmp_path):
    for name in ("base", "adapter"):
        (tmp_path / name).mkdir()
    done = run(tmp_path / "base", tmp_path / "adapter")
    assert done.returncode == 66
    assert "no config.json in it; run the stage base" in done.stderr
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["adapter", "base", "params.yaml"]
