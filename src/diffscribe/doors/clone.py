"""Fetch a pinned commit and its whole history from a remote, in resumable steps."""

import os
import shutil
import subprocess
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import chain, repeat
from pathlib import Path

from diffscribe.core.errors import SourceError
from diffscribe.core.files import Lock
from diffscribe.doors.git import git_required, run_git
from diffscribe.doors.places import clone_folder, protocol_of

STEPS = (1000, 1000, 2000, 4000, 8000)
"""Generations of commits to fetch at a time; the last step repeats.

git keeps a pack only when it is complete, so an interrupted fetch loses one step.
"""
SETTINGS = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "fetch.unpackLimit": "1",
    "gc.auto": "0",
    # Headers that the user sets, such as a token, would go to the new address too.
    "http.followRedirects": "false",
    "maintenance.auto": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "60",
}
USER_VARIABLES = ("GIT_ASKPASS", "GIT_HTTP_", "GIT_PROXY_", "GIT_SSH", "GIT_SSL_")
"""Beginnings of the user's GIT_ variables that stay: git needs them for a remote."""
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
    """Fetch a commit to its folder below `clones`; return False if it is there already.

    The folder is a bare repository. It gets its name when all of the history is there;
    an interrupted call goes on where it stopped. `show` gets git's progress.

    Raises:
        SourceError: if the URL or its protocol is not allowed, or git fails.
        StorageError: if another call works on the folder.
    """
    if protocol_of(url) not in protocols:
        raise SourceError(
            f"{url}: the protocol '{protocol_of(url)}' is not one of "
            f"{', '.join(protocols)}; clone it yourself and name its path"
        )
    folder = clone_folder(url, clones)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with closing(Lock(folder.with_name(f".{folder.name}.lock"), folder)):
        if folder.exists() and _has(folder, revision):
            return False
        partial = _prepare(folder, url, revision)
        for depth in _depths(partial, revision):
            boundary = _boundary(partial)
            _fetch(url, revision, partial, depth, protocols, show)
            if boundary and _boundary(partial) == boundary:
                raise SourceError(
                    f"{url}: the remote gives only a part of its history; is it a "
                    "shallow clone itself? name another remote"
                )
        partial.rename(folder)
    return True


def _prepare(folder: Path, url: str, revision: str) -> Path:
    """Return the folder to fetch into, which keeps usable objects of earlier calls."""
    partial = folder.with_name(f".{folder.name}.partial")
    if folder.exists():  # It holds another revision.
        folder.rename(partial)
    if partial.exists() and _boundary(partial) and not _has(partial, revision):
        shutil.rmtree(partial)  # It holds a part of another revision's history.
    if not (partial / "config").exists():
        partial.mkdir(parents=True, exist_ok=True)
        _ask(partial, "init", "--quiet", "--bare", "--template=")
        _ask(partial, "symbolic-ref", "HEAD", BRANCH)
        _ask(partial, "config", "remote.origin.url", url)
    # The locks of a killed git would stop the next one; its partial packs are waste.
    for pattern in ("*.lock", "refs/**/*.lock", "objects/pack/tmp_*"):
        for path in partial.glob(pattern):
            path.unlink(missing_ok=True)
    return partial


def _depths(partial: Path, revision: str) -> Iterator[tuple[str, ...]]:
    """Yield git's option for the depth of each fetch until nothing is missing."""
    if not _has(partial, revision):
        is_empty = not any((partial / "objects/pack").glob("*.pack"))
        # A depth would cut off the complete history of another revision.
        yield (f"--depth={STEPS[0]}",) if is_empty else ()
    for step in chain(STEPS[1:], repeat(STEPS[-1])):
        if not _boundary(partial):
            return
        yield (f"--deepen={step}",)


def _boundary(partial: Path) -> bytes:
    """Return the commits whose parents are still missing; empty if none are."""
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
    messages: deque[bytes] = deque(maxlen=8)
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
        while message := os.read(git.stderr.fileno(), 2**16):
            show(message)
            messages.append(message)
    if git.returncode != 0:
        reason = _reason(b"".join(messages))
        if "returned error: 30" in reason:
            reason += ", as it redirects: name the address it has now, maybe with .git"
        raise SourceError(
            f"{url}: git could not fetch {revision}: {reason}; "
            "correct that and run 'make clone' again, it goes on where it stopped"
        )


def _reason(messages: bytes) -> str:
    """Return the end of git's messages without its progress."""
    lines = messages.decode(errors="replace").replace("\r", "\n").splitlines()
    words = " ".join(line.strip() for line in lines if "% (" not in line)
    return "".join(each for each in words if each.isprintable())[-500:]


def _environment(partial: Path, protocols: tuple[str, ...]) -> dict[str, str]:
    """Return the user's environment without the GIT_ variables that redirect git."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or name.startswith(USER_VARIABLES)
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
