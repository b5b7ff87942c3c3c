import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from diffscribe.commands.profile import load_profile, set_params
from diffscribe.core.errors import ParamsError


def test_every_kind_of_value_becomes_one_setting():
    overrides = {
        "base": {"source": "Qwen/a.b-0.5B", "revision": None},
        "harvest": {
            "sources": ["~/code/*", "it's, [odd]", {"path": "~/a b", "private": True}],
            "max_files": 3,
        },
        "split": {"test_repos": []},
        "train": {"learning_rate": 1.5e-4, "lora": {"r": 16}, "bf16": True},
    }
    assert list(set_params(overrides)) == [
        "base.source='Qwen/a.b-0.5B'",
        "base.revision=null",
        r"harvest.sources=['~/code/*','it\'s, [odd]',{path:'~/a b',private:true}]",
        "harvest.max_files=3",
        "split.test_repos=[]",
        "train.learning_rate=0.00015",
        "train.lora.r=16",
        "train.bf16=true",
    ]


def test_dvc_reads_each_setting_as_the_value_it_was(tmp_path):
    from dvc.utils.hydra import apply_overrides

    values = {"a": {"text": "", "list": [1], "none": 1, "real": 1.0, "flag": False}}
    wanted = {
        "a": {
            "text": "it's: a, [b] {c} = 1",
            "list": ["on", "x y", "1", 2, {"since": "2024-01-31", "license": None}],
            "none": None,
            "real": 1.5e-4,
            "flag": True,
        }
    }
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(values))
    apply_overrides(path, list(set_params(wanted)))
    from ruamel.yaml import YAML

    assert YAML(typ="safe").load(path) == wanted


@pytest.mark.parametrize("name", ["", "qwen9", "../params"])
def test_unknown_profile_is_refused_with_the_known_ones(name):
    with pytest.raises(ParamsError, match=r"one of git-smart-commit, joco, qwen2"):
        load_profile(name)


def test_profile_with_a_mistyped_key_is_refused_by_name(tmp_path, monkeypatch):
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "mine.yaml").write_text("train: {epochs: 3}\n")
    (tmp_path / "params.yaml").write_text(Path("params.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParamsError, match=r"mine\.yaml: unknown key 'train\.epochs'"):
        load_profile("mine")


def test_command_line_explains_a_missing_profile_with_the_exit_code_of_params():
    command = [sys.executable, "-m", "diffscribe.commands.profile", ""]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 78
    assert done.stderr.count("\n") == 1
