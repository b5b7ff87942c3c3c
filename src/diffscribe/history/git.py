"""Run git where no configuration, hook or prompt can reach it."""

import contextlib
import os
import secrets
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from diffscribe.errors import SourceError, ToolError


def run_git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Return what git said about the repository in `folder`, failed or not."""
    with git_required():
        return subprocess.run(
            ["git", *arguments],
            cwd=folder,
            env=_environment(folder),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )


@contextlib.contextmanager
def tree_differ(
    folder: Path, source: Path, *options: str
) -> Iterator[Callable[[str, str], bytes]]:
    """Give a function that diffs two trees with one lasting `git diff-tree`.

    Renames are found as `git diff -M` does, with the limit of git 2.39. Errors
    name `source`, which lends its objects to the repository in `folder`.

    Raises:
        SourceError: from the function, if an object is missing or broken.
    """
    command = ["git", "-c", "core.quotePath=off", "diff-tree", "--stdin", "-r", "-M"]
    # git repeats a line that names no object; no file can hold this one.
    border = secrets.token_bytes(16).hex().encode() + b".\n"
    with contextlib.ExitStack() as stack:
        complaints = stack.enter_context(tempfile.TemporaryFile())
        stack.enter_context(git_required())
        git = stack.enter_context(
            subprocess.Popen(
                [*command, "-l1000", "--full-index", *options],
                cwd=folder,
                env=_environment(folder),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
            )
        )
        assert git.stdin is not None
        assert git.stdout is not None
        questions, answers = git.stdin, git.stdout

        def diff(base: str, head: str) -> bytes:
            header = f"{base} {head}\n".encode()
            with contextlib.suppress(BrokenPipeError):
                questions.write(header + border)
                questions.flush()
            answer = _until(border, answers)
            if not answer.startswith(header):
                complaints.seek(0)
                reason = " ".join(complaints.read().decode(errors="replace").split())
                raise SourceError(
                    f"{source}: git cannot compare trees {base} and {head}: {reason}; "
                    "fetch the repository completely, 'git fsck' shows the damage"
                )
            return answer.removeprefix(header)

        yield diff


def _until(border: bytes, answers: Iterator[bytes]) -> bytes:
    """Read to the border; nothing if git ended before it."""
    lines = []
    for line in answers:
        if line.endswith(border):
            lines.append(line.removesuffix(border))
            return b"".join(lines)
        lines.append(line)
    return b""


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
