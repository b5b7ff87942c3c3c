"""Run git where no configuration, hook or prompt can reach it."""

import contextlib
import mmap
import os
import re
import resource
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO

from diffscribe.core.errors import SourceError, ToolError

ESCAPE = 0x10FF00 - 0xDC00
"""From the lone surrogates of PEP 383, which JSON refuses, to private use."""

TO_PRIVATE = {surrogate: surrogate + ESCAPE for surrogate in range(0xDC80, 0xDD00)}
TO_SURROGATE = {private: surrogate for surrogate, private in TO_PRIVATE.items()}
# A search is far quicker than to translate all that there is beside such runs.
SURROGATES = re.compile("[\udc80-\udcff]+")
PRIVATES = re.compile("[\U0010ff80-\U0010ffff]+")


def decode(content: bytes) -> str:
    """Return the text; a byte that is no UTF-8 becomes U+10FF00 plus the byte."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        text = content.decode("utf-8", "surrogateescape")
        return SURROGATES.sub(lambda run: run[0].translate(TO_PRIVATE), text)


def encode(text: str) -> bytes:
    """Return the bytes that were decoded."""
    escaped = PRIVATES.sub(lambda run: run[0].translate(TO_SURROGATE), text)
    return escaped.encode("utf-8", "surrogateescape")


def is_utf8(content: bytes) -> bool:
    """Tell whether the bytes are text as they are."""
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


MAX_BLOB_BYTES = 4 * 2**20
"""Larger files are never diffed: memory stays bounded, and no one reads them."""

SETTINGS = {
    # A source's own indexes could name other objects than its packs hold.
    "core.commitGraph": "false",
    "core.multiPackIndex": "false",
    "core.bigFileThreshold": str(MAX_BLOB_BYTES),
    "core.quotePath": "off",
    # A sixth of git's own limit costs no time and keeps a worker small.
    "core.deltaBaseCacheLimit": "16m",
    "core.packedGitLimit": "64m",
    "core.packedGitWindowSize": "8m",
    # What a root adds is no change, and may be a million files.
    "log.showRoot": "false",
}
LIMITS = {
    "GIT_ALLOC_LIMIT": "512m",
    # glibc would give memory back after each diff, only to ask for it again.
    "MALLOC_MMAP_THRESHOLD_": str(64 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(256 * 2**20),
    "MALLOC_TOP_PAD_": str(4 * 2**20),
}
BOUNDS = {
    resource.RLIMIT_CPU: 20,
    resource.RLIMIT_DATA: 768 * 2**20,
    resource.RLIMIT_FSIZE: 2**29,
}
"""Seconds, bytes of memory and of output: for one range of commits, far too much."""
ENDS = {
    "SIGXCPU": "as it took 20 seconds for one range of commits",
    "SIGXFSZ": "as it printed more than 512 MiB at once",
}


class OutputLimitError(SourceError):
    """git printed more than it may at once."""


def run_git(
    folder: Path, *arguments: str, most_seconds: int | None = None
) -> subprocess.CompletedProcess[str]:
    """Return what git said about the repository in `folder`, failed or not.

    It ends when it has computed for `most_seconds`.
    """
    bounds = {resource.RLIMIT_DATA: BOUNDS[resource.RLIMIT_DATA]}
    if most_seconds is not None:
        bounds[resource.RLIMIT_CPU] = most_seconds
    with (
        git_required(),
        subprocess.Popen(
            ["git", *arguments],
            cwd=folder,
            env=_environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        ) as git,
    ):
        try:
            _bound(git.pid, bounds)
            output, complaints = git.communicate()
        finally:
            git.kill()
    return subprocess.CompletedProcess(git.args, git.returncode, output, complaints)


def ask_git(
    folder: Path,
    source: Path,
    arguments: Iterable[str],
    questions: Iterable[bytes],
    answers: IO[bytes],
) -> None:
    """Write to a file what git says about these lines.

    A file costs less than a pipe, through which git and its reader would wake
    each other for every few kilobytes. Errors name `source`, which lends its
    objects to the repository in `folder`.

    Raises:
        SourceError: if git fails, or needs more than any project does; if that is
            more output, OutputLimitError.
    """
    with tempfile.TemporaryFile() as asked, tempfile.TemporaryFile() as complaints:
        asked.writelines(questions)
        asked.seek(0)
        with (
            git_required(),
            subprocess.Popen(
                ["git", *arguments],
                cwd=folder,
                env=_environment(folder),
                stdin=asked,
                stdout=answers,
                stderr=complaints,
            ) as git,
        ):
            try:
                _bound(git.pid, BOUNDS)
                git.wait()
            finally:
                git.kill()
        if git.returncode != 0:
            complaints.seek(0)
            reason = " ".join(complaints.read().decode(errors="replace").split())
            is_output = git.returncode == -signal.SIGXFSZ
            raise (OutputLimitError if is_output else SourceError)(
                f"{source}: git cannot read the history: "
                f"{reason or _signal(git.returncode)}; fetch the repository "
                "completely (partial clones cannot be read), 'git fsck' shows the "
                "damage"
            )


def new_border() -> bytes:
    """Return bytes that no repository can hold, to part answers with."""
    return secrets.token_bytes(16).hex().encode() + b"."


def parted(answers: IO[bytes], border: bytes, max_bytes: int) -> Iterator[bytes]:
    """Yield what a file has behind each border, the last part first.

    So git can be asked about the newest first, from which packs tell the older
    apart. A part with more than max_bytes is cut to one more than that.
    """
    if os.fstat(answers.fileno()).st_size == 0:
        return
    with mmap.mmap(answers.fileno(), 0, access=mmap.ACCESS_READ) as content:
        end = len(content)
        while (begin := content.rfind(border, 0, end)) >= 0:
            start = begin + len(border)
            yield content[start : min(end, start + max_bytes + 1)]
            end = begin


def _bound(pid: int, bounds: Mapping[int, int]) -> None:
    """Let the kernel stop a git that a bomb in the source would keep busy."""
    if sys.platform == "linux":
        with contextlib.suppress(ProcessLookupError):
            for kind, most in bounds.items():
                _, hard = resource.prlimit(pid, kind)
                soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
                resource.prlimit(pid, kind, (soft, hard))


def _signal(code: int) -> str:
    """Say which limit a git that said nothing itself has met."""
    name = signal.Signals(-code).name if code < 0 else str(code)
    return f"it ended with {name}, {ENDS.get(name, 'for no known reason')}"


def _environment(folder: Path) -> dict[str, str]:
    """Return all that git may know: the repository is given, never searched."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "GIT_DIR": str(folder),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
        "GIT_CONFIG_COUNT": str(len(SETTINGS)),
        **{f"GIT_CONFIG_KEY_{at}": key for at, key in enumerate(SETTINGS)},
        **{f"GIT_CONFIG_VALUE_{at}": SETTINGS[key] for at, key in enumerate(SETTINGS)},
        **LIMITS,
    }


@contextlib.contextmanager
def git_required() -> Iterator[None]:
    """Explain a missing git.

    Raises:
        ToolError: if there is none.
    """
    try:
        yield
    except FileNotFoundError as error:
        if error.filename != "git":
            raise
        raise ToolError("git is not on PATH; install git 2.39 or newer") from error
