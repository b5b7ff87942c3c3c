"""The hook that .pre-commit-hooks.yaml offers, run as pre-commit runs it."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

HOOKS = Path(__file__).parents[2] / ".pre-commit-hooks.yaml"
PROGRAM = (
    "from diffscribe.commands.git_diffscribe import git_diffscribe; git_diffscribe()"
)
pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (f'exec {sys.executable} -c "{PROGRAM}" "$@"', "docs: "),
        ("exit 1", ""),
        (None, ""),
    ],
)
def test_it_writes_a_message_and_never_stops_a_commit(tmp_path, program, message):
    [hook] = yaml.safe_load(HOOKS.read_text())
    assert hook["stages"] == ["prepare-commit-msg"]
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / "guide.md").write_text("guide\n")
    subprocess.run(["git", "add", "guide.md"], cwd=tmp_path, check=True)
    if program is not None:
        file = tmp_path / "git-diffscribe"
        file.write_text(f"#!/bin/sh\n{program}\n")
        file.chmod(0o755)
    (tmp_path / "MESSAGE").write_text("# remark\n")
    others = [
        each for each in os.get_exec_path() if not Path(each, "git-diffscribe").exists()
    ]
    ended = subprocess.run(
        [*shlex.split(hook["entry"]), "MESSAGE"],
        cwd=tmp_path,
        env={
            **os.environ,
            "PATH": os.pathsep.join([str(tmp_path), *others]),
            "XDG_DATA_HOME": str(tmp_path),
        },
        capture_output=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")
    assert (tmp_path / "MESSAGE").read_text().startswith(message or "# remark")
