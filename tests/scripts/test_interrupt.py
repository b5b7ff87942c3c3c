"""Ctrl-C in each stage, to the whole group of processes, as a terminal sends it.

SIGTERM goes to the stage alone and does the same.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from types import SimpleNamespace

import psutil
import pytest
from tests.support.history import History
from tests.support.programs import without_mlflow
from tests.support.waiting import PATIENCE_S, wait_until

# It says so late that who started it knows its number by then.
DEAF_PROGRAM = """#!/bin/sh
[ "$1" = --help ] && exit 0
trap '' INT
sleep 0.3
echo $$ > "${0%/bin/*}/started"
exec sleep 1000
"""
both = pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
SAMPLE = (
    '{"completion":[],"files":["a"],"id":"1","junk":[],"parent_id":null,'
    '"prompt":[],"repo":"r","target":{"commits":[]},"task":"plan"}\n'
)


def interrupt(place, until, number=signal.SIGINT, **variables):
    """Run a stage, send a signal as soon as `until` is true, and return its end."""
    with subprocess.Popen(
        place.command(),
        cwd=place.folder,
        env=without_mlflow(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as running:
        deadline = time.monotonic() + PATIENCE_S
        while not until():
            if running.poll() is not None or time.monotonic() > deadline:
                running.kill()
                pytest.fail(f"not reached: {running.communicate()[1]}")
            time.sleep(0.02)
        send = os.killpg if number == signal.SIGINT else os.kill
        send(running.pid, number)
        try:
            stdout, stderr = running.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            raise
    return SimpleNamespace(returncode=running.returncode, stdout=stdout, stderr=stderr)


def assert_interrupted(place, done, code=130):
    words = "interrupted; nothing was half-written, run the same command again to go on"
    place.assert_failed(done, code, words)
    assert done.stdout == ""


def read_begins(fifo):
    """Make an input that never ends; return whether the stage opened it."""
    fifo.unlink(missing_ok=True)
    os.mkfifo(fifo)
    kept = []

    def opened():
        with contextlib.suppress(OSError):
            kept.append(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))
        return bool(kept)

    return opened


def deaf_programs(folder, *names):
    """Write programs that hang and do not listen to Ctrl-C."""
    (folder / "bin").mkdir()
    for name in names:
        path = folder / "bin" / name
        path.write_text(DEAF_PROGRAM)
        path.chmod(0o755)


def assert_gone(pid):
    """Wait a moment: who is no child of the stage is buried by the system."""
    wait_until(lambda: not psutil.pid_exists(int(pid)))


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("label", "harvested.jsonl"),
        ("curate", "labeled.jsonl"),
        ("split", "curated.jsonl"),
        ("baseline", "splits/validation.jsonl"),
        ("train", "sft/validation.jsonl"),
    ],
)
def test_while_reading(workplace, name, path):
    place = workplace(name)
    place.put("in/sft/train.jsonl", SAMPLE)
    place.put("in/splits/train.jsonl")
    fifo = place.folder / "in" / path
    assert_interrupted(place, interrupt(place, read_begins(fifo)))


@pytest.mark.slow
def test_while_rendering(workplace, tiny_base):
    place = workplace("render")
    place.inputs[2] = tiny_base
    fifo = place.folder / "in/splits/train.jsonl"
    assert_interrupted(place, interrupt(place, read_begins(fifo)))


@both
def test_while_git_works(workplace, number, code):
    place = workplace("harvest")
    sha = "0" * 40
    place.put("in/a.bundle", f"# v2 git bundle\n{sha} HEAD\n\nPACK")
    place.params["harvest"]["sources"] = ["in/a.bundle"]
    deaf_programs(place.folder, "git")
    path = f"{place.folder / 'bin'}:{os.environ['PATH']}"
    wait = Started(place)
    assert_interrupted(place, interrupt(place, wait, number, PATH=path), code)
    assert_gone(wait.pid)


@both
def test_while_workers_diff(workplace, number, code):
    place = workplace("harvest")
    history = History(place.folder / "in/repository")
    for each in range(3):
        history.commit(f"feat: {each}", {"a": f"{each}\n"})
    place.params["harvest"] |= {"sources": ["in/repository"], "workers": 2}
    place.params["label"]["source"] = "teacher"  # Keeps commits whatever they say.
    deaf_programs(place.folder, "git")
    program = place.folder / "bin/git"
    real = f'#!/bin/sh\n[ "$1" = diff-tree ] || exec {shutil.which("git")} "$@"\n'
    program.write_text(real + program.read_text())
    temporary = place.folder / "temporary"
    temporary.mkdir()
    variables = {
        "PATH": f"{place.folder / 'bin'}:{os.environ['PATH']}",
        "TMPDIR": str(temporary),
    }
    wait = Started(place)
    assert_interrupted(place, interrupt(place, wait, number, **variables), code)
    assert_gone(wait.pid)
    assert list(temporary.iterdir()) == []


@pytest.mark.slow
@both
@pytest.mark.parametrize("name", ["merge_quantize", "eval"])
def test_while_llama_cpp_works(workplace, name, number, code):
    place = workplace(name)
    place.put_case()
    deaf_programs(
        place.folder,
        *("llama-server", "llama-quantize", "llama-imatrix", "llama-perplexity"),
    )
    wait = Started(place)
    done = interrupt(place, wait, number, LLAMA_CPP_DIR=str(place.folder))
    assert_interrupted(place, done, code)
    assert_gone(wait.pid)


class Started:
    """Whether the deaf program of a workplace runs, and its id."""

    def __init__(self, place):
        self.path = place.folder / "started"
        self.pid = ""

    def __call__(self):
        if self.path.exists():
            self.pid = self.path.read_text().strip()
        return bool(self.pid)
