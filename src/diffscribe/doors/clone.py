"""Bring a pinned commit and all of its history from a remote."""

import contextlib
import os
import shutil
import subprocess
from collections import deque
from collections.abc import Callable, Iterator
from itertools import chain, repeat
from pathlib import Path

from diffscribe.core.errors import SourceError
from diffscribe.doors.git import git_required, run_git
from diffscribe.doors.places import clone_folder, protocol_of

STEPS = (1000, 1000, 2000, 4000, 8000)
"""Generations of commits to fetch at a time; then on by the last one.

What is interrupted loses its step: git keeps a pack only when it is whole.
"""
SETTINGS = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "fetch.unpackLimit": "1",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "60",
}
OWN_VARIABLES = ("GIT_ASKPASS", "GIT_HTTP_", "GIT_PROXY_", "GIT_SSH", "GIT_SSL_")
"""What a user may have set for git to reach a remote; all else is ours."""
BRANCH = "refs/heads/main"
PROTOCOLS = ("https", "ssh", "git")
"""http is left out: it would send a password in the clear. The pinned sha proves the
content, so git's own protocol is safe."""


def clone(
    url: str,
    revision: str,
    clones: Path,
    show: Callable[[bytes], object],
    protocols: tuple[str, ...] = PROTOCOLS,
) -> bool:
    """Bring a commit into its folder of the clones; return False if it is there.

    The folder is a bare repository and appears when all is there. What an
    earlier, interrupted call fetched is not fetched again. `show` gets what
    git says on the way.

    Raises:
        SourceError: if the URL or its protocol is not allowed, another call is
            at work, or git fails.
    """
    if protocol_of(url) not in protocols:
        raise SourceError(
            f"{url}: the protocol '{protocol_of(url)}' is not one of "
            f"{', '.join(protocols)}; clone it yourself and name its path"
        )
    folder = clone_folder(url, clones)
    with _locked(folder):
        if folder.exists() and _has(folder, revision):
            return False
        partial = _prepared(folder, url, revision)
        for depth in _depths(partial, revision):
            border = _border(partial)
            _fetch(url, revision, partial, depth, protocols, show)
            if border and _border(partial) == border:
                raise SourceError(
                    f"{url}: the remote does not give more than a part of its "
                    "history; is it a shallow clone itself?"
                )
        partial.rename(folder)
    return True


def _prepared(folder: Path, url: str, revision: str) -> Path:
    """Return the folder to fetch into, with what may be used of it."""
    partial = folder.with_name(f".{folder.name}.partial")
    if folder.exists():  # at another commit
        folder.rename(partial)
    if partial.exists() and _border(partial) and not _has(partial, revision):
        shutil.rmtree(partial)  # a part of another commit's history
    if not (partial / "config").exists():
        _start(partial, url)
    _remove_leftovers(partial)
    return partial


def _depths(partial: Path, revision: str) -> Iterator[tuple[str, ...]]:
    """Yield how deep to fetch next until nothing is missing."""
    if not _has(partial, revision):
        is_empty = not any((partial / "objects/pack").glob("*.pack"))
        # Where all of another commit is there, a depth would cut it off.
        yield (f"--depth={STEPS[0]}",) if is_empty else ()
    for step in chain(STEPS[1:], repeat(STEPS[-1])):
        if not _border(partial):
            return
        yield (f"--deepen={step}",)


def _border(partial: Path) -> bytes:
    """Return the commits whose parents are missing yet; empty if none is."""
    shallow = partial / "shallow"
    return shallow.read_bytes() if shallow.exists() else b""


def _fetch(
    url: str,
    revision: str,
    partial: Path,
    depth: tuple[str, ...],
    protocols: tuple[str, ...],
    show: Callable[[bytes], object],
) -> None:
    settings = [each for item in SETTINGS.items() for each in ("-c", "=".join(item))]
    command = ["git", *settings, "fetch", "--progress", "--no-tags", "--no-filter"]
    command += ["--no-recurse-submodules", "--no-write-fetch-head", *depth]
    command += ["--", url, f"+{revision}:{BRANCH}"]
    said: deque[bytes] = deque(maxlen=8)
    with (
        git_required(),
        subprocess.Popen(
            command,
            cwd=partial,
            env=_environment(partial, protocols),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ) as git,
    ):
        assert git.stderr is not None
        while words := os.read(git.stderr.fileno(), 2**16):
            show(words)
            said.append(words)
    if git.returncode != 0:
        raise SourceError(
            f"{url}: git could not fetch {revision}: {_reason(b''.join(said))}; "
            "mend that and run 'make clone' again, it goes on where it stopped"
        )


def _reason(said: bytes) -> str:
    """Return what git said in the end, without its progress."""
    lines = said.decode(errors="replace").replace("\r", "\n").splitlines()
    words = " ".join(line.strip() for line in lines if "% (" not in line)
    return "".join(each for each in words if each.isprintable())[-500:]


def _environment(partial: Path, protocols: tuple[str, ...]) -> dict[str, str]:
    """Return the user's own environment with nothing that leads git astray."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or name.startswith(OWN_VARIABLES)
    }
    return {
        "GIT_SSH_COMMAND": "ssh -oBatchMode=yes",
        **kept,
        "GIT_DIR": str(partial.absolute()),
        "GIT_ALLOW_PROTOCOL": ":".join(protocols),
        "GIT_PROTOCOL_FROM_USER": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "LC_ALL": "C",
    }


def _start(partial: Path, url: str) -> None:
    """Make an empty bare repository that knows its remote; no templates."""
    partial.mkdir(parents=True, exist_ok=True)
    _ask(partial, "init", "--quiet", "--bare", "--template=")
    _ask(partial, "symbolic-ref", "HEAD", BRANCH)
    _ask(partial, "config", "remote.origin.url", url)


def _ask(partial: Path, *arguments: str) -> None:
    git = run_git(partial.absolute(), *arguments)
    if git.returncode != 0:
        raise SourceError(
            f"{partial}: git {arguments[0]} failed: {' '.join(git.stderr.split())}; "
            "remove the folder and run 'make clone' again"
        )


def _has(folder: Path, revision: str) -> bool:
    git = run_git(folder.absolute(), "cat-file", "-e", f"{revision}^{{commit}}")
    return git.returncode == 0


def _remove_leftovers(partial: Path) -> None:
    """Remove what a killed git leaves: locks, which stop the next, and packs."""
    for pattern in ("*.lock", "refs/**/*.lock", "objects/pack/tmp_*"):
        for path in partial.glob(pattern):
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep others from the folder; the system unlocks it if we are killed."""
    import fcntl

    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f".{folder.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SourceError(
                f"{folder}: another 'make clone' is at work; wait for its end"
            ) from error
        yield
