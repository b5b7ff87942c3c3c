"""Find and run the programs of llama.cpp, and its converter's source tree."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from diffscribe.errors import ToolError

PROGRAMS = ("llama-server", "llama-quantize", "llama-imatrix", "llama-perplexity")
"""What a folder has to hold to count; `make llama.cpp` looks for the same."""
CONVERTER = "convert_hf_to_gguf.py"
ERROR_LINES = 12


def program(name: str) -> Path:
    """Return the path of one of PROGRAMS.

    LLAMA_CPP_DIR goes before PATH, PATH before `.tools` of the repository.
    All come from one folder, so that no two versions are mixed.

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
    """Return what llama.cpp says of its version, without the compiler."""
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
    """Return the environment without what would override our arguments."""
    overriding = ("LLAMA_ARG_", "LLAMA_API_KEY", "LLAMA_LOG_", "AIP_")
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(overriding)
    }


def last_lines(text: str) -> str:
    """Return the end of a program's output, as much as an error can show."""
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
    """Look upward: `dvc exp run --temp` works in a folder below .dvc."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        yield folder / ".tools" / "llama.cpp"


def _title(command: Sequence[str | Path]) -> str:
    return " ".join(Path(part).name for part in command[:2])
