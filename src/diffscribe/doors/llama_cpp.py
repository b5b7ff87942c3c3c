"""llama.cpp: find its programs, run them, and serve a GGUF while a block runs."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import IO

from diffscribe.core.errors import SourceError, ToolError
from diffscribe.core.files import repository_root, temporary_folder

PROGRAMS = ("llama-server", "llama-quantize", "llama-imatrix", "llama-perplexity")
"""A folder that lacks one is passed over; `make llama.cpp` checks the same list."""
CONVERTER = "convert_hf_to_gguf.py"
BUILT = Path(".tools/llama.cpp")
"""Where `make llama.cpp` puts it."""
ERROR_LINES = 12
KNOWN_VERSION = "0.5."
"""Of the source that `make llama.cpp` builds; it checks a llama.cpp on PATH too."""
VERSION_S = 60.0
VERSION_CHARS = 10_000


def program(
    name: str,
    checkout: Path | None = None,
    needed: Sequence[str] = PROGRAMS,
) -> Path:
    """Return the path of one of PROGRAMS.

    LLAMA_CPP_DIR is searched first, then PATH, then `.tools` of a checkout, if none is
    given of the repository. A version on PATH that nobody tried comes last. All that
    are needed come from one folder, so that no two versions are mixed.

    Raises:
        ToolError: if no folder holds them all.
    """
    folders = []
    if named := os.environ.get("LLAMA_CPP_DIR"):
        folders += [Path(named, "bin"), Path(named, "build", "bin"), Path(named)]
    folders.append((checkout or repository_root()) / BUILT / "bin")
    if on_path := shutil.which(PROGRAMS[0]):
        at = len(folders) - is_known(Path(on_path))
        folders.insert(at, Path(on_path).parent)
    for folder in folders:
        if all(os.access(folder / each, os.X_OK) for each in needed):
            return folder.resolve() / name
    raise ToolError(
        f"{name} not found: no folder of LLAMA_CPP_DIR, PATH or {BUILT}/bin holds all "
        f"of {', '.join(needed)}; run 'make llama.cpp' in a checkout of diffscribe, "
        "or install llama.cpp, such as with 'brew install llama.cpp'"
    )


@cache
def is_known(server: Path) -> bool:
    """Tell whether a llama-server is of a version that this project was tried with.

    Older ones lack options, or read a grammar otherwise.
    """
    said = subprocess.run(
        [server, "--version"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=VERSION_S,
        env=tool_environment(),
    )
    text = (said.stdout + said.stderr)[:VERSION_CHARS].decode("utf-8", "replace")
    return re.search(rf"^version: {re.escape(KNOWN_VERSION)}", text, re.M) is not None


def source_tree() -> Path:
    """Return the llama.cpp source folder with the official converter.

    Raises:
        ToolError: if there is none.
    """
    for folder in (os.environ.get("LLAMA_CPP_DIR"), repository_root() / BUILT / "src"):
        if folder and Path(folder, CONVERTER).is_file():
            return Path(folder).resolve()
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
        title = " ".join(Path(part).name for part in command[:2])
        raise ToolError(
            f"{title} failed with code {done.returncode}:\n{last_lines(text)}"
        )
    return text


def tool_environment() -> dict[str, str]:
    """Return the environment without the variables that override our arguments."""
    overriding = ("LLAMA_ARG_", "LLAMA_API_KEY", "LLAMA_LOG_", "AIP_")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(overriding)}
    # A model that names code or files of the hub must not reach for them.
    return kept | {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}


def last_lines(text: str) -> str:
    """Return the last ERROR_LINES lines of a program's output."""
    return "\n".join(text.strip().splitlines()[-ERROR_LINES:]) or "(no output)"


def tethered(command: Sequence[str]) -> list[str]:
    """Return the command that runs a command tied to the calling thread."""
    tether = str(Path(__file__).with_name("tether.py"))
    # -I -S skips site-packages, so Python starts in milliseconds.
    return [sys.executable, "-I", "-S", tether, str(os.getpid()), *command]


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
LISTENS = re.compile(rf"listening on http://{re.escape(HOST)}:(\d+)")
"""What llama-server logs when the model is loaded."""
POLL_S = 0.05
LOAD_S = 300.0
LOAD_BYTES_PER_S = 20e6
"""The slowest disk that is waited for: 32 GB over a network may take half an hour."""


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
        threads: of the server; 0 is all cores but one. Threads wait for each other
            many times a token, so all wait for one that shares its core.
        slots: how many requests are answered at once.
        timeout_s: the limit for loading; None depends on the size of the file.
        adapter: a GGUF LoRA file that is laid over the model.

    Raises:
        SourceError: if there is no such file.
        ToolError: with the server's last lines, if it does not come up.
    """
    if not model.is_file():
        raise SourceError(f"{model}: no such file; run the stage merge-quantize")
    if timeout_s is None:
        timeout_s = LOAD_S + model.stat().st_size / LOAD_BYTES_PER_S
    command = [
        *server_command(program("llama-server"), model, adapter, context_tokens, slots),
        *("--host", HOST, "--port", "0", "--no-cache-prompt"),
        *("--threads", str(threads or max(1, (os.cpu_count() or 1) - 1))),
    ]
    with temporary_folder() as home, tempfile.TemporaryFile(dir=home) as log:
        server = subprocess.Popen(
            tethered(command),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=tool_environment(),
        )
        try:
            yield f"http://{HOST}:{_await_port(server, log, timeout_s)}/v1"
        finally:
            # SIGKILL is safe, as the server writes no file.
            server.kill()
            server.wait()


def server_command(
    server: Path, model: Path, adapter: Path | None, context_tokens: int, slots: int
) -> list[str]:
    """Return the command of a server of one model, without where it listens.

    Raises:
        ToolError: if the server cannot be run.
    """
    return [
        *(str(server), "--model", str(model)),
        *(("--lora", str(adapter)) if adapter else ()),
        *("--ctx-size", str(slots * context_tokens), "--parallel", str(slots)),
        *("--cache-ram", "0", "--jinja"),
        # On a processor, flash attention takes a third more time for a token of an
        # answer to 512 tokens; on a GPU it saves memory.
        *(() if _has_device(server) else ("--flash-attn", "off")),
    ]


def _has_device(server: Path) -> bool:
    """Return whether llama.cpp was built for a device that is there, such as a GPU."""
    listed = run_tool([server, "--list-devices"])
    return "(none)" not in listed


def _await_port(
    server: "subprocess.Popen[bytes]", log: IO[bytes], timeout_s: float
) -> str:
    """Return the port of a server as soon as its model is loaded."""
    deadline = time.monotonic() + timeout_s
    while True:
        code = server.poll()
        # pread leaves the file's position alone, at which the server writes.
        content = os.pread(log.fileno(), os.fstat(log.fileno()).st_size, 0)
        text = content.decode("utf-8", "replace")
        if found := LISTENS.search(text):
            return found[1]
        if code is not None or time.monotonic() >= deadline:
            break
        time.sleep(POLL_S)
    problem = f"was not ready within {timeout_s:g} s"
    if code is not None:
        problem = f"ended with code {code} before it was ready"
    raise ToolError(f"llama-server {problem}; its last lines:\n{last_lines(text)}")
