import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from diffscribe.commands.train import load_profile, set_params, train_command
from diffscribe.commands.use import use_command
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
        "++base.source='Qwen/a.b-0.5B'",
        "++base.revision=null",
        r"++harvest.sources=['~/code/*','it\'s, [odd]',{path:'~/a b',private:true}]",
        "++harvest.max_files=3",
        "++split.test_repos=[]",
        "++train.learning_rate=0.00015",
        "++train.lora.r=16",
        "++train.bf16=true",
    ]


def test_dvc_reads_each_setting_as_the_value_it_was(tmp_path):
    from dvc.utils.hydra import apply_overrides

    values = {"a": {"text": "", "list": [1], "none": 1, "real": 1.0, "flag": False}}
    wanted = {
        "a": {
            "text": "it's: a, [b] {c} = 1",
            "list": ["on", "x y", "1", 2, {"since": "2024-01-31", "license": None}],
            "paths": ["it's", 'a "b"', "\\", r"a\b", r"\'\\'", "a,b]{c"],
            "none": None,
            "real": 1.5e-4,
            "flag": True,
            "new": 0.1,
        }
    }
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(values))
    apply_overrides(path, list(set_params(wanted)))
    from ruamel.yaml import YAML

    assert YAML(typ="safe").load(path) == wanted


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (train_command, ["--queue", "-S", "base.source=https://hush@x.org/a"]),
        (train_command, ["-S", "label.teacher.base_url='http://h/v1?key=hush'"]),
        (use_command, ["https://hush@x.org/a"]),
    ],
)
def test_what_may_be_a_key_is_not_written_for_dvc(
    command, arguments, tmp_path, monkeypatch
):
    shutil.copy("params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    before = Path("params.yaml").read_bytes()
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 2, done.output
    assert "a URL without user and query" in done.output
    assert "hush" not in done.output
    assert Path("params.yaml").read_bytes() == before


def test_a_profile_keeps_what_other_sources_mark_as_private(tmp_path, monkeypatch):
    values = yaml.safe_load(Path("params.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    private = {"path": "~/clients/*", "private": True}
    values["harvest"]["sources"] = ["~/code", private]
    Path("params.yaml").write_text(yaml.safe_dump(values))
    Path("profiles").mkdir()
    text = "harvest: {sources: [{path: b, private: true}, a]}"
    Path("profiles/base.yaml").write_text(text)
    text = "extends: base\nharvest: {sources: [~/clients/app]}"
    Path("profiles/mine.yaml").write_text(text)
    assert load_profile("mine")["harvest"]["sources"] == [
        "~/clients/app",
        {"path": "b", "private": True, "read": False},
        {"path": "~/clients/*", "private": True, "read": False},
    ]
    assert "harvest" not in load_profile_of("train: {seed: 3}")


def test_no_setting_takes_away_what_is_private(tmp_path, monkeypatch):
    values = yaml.safe_load(Path("params.yaml").read_text())
    values["harvest"]["sources"] = [{"path": "~/clients/*", "private": True}]
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(yaml.safe_dump(values))
    done = CliRunner().invoke(train_command, ["-S", "harvest.sources=[~/clients/app]"])
    assert done.exit_code == 2
    assert "name other sources in a profile" in done.output


def load_profile_of(text):
    Path("profiles/mine.yaml").write_text(text)
    return load_profile("mine")


def test_unknown_profile_is_refused_in_one_line_with_the_known_ones():
    done = CliRunner().invoke(train_command, ["--profile", "qwen9"])
    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1
    assert "name one of git-smart-commit, gpu, joco, " in done.stderr


@pytest.fixture
def profiles(tmp_path, monkeypatch):
    """A folder for profiles beside a copy of params.yaml."""
    (tmp_path / "params.yaml").write_text(Path("params.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    (tmp_path / "profiles").mkdir()
    return tmp_path / "profiles"


def test_profile_with_a_mistyped_key_is_refused_by_name(profiles):
    (profiles / "mine.yaml").write_text("split: {epochs: 3}\n")
    with pytest.raises(ParamsError, match=r"mine\.yaml: unknown key 'split\.epochs'"):
        load_profile("mine")


def test_profile_is_laid_over_what_it_extends(profiles):
    (profiles / "gpu.yaml").write_text("train: {num_train_epochs: 3, method: full}\n")
    (profiles / "mine.yaml").write_text("extends: gpu\ntrain: {method: lora}\n")
    assert load_profile("mine") == {"train": {"num_train_epochs": 3, "method": "lora"}}


def test_profiles_that_extend_each_other_are_refused(profiles):
    (profiles / "a.yaml").write_text("extends: b\n")
    (profiles / "b.yaml").write_text("extends: a\n")
    with pytest.raises(ParamsError, match=r"a\.yaml: extends itself through a and b"):
        load_profile("a")


DVC = """
stages:
  show:
    cmd: cp params.yaml shown.yaml
    params: [train]
    outs: [shown.yaml]
"""


@pytest.mark.slow
def test_the_pipeline_runs_as_an_experiment(profiles):
    (profiles / "mine.yaml").write_text(
        "train: {num_train_epochs: 3, weight_decay: 0.01}\n"
    )
    folder = profiles.parent
    (folder / "dvc.yaml").write_text(DVC)
    who = ["-c", "user.name=Tester", "-c", "user.email=tester@example.org"]
    for command in (
        ["git", "init", "-q"],
        [sys.executable, "-m", "dvc", "init", "-q"],
        ["git", "add", "."],
        ["git", *who, "commit", "-qm", "chore: begin"],
    ):
        subprocess.run(command, cwd=folder, check=True)
    for options, epochs, decay in (((), 0.2, None), (("--profile", "mine"), 3, 0.01)):
        done = subprocess.run(
            [sys.executable, "-m", "diffscribe.commands.main", "train", *options],
            cwd=folder,
            env=os.environ | {"DVC_SITE_CACHE_DIR": str(folder / "site")},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        shown = yaml.safe_load((folder / "shown.yaml").read_text())["train"]
        assert shown["num_train_epochs"] == epochs
        assert shown.get("weight_decay") == decay
