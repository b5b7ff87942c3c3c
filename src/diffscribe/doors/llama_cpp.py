"""llama.cpp: find its programs, run them, and serve a GGUF while a block runs."""

import contextlib
import http.client
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from diffscribe.core.errors import SourceError, ToolError

PROGRAMS = ("llama-server", "llama-quantize", "llama-imatrix", "llama-perplexity")
"""A folder that lacks one is passed over; `make llama.cpp` checks the same list."""
CONVERTER = "convert_hf_to_gguf.py"
ERROR_LINES = 12


def program(name: str) -> Path:
    """Return the path of one of PROGRAMS.

    LLAMA_CPP_DIR is searched first, then PATH, then `.tools` of the repository. All
    programs come from one folder, so that no two versions are mixed.

    Raises:
        ToolError: if no folder holds them all.
    """
    for folder in _program_folders():
        if all(os.access(folder / each, os.X_OK) for each in PROGRAMS):
            return folder.resolve() / name
    raise ToolError(
        f"{name} not found: no folder of LLAMA_CPP_DIR, PATH or .tools/llama.cpp/bin "
        f"holds all of {', '.join(PROGRAMS)}; run 'make llama.cpp'"
    )


def source_tree() -> Path:
    """Return the llama.cpp source folder with the official converter.

    Raises:
        ToolError: if there is none.
    """
    for folder in _source_folders():
        if (folder / CONVERTER).is_file():
            return folder.resolve()
    raise ToolError(
        f"{CONVERTER} not found in LLAMA_CPP_DIR or .tools/llama.cpp/src; "
        "run 'make llama.cpp'"
    )


def version() -> str:
    """Return the version that llama-server prints, without the compiler."""
    for line in run_tool([program("llama-server"), "--version"]).splitlines():
        if line.startswith("version: "):
            return line.removeprefix("version: ").strip()
    raise ToolError(f"{program('llama-server')} --version names no version")


def run_tool(command: Sequence[str | Path]) -> str:
    """Run a program and return its stdout and stderr, in the order written.

    Raises:
        ToolError: with the last lines of both, if it fails.
    """
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        env=tool_environment(),
    )
    text = done.stdout.decode("utf-8", "replace")
    if done.returncode:
        raise ToolError(
            f"{_title(command)} failed with code {done.returncode}:\n{last_lines(text)}"
        )
    return text


def tool_environment() -> dict[str, str]:
    """Return the environment without the variables that override our arguments."""
    overriding = ("LLAMA_ARG_", "LLAMA_API_KEY", "LLAMA_LOG_", "AIP_")
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(overriding)
    }


def last_lines(text: str) -> str:
    """Return the last ERROR_LINES lines of a program's output."""
    return "\n".join(text.strip().splitlines()[-ERROR_LINES:]) or "(no output)"


def _program_folders() -> Iterator[Path]:
    if named := os.environ.get("LLAMA_CPP_DIR"):
        yield from (Path(named, "bin"), Path(named, "build", "bin"), Path(named))
    if on_path := shutil.which(PROGRAMS[0]):
        yield Path(on_path).parent
    for installed in _installed():
        yield installed / "bin"


def _source_folders() -> Iterator[Path]:
    if named := os.environ.get("LLAMA_CPP_DIR"):
        yield Path(named)
    for installed in _installed():
        yield installed / "src"


def _installed() -> Iterator[Path]:
    """Yield the folders upwards: `dvc exp run --temp` works in one below .dvc."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        yield folder / ".tools" / "llama.cpp"


def _title(command: Sequence[str | Path]) -> str:
    return " ".join(Path(part).name for part in command[:2])


_TETHER = """
import ctypes, os, signal, sys
parent, program, *arguments = sys.argv[1:]
if sys.platform == "linux":
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
# The parent may have died before prctl; then no signal would ever come.
if os.getppid() == int(parent):
    os.execv(program, [program, *arguments])
"""


def tethered(command: Sequence[str]) -> list[str]:
    """Return the command that runs a command tied to the calling thread.

    A process that gets SIGKILL cannot stop its children. Linux does it for it, by
    PR_SET_PDEATHSIG; other systems have no such call, and the program runs untied.
    """
    # -I -S skips site-packages, so Python starts in milliseconds.
    return [sys.executable, "-I", "-S", "-c", _TETHER, str(os.getpid()), *command]


NEUTRAL_SAMPLING: dict[str, float] = {
    "top_k": 0,
    "top_p": 1.0,
    "min_p": 0.0,
    "repeat_penalty": 1.0,
}
"""Settings that change no probability, by their names in llama.cpp and Ollama.

Where a request leaves one out, llama-server takes the GGUF's or its own default.
"""

HOST = "127.0.0.1"
BIND_ATTEMPTS = 5
POLL_S = 0.05
LOAD_S = 300.0
LOAD_BYTES_PER_S = 20e6
"""The slowest disk that is waited for: 32 GB over a network may take half an hour."""
OPTIONAL_FLAGS = ("--no-webui", "--offline")
"""Passed if this build knows them: no page is served and no hub is asked."""


class _Server(NamedTuple):
    program_run: "subprocess.Popen[bytes]"
    log: IO[bytes]

    def read_log(self) -> str:
        self.log.seek(0)
        return self.log.read().decode("utf-8", "replace")


class _PortTakenError(Exception):
    """Another program took the port after _free_port closed it."""


@contextlib.contextmanager
def serve(
    model: Path,
    *,
    context_tokens: int,
    threads: int,
    slots: int = 1,
    timeout_s: float | None = None,
    adapter: Path | None = None,
) -> Iterator[str]:
    """Give the base URL of an OpenAI-compatible server of one model.

    The prompt cache is off, so with one slot an answer depends on its request alone
    and not on earlier ones. With several slots, requests that are answered together
    are summed in another order, which may change a token where two are almost equally
    likely. The server ends with the block; on Linux also if this process is killed.

    Args:
        model: a GGUF file.
        context_tokens: the limit of prompt and answer together, for each slot.
        threads: of the server; 0 is all cores.
        slots: how many requests are answered at once.
        timeout_s: the limit for loading; None depends on the size of the file.
        adapter: a GGUF LoRA file that is laid over the model.

    Raises:
        SourceError: if there is no such file.
        ToolError: with the server's last lines, if it does not come up.
    """
    if not model.is_file():
        raise SourceError(f"{model}: no such file; run the stage merge-quantize")
    arguments = [
        *("--model", str(model), "--host", HOST),
        *("--ctx-size", str(slots * context_tokens), "--parallel", str(slots)),
        *("--threads", str(threads or os.cpu_count() or 1)),
        *("--no-cache-prompt", "--cache-ram", "0", "--jinja"),
        *(("--lora", str(adapter)) if adapter else ()),
    ]
    known = run_tool([program("llama-server"), "--help"])
    arguments += [flag for flag in OPTIONAL_FLAGS if flag in known]
    if timeout_s is None:
        timeout_s = LOAD_S + model.stat().st_size / LOAD_BYTES_PER_S
    with contextlib.ExitStack() as running:
        yield f"http://{HOST}:{_start(arguments, timeout_s, running)}/v1"


def _start(
    arguments: list[str], timeout_s: float, running: contextlib.ExitStack
) -> int:
    """Return the port of a server that `running` will stop."""
    for _ in range(BIND_ATTEMPTS):
        port = _free_port()
        server = running.enter_context(_started([*arguments, "--port", str(port)]))
        try:
            _await_health(server, port, timeout_s)
        except _PortTakenError:
            continue
        return port
    raise ToolError(f"llama-server found no free port in {BIND_ATTEMPTS} attempts")


@contextlib.contextmanager
def _started(arguments: list[str]) -> Iterator[_Server]:
    with tempfile.TemporaryFile() as log:
        program_run = subprocess.Popen(
            tethered([str(program("llama-server")), *arguments]),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=tool_environment(),
        )
        try:
            yield _Server(program_run, log)
        finally:
            # SIGKILL is safe, as the server writes no file.
            program_run.kill()
            program_run.wait()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        port: int = listener.getsockname()[1]
        return port


def _await_health(server: _Server, port: int, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        healthy = _is_healthy(port)
        # Poll after the health check: if another program has the port, it answers
        # healthy while our server exits.
        if server.program_run.poll() is not None:
            _explain_death(server)
        if healthy:
            return
        time.sleep(POLL_S)
    raise ToolError(
        f"llama-server was not ready within {timeout_s:g} s; its last lines:\n"
        f"{last_lines(server.read_log())}"
    )


def _is_healthy(port: int) -> bool:
    # http.client ignores the proxies of the environment; urllib would use them.
    connection = http.client.HTTPConnection(HOST, port, timeout=1)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _explain_death(server: _Server) -> None:
    text = server.read_log()
    if "couldn't bind" in text:
        raise _PortTakenError
    raise ToolError(
        f"llama-server ended with code {server.program_run.returncode} before it "
        f"was ready; its last lines:\n{last_lines(text)}"
    )
