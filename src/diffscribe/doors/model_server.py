"""A llama-server that several commands share: started on demand, ended when left alone.

It listens on a socket in a folder of the user that nobody else may enter, so it needs
neither port nor password. The name of the socket is the digest of everything that
decides its answers; whoever finds that it answers, asks it. It is kept by
doors/server_watch.py, a process of its own.
"""

import contextlib
import fcntl
import hashlib
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from diffscribe.core.errors import SourceError, StorageError, ToolError
from diffscribe.core.files import user_folder
from diffscribe.doors.dialect import Dialect, tokenize_body, unspeakable
from diffscribe.doors.failure import AnswerError, AttemptError, status_error
from diffscribe.doors.llama_cpp import (
    LOAD_BYTES_PER_S,
    LOAD_S,
    last_lines,
    program,
    server_command,
    tool_environment,
)
from diffscribe.doors.reply import Answer, Question, read_reply
from diffscribe.doors.server_watch import UnixConnection, answers

IDLE_S = 600.0
"""How long a server is kept that nobody asks."""
MAX_SOCKET_BYTES = 100
"""Of 104 that macOS has for the path of a socket, and 108 that Linux has."""
MAX_REPLY_BYTES = 2**23
LOCK_POLL_S = 0.02


class ServedModel(NamedTuple):
    """A GGUF, and how it is served."""

    model: Path
    adapter: Path | None = None
    """A GGUF LoRA file that is laid over it."""
    context_tokens: int = 2048
    """Of prompt and answer together."""
    threads: int = 0
    """0 is all cores: nothing else runs while a person waits."""
    idle_s: float = IDLE_S


class ModelServer:
    """A server that answers; it may end once it was left alone for a while."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._refused: list[int] | None = None

    def ask(self, question: Question, timeout_s: float) -> Answer:
        """Return the answer to a question, under its grammar if it has one.

        Raises:
            AnswerError: if it got none.
        """
        started = time.perf_counter()
        body = Dialect(is_llama_cpp=True).body(question)
        try:
            if question.grammar:
                body["logit_bias"] = [[each, False] for each in self._unspeakable()]
            reply = self._exchange("/v1/chat/completions", body, timeout_s)
            return read_reply(reply, time.perf_counter() - started)
        except TimeoutError as error:
            raise AnswerError(f"no answer within {timeout_s:.0f} s") from error
        except (AttemptError, OSError, http.client.HTTPException) as error:
            raise AnswerError(f"the local model gave no answer: {error}") from error

    def _unspeakable(self) -> list[int]:
        if self._refused is None:
            reply = self._exchange("/tokenize", tokenize_body(""), LOAD_S)
            self._refused = unspeakable(reply)
        return self._refused

    def _exchange(self, path: str, body: Mapping[str, Any], timeout_s: float) -> bytes:
        with contextlib.suppress(OSError):
            os.utime(self._socket)
        connection = UnixConnection(self._socket, timeout_s)
        with contextlib.closing(connection), _ended_after(connection, timeout_s):
            headers = {"Content-Type": "application/json"}
            connection.request("POST", path, json.dumps(body), headers)
            response = connection.getresponse()
            content = response.read(MAX_REPLY_BYTES)
            if response.status != http.client.OK:
                named = {name.lower(): each for name, each in response.getheaders()}
                raise status_error(response.status, named, content)
        with contextlib.suppress(OSError):
            os.utime(self._socket)
        return content


@contextlib.contextmanager
def _ended_after(connection: UnixConnection, limit_s: float) -> Iterator[None]:
    """Break a connection off that is still used after a while.

    The timeout of a socket holds for each wait, so a reply may come without an end.

    Raises:
        TimeoutError: if it was broken off.
    """
    connection.connect()
    connected = connection.sock  # http.client forgets it, and reads on.
    is_over = threading.Event()

    def end() -> None:
        is_over.set()
        with contextlib.suppress(OSError):
            connected.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(limit_s, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (AttemptError, OSError, http.client.HTTPException):
        if is_over.is_set():
            raise TimeoutError from None
        raise
    finally:
        timer.cancel()
    if is_over.is_set():  # A reply without a length looks whole.
        raise TimeoutError


def running_server(served: ServedModel) -> ModelServer:
    """Return the server of a model, which is started if none answers.

    Of two that start one at once, one waits for the other. A server that was started is
    not ended with this process.

    Raises:
        SourceError: if a file of the model is missing.
        StorageError: if there is no folder for its socket.
        ToolError: if there is no llama-server, or it does not come up.
    """
    model, adapter = served.model.absolute(), served.adapter
    adapter = adapter and adapter.absolute()
    files = [model, *filter(None, [adapter])]
    for each in files:
        if not each.is_file():
            raise SourceError(
                f"there is no file {each}; mend 'git config diffscribe.model', or run "
                "'diffscribe model install'"
            )
    load_s = LOAD_S + sum(each.stat().st_size for each in files) / LOAD_BYTES_PER_S
    command = [
        *server_command(own_server(), model, adapter, served.context_tokens, slots=1),
        *("--threads", str(served.threads or os.cpu_count() or 1)),
        *("--no-ui", "--no-slots"),
    ]
    folder = _socket_folder()
    socket = folder / f"{_identity(command, files)}.sock"
    if len(os.fsencode(socket)) > MAX_SOCKET_BYTES:
        raise StorageError(
            f"{socket}: too long a path for a socket; set XDG_RUNTIME_DIR to a folder "
            "of yours with a short path"
        )
    has_started = False
    while True:
        with _locked(socket.with_suffix(".lock"), load_s) as lock:
            with contextlib.suppress(FileNotFoundError):
                # Touched under the lock, so it does not end now.
                os.utime(socket)
                if answers(socket):
                    return ModelServer(socket)
            log = socket.with_suffix(".log")
            if has_started:
                raise ToolError(
                    f"llama-server did not come up, and says '{_end(log)}'; {log} "
                    "has the rest"
                )
            has_started = True
            _start(command, lock, socket, log, load_s, served.idle_s)


def own_server() -> Path:
    """Return the llama-server of LLAMA_CPP_DIR, PATH, or diffscribe's own checkout.

    It is never that of the repository that is worked on: a clone may bring one.

    Raises:
        ToolError: if there is none.
    """
    checkout = Path(__file__).parents[3]
    try:
        return program("llama-server", checkout, needed=("llama-server",))
    except ToolError as error:
        raise ToolError(
            "llama-server, which runs the model, is not installed; 'brew install "
            "llama.cpp', or run tools/llama_cpp.sh in a checkout of diffscribe and put "
            "its .tools/llama.cpp/bin on PATH"
        ) from error


def end_servers() -> int:
    """Have all servers of this user end within seconds, and return how many."""
    sockets = [*_socket_folder().glob("*.sock")]
    ended = sum(map(answers, sockets))
    for each in sockets:
        each.unlink(missing_ok=True)
    return ended


def _start(
    command: list[str],
    lock: int,
    socket: Path,
    log: Path,
    load_s: float,
    idle_s: float,
) -> None:
    """Start a server and what watches it, which holds the lock until it answers."""
    watch = Path(__file__).with_name("server_watch.py")
    files = (str(lock), str(socket), str(log))
    # A session of its own gets no Ctrl-C and no hang-up of this terminal.
    subprocess.Popen(
        [
            *(sys.executable, "-I", "-S", str(watch), *files),
            *(str(load_s), str(idle_s), *command, "--host", str(socket)),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=tool_environment(),
        cwd=socket.parent,
        pass_fds=(lock,),
        start_new_session=True,
    )


def _end(log: Path) -> str:
    try:
        said = last_lines(log.read_bytes().decode("utf-8", "replace")).splitlines()
    except FileNotFoundError:
        said = []
    # What failed first is told first, and then what could not go on without it.
    wrong = [line for line in said if re.search(r" E |error", line)]
    return [*(wrong or said[-1:]), "nothing"][0].strip()


def _identity(command: list[str], files: list[Path]) -> str:
    """Return a digest of how a server is started, and of which bytes.

    A digest of the files would take a quarter of a second at each use. What replaces a
    file has another number or another time.
    """
    found = [each.resolve().stat() for each in files]
    told = [
        [each.st_dev, each.st_ino, each.st_size, each.st_mtime_ns] for each in found
    ]
    text = json.dumps([command, told])
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:16]


def _socket_folder() -> Path:
    """Return a folder that only this user may enter.

    Raises:
        StorageError: if it belongs to somebody else.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    is_usable = runtime.startswith("/") and os.access(runtime, os.W_OK | os.X_OK)
    folder = Path(runtime, "diffscribe") if is_usable else user_folder() / "run"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise StorageError(f"{folder} cannot be made: {error.strerror}") from error
    if found.st_uid != os.getuid() or found.st_mode & 0o077 or folder.is_symlink():
        raise StorageError(
            f"{folder} is not yours alone, and a server there would be asked for your "
            "changes; remove it, or run 'chmod 700' on it"
        )
    return folder


@contextlib.contextmanager
def _locked(path: Path, timeout_s: float) -> Iterator[int]:
    """Give an open file whose flock is held, until the block ends.

    A process that was given it keeps the flock beyond that.

    Raises:
        ToolError: if another process has it for too long.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + timeout_s
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise ToolError(
                        f"llama-server was not ready within {timeout_s:g} s; "
                        f"{path.with_suffix('.log')} tells more"
                    ) from None
                time.sleep(LOCK_POLL_S)
        yield descriptor
    finally:
        # Closing alone releases it, unless a server that starts has it too.
        os.close(descriptor)
