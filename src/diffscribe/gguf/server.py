"""Serve a GGUF with llama-server for as long as a block runs."""

import contextlib
import http.client
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

from diffscribe.errors import SourceError, ToolError
from diffscribe.gguf.tether import tethered
from diffscribe.gguf.tools import last_lines, program, run_tool, tool_environment

HOST = "127.0.0.1"
BIND_ATTEMPTS = 5
POLL_S = 0.05
QUIETING = ("--no-webui", "--offline")
"""Passed where this build knows them; older ones have nothing to switch off."""


class _Server(NamedTuple):
    program_run: "subprocess.Popen[bytes]"
    log: IO[bytes]

    def said(self) -> str:
        self.log.seek(0)
        return self.log.read().decode("utf-8", "replace")


class _PortTakenError(Exception):
    """Another program took the port between our look and the server's."""


@contextlib.contextmanager
def serve(
    model: Path,
    *,
    context_tokens: int,
    threads: int,
    slots: int = 1,
    timeout_s: float = 300.0,
) -> Iterator[str]:
    """Give the base URL of an OpenAI-compatible server of one model.

    No prompt cache: with one slot an answer depends on its request alone, never
    on what was asked before. With more, sums are taken in another order when
    several are answered at once, which may tip a choice that is nearly even. The
    server is gone when the block ends, whatever ends it, and on Linux even if this
    process is killed.

    Args:
        model: a GGUF file.
        context_tokens: prompt and answer together have to fit.
        slots: so many requests are answered at once.
        threads: 0 is all cores.
        timeout_s: how long loading may take.

    Raises:
        SourceError: if there is no such file.
        ToolError: with the server's last words, if it does not come up.
    """
    if not model.is_file():
        raise SourceError(f"{model}: no such file; run the stage merge-quantize")
    arguments = [
        *("--model", str(model), "--host", HOST),
        *("--ctx-size", str(slots * context_tokens), "--parallel", str(slots)),
        *("--threads", str(threads or os.cpu_count() or 1)),
        *("--no-cache-prompt", "--cache-ram", "0", "--jinja"),
    ]
    known = run_tool([program("llama-server"), "--help"])
    arguments += [flag for flag in QUIETING if flag in known]
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
            # It keeps nothing that a gentler end would save.
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
        # Asked second: a stranger on the port is healthy while ours dies.
        if server.program_run.poll() is not None:
            _explain_death(server)
        if healthy:
            return
        time.sleep(POLL_S)
    raise ToolError(
        f"llama-server was not ready within {timeout_s:g} s; its last lines:\n"
        f"{last_lines(server.said())}"
    )


def _is_healthy(port: int) -> bool:
    # http.client, as urllib would ask the proxy that the environment names.
    connection = http.client.HTTPConnection(HOST, port, timeout=1)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _explain_death(server: _Server) -> None:
    text = server.said()
    if "couldn't bind" in text:
        raise _PortTakenError
    raise ToolError(
        f"llama-server ended with code {server.program_run.returncode} before it "
        f"was ready; its last lines:\n{last_lines(text)}"
    )
