"""`git diffscribe` as a person types it, in a terminal and without one."""

import os
import pty
import subprocess
import sys

import pytest

from tests.propose.working_trees import run

LINES = "".join(f"line {number}\n" for number in range(40))
COMMAND = (
    sys.executable,
    "-c",
    "from diffscribe.commands import git_diffscribe; git_diffscribe.git_diffscribe()",
)


@pytest.fixture
def messy(tmp_path, monkeypatch):
    """A repository with a change of code and test, one of docs, and a file of keys."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    run(tmp_path, "init", "-q", "-b", "main", "top")
    top = tmp_path / "top"
    settings = {
        "user.name": "A",
        "user.email": "a@b.example",
        "diffscribe.model": "none",
    }
    for item in settings.items():
        run(top, "config", *item)
    for name in ("src/api.py", "tests/test_api.py", "docs/guide.md"):
        (top / name).parent.mkdir(exist_ok=True)
        (top / name).write_text(LINES)
    run(top, "add", "--all")
    run(top, "commit", "-q", "-m", "begin")
    (top / "src/api.py").write_text(LINES + "def retry(count):\n    return count\n")
    (top / "tests/test_api.py").write_text(LINES + "assert retry(2) == 2\n")
    (top / "docs/guide.md").write_text("# Guide\n" + LINES)
    (top / ".env").write_text("TOKEN=abc\n")
    return top


def command(folder, *arguments, code=0, **variables):
    """Run the command without a terminal and return what it prints."""
    ended = subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == code, ended.stdout + ended.stderr
    return ended.stdout, ended.stderr


def in_terminal(folder, typed, *arguments, **variables):
    """Run the command in a terminal, type lines, and return what it shows."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        environment = {**os.environ, "COLUMNS": "80", **variables}
        os.execvpe(COMMAND[0], [*COMMAND, *arguments], environment)
    os.write(terminal, typed.encode())
    shown = b""
    try:
        while block := os.read(terminal, 4096):
            shown += block
    except OSError:  # Linux ends a terminal without a writer so.
        pass
    _, status = os.waitpid(pid, 0)
    return shown.decode(), os.waitstatus_to_exitcode(status)


def subjects(top):
    """Return the subjects of a history, oldest first."""
    return run(top, "log", "--reverse", "--format=%s").decode().splitlines()
