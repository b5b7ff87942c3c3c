"""Run git so that no configuration, hook or prompt of a repository takes part.

Every git that reads a source runs here: with a fixed environment, with limits on CPU
time, memory and output, and on the bare repository of our own in `doors.repository`.
The module also turns git's bytes into text and back without loss.
"""

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
from typing import IO, Any

from diffscribe.core.errors import SourceError, ToolError

ESCAPE = 0x10FF00 - 0xDC00
"""Distance from the lone surrogates of PEP 383, which JSON refuses, to private use."""

TO_PRIVATE = {surrogate: surrogate + ESCAPE for surrogate in range(0xDC80, 0xDD00)}
TO_SURROGATE = {private: surrogate for surrogate, private in TO_PRIVATE.items()}
# Translating the runs alone is far faster than translating the whole text.
SURROGATES = re.compile("[\udc80-\udcff]+")
PRIVATES = re.compile("[\U0010ff80-\U0010ffff]+")
PRIVATE_START = b"\xf4\x8f"
"""Bytes that all of these begin with."""


def decode(content: bytes) -> str:
    """Return UTF-8 text; a byte that is not UTF-8 becomes U+10FF00 plus the byte.

    So do the bytes of these characters themselves.
    """
    try:
        text = content.decode()
        if PRIVATE_START not in content:
            return text
    except UnicodeDecodeError:
        text = content.decode("utf-8", "surrogateescape")
    # A character that stands for a byte would come back as that byte.
    text = PRIVATES.sub(
        lambda run: run[0].encode().decode("ascii", "surrogateescape"), text
    )
    return SURROGATES.sub(lambda run: run[0].translate(TO_PRIVATE), text)


def encode(text: str) -> bytes:
    """Return the bytes from which `decode` made a text."""
    escaped = PRIVATES.sub(lambda run: run[0].translate(TO_SURROGATE), text)
    return escaped.encode("utf-8", "surrogateescape")


def one_line(output: bytes) -> str:
    """Return what a program printed, for a sentence of ours."""
    return " ".join(output.decode(errors="replace").split())


def is_utf8(content: bytes) -> bool:
    """Tell whether bytes are valid UTF-8."""
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


MAX_BLOB_BYTES = 4 * 2**20
"""Larger files are never diffed: memory stays bounded, and nobody reads such diffs."""

SETTINGS = {
    # A wrong commit-graph or multi-pack-index of the source would name other objects.
    "core.commitGraph": "false",
    "core.multiPackIndex": "false",
    "core.bigFileThreshold": str(MAX_BLOB_BYTES),
    "core.quotePath": "off",
    # One sixth of git's default; measured: no slower, and each worker stays small.
    "core.deltaBaseCacheLimit": "16m",
    "core.packedGitLimit": "64m",
    "core.packedGitWindowSize": "8m",
    # Skip root commits: their whole tree, maybe a million files, would be the diff.
    "log.showRoot": "false",
}
MEMORY = {
    "GIT_ALLOC_LIMIT": "512m",
    # Keep freed memory: glibc would return it after each diff and ask for it again.
    "MALLOC_MMAP_THRESHOLD_": str(64 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(256 * 2**20),
    "MALLOC_TOP_PAD_": str(4 * 2**20),
}
RESOURCE_LIMITS = {
    resource.RLIMIT_CPU: 20,
    resource.RLIMIT_DATA: 768 * 2**20,
    resource.RLIMIT_FSIZE: 2**29,
}
"""Seconds of CPU, bytes of memory, bytes of output of one git call.

An honest batch of commits needs a fraction of each.
"""
SIGNAL_REASONS = {
    "SIGXCPU": "as it took 20 seconds of CPU for one batch of commits",
    "SIGXFSZ": "as it printed more than 512 MiB at once",
}


MAX_UNREADABLE = 100
"""Commits, or windows of a batch, that git may fail to read before a source is given
up: each of them costs a git of its own."""


class UnreadableError(SourceError):
    """An object is missing or broken; what does not need it can still be read."""


class OutputLimitError(SourceError):
    """One call of git printed more than RESOURCE_LIMITS allow."""


def run_git(
    folder: Path, *arguments: str, max_cpu_s: int | None = None
) -> subprocess.CompletedProcess[str]:
    """Return exit code and output of git in the repository `folder`, also if it fails.

    The kernel stops git after `max_cpu_s` seconds of CPU.
    """
    limits = {resource.RLIMIT_DATA: RESOURCE_LIMITS[resource.RLIMIT_DATA]}
    if max_cpu_s is not None:
        limits[resource.RLIMIT_CPU] = max_cpu_s
    with _start(
        folder,
        arguments,
        limits,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    ) as git:
        output, errors = git.communicate()
    return subprocess.CompletedProcess(git.args, git.returncode, output, errors)


def ask_git(
    folder: Path,
    source: Path,
    arguments: Iterable[str],
    questions: Iterable[bytes],
    answers: IO[bytes],
) -> None:
    """Run git in `folder` with the questions as stdin and write stdout to `answers`.

    Files are used instead of pipes: through a pipe, git and its reader would wake each
    other for every few kilobytes. Errors name `source`, whose objects `folder` borrows.

    Raises:
        OutputLimitError: if git prints more than RESOURCE_LIMITS allow.
        UnreadableError: if git fails.
        SourceError: if git exceeds another limit.
    """
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stderr:
        stdin.writelines(questions)
        stdin.seek(0)
        streams = {"stdin": stdin, "stdout": answers, "stderr": stderr}
        with _start(folder, arguments, RESOURCE_LIMITS, **streams) as git:
            git.wait()
        if git.returncode != 0:
            stderr.seek(0)
            reason = one_line(stderr.read())
            if not reason:
                code = git.returncode
                name = signal.Signals(-code).name if code < 0 else str(code)
                known = SIGNAL_REASONS.get(name, "for no known reason")
                reason = f"it ended with {name}, {known}"
            kind = UnreadableError if git.returncode > 0 else SourceError
            if git.returncode == -signal.SIGXFSZ:
                kind = OutputLimitError
            raise kind(
                f"{source}: git cannot read the history: {reason}; fetch the "
                "repository completely (partial clones cannot be read), 'git fsck' "
                "shows the damage"
            )


def new_separator() -> bytes:
    """Return random bytes that no repository can contain, to separate answers."""
    return secrets.token_bytes(16).hex().encode() + b"."


def split_answers(
    answers: IO[bytes], separator: bytes, max_bytes: int
) -> Iterator[bytes]:
    """Yield the parts of a file that follow each separator, the last part first.

    Packs store older objects as deltas of newer ones, so callers ask git for the newest
    first and read the answers from the end. A part of more than `max_bytes` is cut to
    `max_bytes + 1`.
    """
    if os.fstat(answers.fileno()).st_size == 0:
        return
    with mmap.mmap(answers.fileno(), 0, access=mmap.ACCESS_READ) as content:
        end = len(content)
        while (begin := content.rfind(separator, 0, end)) >= 0:
            start = begin + len(separator)
            yield content[start : min(end, start + max_bytes + 1)]
            end = begin


@contextlib.contextmanager
def _start(
    folder: Path, arguments: Iterable[str], limits: Mapping[int, int], **streams: Any
) -> Iterator["subprocess.Popen[Any]"]:
    """Give a git in the repository `folder`, which ends with the block at the latest.

    On Linux the kernel stops it at the limits, which a crafted source would exceed.
    """
    with (
        git_required(),
        subprocess.Popen(
            ["git", *arguments], cwd=folder, env=_environment(folder), **streams
        ) as git,
    ):
        try:
            if sys.platform == "linux":
                with contextlib.suppress(ProcessLookupError):
                    for kind, limit in limits.items():
                        _, hard = resource.prlimit(git.pid, kind)
                        is_free = hard == resource.RLIM_INFINITY
                        soft = limit if is_free else min(limit, hard)
                        resource.prlimit(git.pid, kind, (soft, hard))
            yield git
        finally:
            git.kill()


def _environment(folder: Path) -> dict[str, str]:
    """Return the whole environment of git; GIT_DIR stops its search for others."""
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
        **MEMORY,
    }


@contextlib.contextmanager
def git_required() -> Iterator[None]:
    """Turn the FileNotFoundError of a missing git program into a ToolError."""
    try:
        yield
    except FileNotFoundError as error:
        if error.filename != "git":
            raise
        raise ToolError("git is not on PATH; install git 2.39 or newer") from error
