import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from tests.support.served import processes
from tests.support.waiting import wait_until

from diffscribe.core.errors import SourceError, StorageError, ToolError
from diffscribe.core.records import Message
from diffscribe.doors.failure import AnswerError
from diffscribe.doors.llama_cpp import PROGRAMS, program
from diffscribe.doors.model_server import ModelServer, ServedModel, running_server
from diffscribe.doors.reply import Question

QUESTION = Question(
    model="tiny",
    messages=(Message(role="user", content="Files:\n M a.py"),),
    schema=None,
    max_tokens=8,
    temperature=0.0,
    seed=7,
    about="",
    private=True,
    grammar='root ::= "fix" | "feat"',
)
START = """
import sys
from pathlib import Path
from diffscribe.doors.model_server import ServedModel, running_server
running_server(ServedModel(Path(sys.argv[1]), context_tokens=256, threads=1))
"""


def pids(folder, program):
    """Return the processes whose program, or first script, has a name."""
    return [
        pid
        for pid, words in processes(folder).items()
        if any(Path(word).name == program for word in words[:4])
        and not any(word.endswith("tether.py") for word in words[:4])
    ]


@pytest.fixture
def runtime(tmp_path_factory, monkeypatch):
    """The folder of sockets; what was started there ends with the test."""
    folder = tmp_path_factory.mktemp("run")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    yield folder
    for path in (folder / "diffscribe").glob("*.sock"):
        path.unlink()
    wait_until(lambda: not processes(folder))


@pytest.mark.parametrize(
    ("sent", "dripped"),
    [
        ("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", "a"),
        ("HTTP/1.1 200 OK\r\n\r\n", "a"),
        ("HTTP/1.1 200 OK\r\nA: ", "a"),
        ("HTTP/1.1 200 OK\r\n", "A: b\r\n"),
        ("HTT", "P"),
        ("", ""),
    ],
)
def test_a_reply_that_does_not_end_is_given_up(tmp_path, sent, dripped):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "s"))
    listener.listen()

    def drip():
        client, _ = listener.accept()
        with client, contextlib.suppress(OSError):
            client.sendall(sent.encode())
            for _ in range(50):
                client.sendall(dripped.encode())
                time.sleep(0.1)

    threading.Thread(target=drip, daemon=True).start()
    plain = QUESTION._replace(grammar=None)
    started = time.monotonic()
    with listener, pytest.raises(AnswerError, match="no answer within 1 s"):
        ModelServer(tmp_path / "s").ask(plain, 1)
    assert time.monotonic() - started < 4


@pytest.mark.slow
def test_a_server_is_found_again_until_nobody_asks_it(tiny_gguf, runtime):
    served = ServedModel(tiny_gguf, context_tokens=256, threads=1, idle_s=2)
    texts = {running_server(served).ask(QUESTION, 60).text for _ in range(2)}
    assert len(texts) == 1 and texts <= {"fix", "feat"}
    [server] = pids(runtime, "llama-server")
    [socket] = (runtime / "diffscribe").glob("*.sock")
    found = running_server(served)
    assert pids(runtime, "llama-server") == [server]
    assert {path.stat().st_mode & 0o077 for path in runtime.rglob("*.log")} == {0}
    assert not any(
        QUESTION.messages[0].content in str(path) for path in runtime.rglob("*")
    )
    wait_until(lambda: not processes(runtime))
    assert not socket.exists()
    with pytest.raises(AnswerError):
        found.ask(QUESTION, 60)


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["llama-server", "server_watch.py"])
def test_a_server_that_was_killed_is_replaced(victim, tiny_gguf, runtime):
    served = ServedModel(tiny_gguf, context_tokens=256, threads=1)
    running_server(served)
    for pid in pids(runtime, victim):
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not processes(runtime))
    assert running_server(served).ask(QUESTION, 60).text in ("fix", "feat")
    assert len(pids(runtime, "llama-server")) == 1


@pytest.mark.slow
def test_starters_share_one_server_and_may_be_killed(tiny_gguf, runtime):
    command = [sys.executable, "-c", START, str(tiny_gguf)]
    killed = subprocess.Popen(command)
    wait_until(lambda: pids(runtime, "server_watch.py"))
    killed.kill()
    killed.wait()
    starters = [subprocess.Popen(command) for _ in range(3)]
    assert [each.wait(120) for each in starters] == [0, 0, 0]
    assert len(pids(runtime, "llama-server")) == 1
    other = ServedModel(tiny_gguf, context_tokens=320, threads=1)
    running_server(other)
    assert len(pids(runtime, "llama-server")) == 2


@pytest.mark.slow
def test_a_model_that_cannot_be_loaded_is_told(tmp_path, runtime):
    with pytest.raises(SourceError, match="there is no file"):
        running_server(ServedModel(tmp_path / "none.gguf"))
    (tmp_path / "odd.gguf").write_bytes(b"GGUF of nothing")
    with pytest.raises(ToolError, match="did not come up"):
        running_server(ServedModel(tmp_path / "odd.gguf"))
    wait_until(lambda: not processes(runtime))


@pytest.mark.slow
def test_a_folder_that_others_may_enter_is_refused(tiny_gguf, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "diffscribe").mkdir(mode=0o755)
    with pytest.raises(StorageError, match="not yours alone"):
        running_server(ServedModel(tiny_gguf))
    (tmp_path / "diffscribe").rmdir()
    (tmp_path / "mine").mkdir(mode=0o700)
    (tmp_path / "diffscribe").symlink_to(tmp_path / "mine")
    with pytest.raises(StorageError, match="not yours alone"):
        running_server(ServedModel(tiny_gguf))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / ("long" * 30)))
    (tmp_path / ("long" * 30)).mkdir()
    with pytest.raises(StorageError, match="XDG_RUNTIME_DIR"):
        running_server(ServedModel(tiny_gguf))


def test_a_program_of_the_repository_that_is_worked_on_is_not_run(
    tiny_gguf, tmp_path, monkeypatch
):
    """A clone may bring `.dvc` and a llama-server of its own."""
    planted = tmp_path / ".tools/llama.cpp/bin"
    planted.mkdir(parents=True)
    (tmp_path / ".dvc").mkdir()
    for name in PROGRAMS:
        (planted / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/was-run\n")
        (planted / name).chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LLAMA_CPP_DIR", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / ("long" * 30)))
    (tmp_path / ("long" * 30)).mkdir()
    assert program("llama-server").parent == planted
    with pytest.raises((ToolError, StorageError), match=r"not found|too long a path"):
        running_server(ServedModel(tiny_gguf))
    assert not (tmp_path / "was-run").exists()
