"""The user's hooks, run for commits that nobody sees yet.

They run in a working tree of their own that holds the commit, with a HEAD and an index
of its own, so that `git diff --staged` in a hook shows that commit and nothing else.
"""

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from diffscribe.core.errors import SourceError
from diffscribe.core.files import whole_file
from diffscribe.doors.checkout import Aside, Checkout, Head, git_path
from diffscribe.doors.git import git_required

DEPENDENCIES = ("node_modules", ".venv", "venv", "vendor")
"""Folders that hooks need and git ignores; they are linked, as to install them anew
for each commit would take minutes."""
HOOKS = ("pre-commit", "commit-msg")
MESSAGE = "COMMIT_EDITMSG"


MARK = "# Written by 'git diffscribe hook install'."
SCRIPT = f"""#!/bin/sh
{MARK} It never stops a commit.
before="$0.before-diffscribe"
if [ -x "$before" ]; then "$before" "$@" || exit $?; fi
case "$2" in
    "" | template) git diffscribe message --into "$1" >/dev/null 2>&1 || true ;;
esac
"""


class Room(NamedTuple):
    """A working tree for hooks."""

    work: Aside
    git_dir: Path
    top: Path


class HookOutcome(NamedTuple):
    """What a hook said."""

    code: int
    output: str
    tree: str
    """The commit's tree, with what the hook changed."""


@contextlib.contextmanager
def hook_room(work: Aside) -> Iterator[Room | None]:
    """Give a working tree for hooks, gone after the block; None without hooks."""
    if not any(_has_hook(work, name) for name in HOOKS):
        yield None
        return
    git_dir = work.folder / "hooks"
    git_dir.mkdir()
    common = os.fsdecode(work.git("rev-parse", "--git-common-dir")).removesuffix("\n")
    (git_dir / "commondir").write_text(f"{(work.checkout.top / common).resolve()}\n")
    with tempfile.TemporaryDirectory(prefix="diffscribe-hooks-") as folder:
        yield Room(work, git_dir, Path(folder).resolve())


def run_pre_commit(
    room: Room, head: Head, parent: str | None, tree: str
) -> HookOutcome:
    """Run `pre-commit` for a commit: what it changes is in the outcome's tree."""
    name = head.branch or ""
    (room.git_dir / "HEAD").write_text(f"{parent or f'ref: {name}'}\n")
    _run(room, "read-tree", "--reset", "-u", tree)
    _link_dependencies(room)
    answer = _run(room, "hook", "run", "--ignore-missing", "pre-commit")
    _run(room, "add", "--update", "--", ":/")
    changed = _run(room, "write-tree").stdout.decode().strip()
    return HookOutcome(answer.returncode, _words(answer), changed)


def run_commit_msg(room: Room, message: str) -> tuple[int, str, str]:
    """Run `commit-msg` and return its exit code, its output and the message."""
    file = room.git_dir / MESSAGE
    file.write_text(message, encoding="utf-8")
    arguments = ("hook", "run", "--ignore-missing", "commit-msg", "--", str(file))
    answer = _run(room, *arguments)
    text = file.read_text(encoding="utf-8", errors="replace")
    return answer.returncode, _words(answer), text


def show_changes(room: Room, old: str, new: str) -> str:
    """Return the diff of what a hook changed."""
    return _run(room, "diff", "--no-color", "--no-ext-diff", old, new).stdout.decode(
        errors="replace"
    )


def _has_hook(work: Aside, name: str) -> bool:
    path = git_path(work.checkout, f"hooks/{name}")
    return os.access(work.checkout.top / path, os.X_OK)


def install_hook(checkout: Checkout) -> Path:
    """Write the hook that proposes messages, and return its path.

    Raises:
        SourceError: if it is there already.
    """
    hook, kept = _hook_paths(checkout)
    if hook.exists():
        if MARK in hook.read_text(encoding="utf-8", errors="replace"):
            raise SourceError(f"{hook}: is installed already")
        hook.rename(kept)
    hook.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(hook) as partial:
        partial.write_text(SCRIPT, encoding="utf-8")
        partial.chmod(0o755)
    return hook


def remove_hook(checkout: Checkout) -> Path:
    """Remove that hook, put back the one before it, and return the path.

    Raises:
        SourceError: if it is not there.
    """
    hook, kept = _hook_paths(checkout)
    text = hook.read_text(encoding="utf-8", errors="replace") if hook.exists() else ""
    if MARK not in text:
        raise SourceError(f"{hook}: is not a hook of diffscribe")
    if kept.exists():
        kept.replace(hook)
    else:
        hook.unlink()
    return hook


def _hook_paths(checkout: Checkout) -> tuple[Path, Path]:
    """Return where the hook is, and where one that was there is kept."""
    hook = checkout.top / git_path(checkout, "hooks/prepare-commit-msg")
    return hook, hook.with_name(f"{hook.name}.before-diffscribe")


def _link_dependencies(room: Room) -> None:
    arguments = ("--others", "--ignored", "--exclude-standard", "--directory", "-z")
    for name in room.work.git("ls-files", *arguments).split(b"\0"):
        path = Path(os.fsdecode(name))
        link = room.top / path
        if path.name in DEPENDENCIES and link.parent.is_dir() and not link.exists():
            link.symlink_to(room.work.checkout.top / path)


def _run(room: Room, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    variables = {
        "GIT_DIR": str(room.git_dir),
        "GIT_WORK_TREE": str(room.top),
        "GIT_INDEX_FILE": str(room.git_dir / "index"),
        "GIT_EDITOR": ":",
    }
    with git_required():
        return subprocess.run(
            ["git", "-c", "gc.auto=0", *arguments],
            cwd=room.top,
            env={**os.environ, **room.work.environment, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )


def _words(answer: "subprocess.CompletedProcess[bytes]") -> str:
    return (answer.stdout + answer.stderr).decode(errors="replace").strip()
