"""Completion, in the shells themselves; behind git too."""

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from diffscribe.commands.completion import SHELLS, VARIABLE, completion_script
from diffscribe.commands.git_diffscribe import git_diffscribe

pytestmark = pytest.mark.slow

CASES = {
    "git diffscribe --stag": {"--staged"},
    "git diffscribe hook ": {"install", "remove"},
    "git -C . diffscribe rewrite --app": {"--apply"},
    "git diffscribe und": {"undo"},
}
GIT_OF_BASH = "/usr/share/bash-completion/completions/git"
BASH = f"""
source {GIT_OF_BASH}; source ./script
for line in "$@"; do
    COMP_LINE=$line COMP_POINT=${{#line}} COMP_WORDS=($line) COMPREPLY=()
    [[ $line == *" " ]] && COMP_WORDS+=("")
    COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
    __git_wrap__git_main 2>/dev/null
    echo "${{COMPREPLY[@]}}"
done
"""
FISH = "source ./script; for line in $argv; echo (complete -C $line | cut -f 1); end"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a repository, and the program on PATH."""
    program = tmp_path / "bin" / "git-diffscribe"
    program.parent.mkdir()
    lines = (
        f"#!{sys.executable}",
        "from diffscribe.commands.git_diffscribe import git_diffscribe",
        "git_diffscribe()",
    )
    program.write_text("\n".join(lines))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path))
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def answers(*command):
    """Return the words that a shell offers for each of CASES."""
    ended = subprocess.run(
        [*command, *CASES], capture_output=True, text=True, check=True
    )
    return [{*line.split()} for line in ended.stdout.splitlines()]


def write_script(folder, shell, name="script"):
    text = completion_script(shell, git_diffscribe)
    (folder / name).write_text(text)


def needs(program):
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"needs {program}")


@pytest.mark.skipif(not Path(GIT_OF_BASH).exists(), reason="needs git's completion")
def test_bash(folder):
    write_script(folder, "bash")
    assert answers("bash", "-c", BASH, "bash") == [*CASES.values()]


@needs("fish")
def test_fish(folder):
    write_script(folder, "fish")
    assert answers("fish", "-c", FISH) == [*CASES.values()]


@needs("zsh")
def test_zsh(folder):
    write_script(folder, "zsh", "_git-diffscribe")
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "dumb"
        os.execvp("zsh", ["zsh", "-f", "-i"])

    def shown_after(typed, words):
        os.write(terminal, typed.encode())
        shown, end = "", time.monotonic() + 60
        while not all(word in shown for word in words):
            assert time.monotonic() < end, shown
            if select.select([terminal], [], [], 1)[0]:
                shown += os.read(terminal, 4096).decode()

    begin = "fpath=($PWD $fpath); autoload -Uz compinit; compinit -u -D; echo re''ady\n"
    shown_after(begin, ["ready"])
    for line, words in CASES.items():
        shown_after(f"{line}\t", words)
        os.write(terminal, b"\x15")
    os.write(terminal, b"exit\n")
    os.waitpid(pid, 0)


def test_a_path_is_completed_where_no_verb_begins_so(folder):
    variables = {"COMP_WORDS": "git-diffscribe sr", "COMP_CWORD": "1"}
    ended = subprocess.run(
        ["git-diffscribe"],
        env=os.environ | variables | {VARIABLE: "bash_complete"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout == "file,sr\n"


def test_each_script_is_printed():
    for shell in SHELLS:
        shown = CliRunner().invoke(git_diffscribe, ["completion", shell])
        assert shown.output == completion_script(shell, git_diffscribe) + "\n"
