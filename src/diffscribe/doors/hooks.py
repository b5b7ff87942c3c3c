"""The user's hooks, run for commits that nobody sees yet.

They run in a working tree of their own that holds the commit, with a HEAD and an index
of its own, so that `git diff --staged` in a hook shows that commit and nothing else.
"""

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from diffscribe.core.errors import SourceError
from diffscribe.core.files import whole_file
from diffscribe.doors.checkout import Aside, Checkout, Head, git_path, keep_objects
from diffscribe.doors.git import git_required, one_line

DEPENDENCIES = ("node_modules", ".venv", "venv", "vendor")
"""Folders that hooks need and git ignores; they are linked, as to install them anew
for each commit would take minutes."""
HOOKS = ("pre-commit", "commit-msg")
MESSAGE = "COMMIT_EDITMSG"


MARK = "# Written by 'git diffscribe hook install'."
SCRIPT = f"""#!/bin/sh
{MARK} It never stops a commit.
before="$0.before-diffscribe"
if [ -x "$before" ]; then
    read -r first <"$before"
    case "$first" in
        # Read into this shell, it sees the name of the hook, by which husky runs it.
        "#!/bin/sh" | "#!/usr/bin/env sh") (. "$before") || exit $? ;;
        *) "$before" "$@" || exit $? ;;
    esac
fi
case "$2" in
    "" | template) git diffscribe message --into "$1" >/dev/null 2>&1 || true ;;
esac
"""


class Room(NamedTuple):
    """A working tree for hooks."""

    work: Aside
    hooks: Path
    """The folder of the hooks. Relative, it would be looked for in the commit, where
    an ignored one is not."""
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
    hooks = work.checkout.top / git_path(work.checkout, "hooks")
    if not any(os.access(hooks / name, os.X_OK) for name in HOOKS):
        yield None
        return
    git_dir = work.folder / "hooks"
    git_dir.mkdir()
    common = os.fsdecode(work.git("rev-parse", "--git-common-dir")).removesuffix("\n")
    (git_dir / "commondir").write_text(f"{(work.checkout.top / common).resolve()}\n")
    with tempfile.TemporaryDirectory(
        prefix="diffscribe-hooks-",
        ignore_cleanup_errors=True,  # What a hook left running may write there still.
    ) as folder:
        yield Room(work, hooks, git_dir, Path(folder).resolve())


def run_pre_commit(
    room: Room, head: Head, parent: str | None, tree: str
) -> HookOutcome:
    """Run `pre-commit` for a commit: what it changes is in the outcome's tree.

    Raises:
        SourceError: if git cannot write or read its files.
    """
    # A reference that a hook sets, as `git stash` does, needs them when we are gone.
    keep_objects(room.work)
    name = head.branch or ""
    (room.git_dir / "HEAD").write_text(f"{parent or f'ref: {name}'}\n")
    _git(room, "read-tree", "--reset", "-u", tree)
    _link_dependencies(room)
    code, output = _run_hook(room, "pre-commit")
    _git(room, "add", "--update", "--", ".")
    return HookOutcome(code, output, _git(room, "write-tree").strip())


def run_commit_msg(room: Room, message: str) -> tuple[int, str, str]:
    """Run `commit-msg` and return its exit code, its output and the message."""
    file = room.git_dir / MESSAGE
    file.write_text(message, encoding="utf-8")
    code, output = _run_hook(room, "commit-msg", "--", str(file))
    return code, output, file.read_text(encoding="utf-8", errors="replace")


def show_changes(room: Room, old: str, new: str) -> str:
    """Return the diff of what a hook changed."""
    return _git(room, "diff", "--no-color", "--no-ext-diff", old, new)


def install_hook(checkout: Checkout) -> Path:
    """Write the hook that proposes messages, and return its path.

    Raises:
        SourceError: if it is there already, or two would be kept.
        StorageError: if it cannot be written.
    """
    hook, kept = _hook_paths(checkout)
    if hook.exists():
        if MARK in hook.read_text(encoding="utf-8", errors="replace"):
            raise SourceError(f"{hook}: is installed already")
        if kept.exists():
            raise SourceError(f"{kept}: is kept already; join it with {hook.name}")
    with whole_file(hook) as partial:
        partial.write_text(SCRIPT, encoding="utf-8")
        partial.chmod(0o755)
        if hook.exists():
            hook.rename(kept)
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


def _git(room: Room, *arguments: str) -> str:
    answer = _run(room, arguments, subprocess.PIPE, subprocess.PIPE)
    if answer.returncode:
        raise SourceError(
            f"{room.top}: git {arguments[0]} fails in the working tree for hooks: "
            f"{one_line(answer.stderr)}; mend that, or pass the hooks by with "
            "--no-verify"
        )
    return answer.stdout.decode(errors="replace")


def _run_hook(room: Room, name: str, *arguments: str) -> tuple[int, str]:
    """Run a hook and return its exit code and its output."""
    # A pipe would be open for as long as anything that the hook left running.
    with tempfile.TemporaryFile() as output:
        command = ("hook", "run", "--ignore-missing", name, *arguments)
        answer = _run(room, command, output, subprocess.STDOUT)
        output.seek(0)
        return answer.returncode, output.read().decode(errors="replace").strip()


def _run(
    room: Room, arguments: Sequence[str], stdout: int | IO[bytes], stderr: int
) -> "subprocess.CompletedProcess[bytes]":
    hooks = f"core.hooksPath={room.hooks}"
    settings = ("gc.auto=0", "submodule.recurse=false", hooks)
    variables = {
        "GIT_DIR": str(room.git_dir),
        "GIT_WORK_TREE": str(room.top),
        "GIT_INDEX_FILE": str(room.git_dir / "index"),
        "GIT_OBJECT_DIRECTORY": str(room.work.checkout.objects),
        "GIT_EDITOR": ":",
    }
    with git_required():
        return subprocess.run(
            ["git", *(word for each in settings for word in ("-c", each)), *arguments],
            cwd=room.top,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            check=False,
        )
