"""The user's hooks, run for commits that nobody sees yet.

They run in a working tree of their own that holds the commit, with a HEAD and an index
of its own, so that `git diff --staged` in a hook shows that commit and nothing else.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from diffscribe.core.errors import HookError, SourceError
from diffscribe.core.files import whole_file
from diffscribe.doors.checkout import (
    OFFLINE,
    Aside,
    Checkout,
    Head,
    git_path,
    keep_objects,
    read_seconds,
)
from diffscribe.doors.git import git_required, one_line

DEPENDENCIES = ("node_modules", ".venv", "venv", "vendor")
"""Folders that hooks need and git ignores; they are linked, as to install them anew
for each commit would take minutes."""
HOOKS = ("pre-commit", "commit-msg")
SPARSE = ("config.worktree", "info/sparse-checkout")
"""What says which files a working tree has."""
MESSAGE = "COMMIT_EDITMSG"
LIMIT = "diffscribe.hookTimeout"


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
    limit_s: float | None
    """What a hook may take, if the user has a limit."""


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
    limit_s = read_seconds(work.checkout, LIMIT)
    git_dir = work.folder / "hooks"
    git_dir.mkdir()
    common = os.fsdecode(work.git("rev-parse", "--git-common-dir")).removesuffix("\n")
    place = os.fsencode((work.checkout.top / common).resolve())
    (git_dir / "commondir").write_bytes(place + b"\n")
    for name in SPARSE:
        if (own := work.checkout.git_dir / name).exists():
            (git_dir / name).parent.mkdir(exist_ok=True)
            shutil.copy2(own, git_dir / name)
    with tempfile.TemporaryDirectory(
        prefix="diffscribe-hooks-",
        ignore_cleanup_errors=True,  # What a hook left running may write there still.
    ) as folder:
        yield Room(work, hooks, git_dir, Path(folder).resolve(), limit_s)


def run_pre_commit(
    room: Room, head: Head, parent: str | None, tree: str
) -> HookOutcome:
    """Run `pre-commit` for a commit: what it changes is in the outcome's tree.

    Raises:
        SourceError: if git cannot write or read its files.
    """
    # A reference that a hook sets, as `git stash` does, needs them when we are gone.
    keep_objects(room.work)
    name = os.fsencode(head.branch or "")
    at = b"ref: " + name if parent is None else parent.encode()
    (room.git_dir / "HEAD").write_bytes(at + b"\n")
    _git(room, "read-tree", "--reset", "-u", tree)
    _link_dependencies(room)
    # Attributes of this commit may have git see changes in files that are as they were.
    before = _tree_of(room)
    _git(room, "read-tree", "--reset", "-u", tree)
    code, output = _run_hook(room, "pre-commit")
    after = _tree_of(room)
    return HookOutcome(code, output, tree if after == before else after)


def _tree_of(room: Room) -> str:
    """Return the tree that the working tree of hooks is."""
    _git(room, "add", "--update", "--", ".")
    return _git(room, "write-tree").strip()


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
    code, output, errors = _run(room, arguments)
    if code:
        raise SourceError(
            f"{room.top}: git {arguments[0]} fails in the working tree for hooks: "
            f"{one_line(errors)}; mend that, or pass the hooks by with "
            "--no-verify"
        )
    return output.decode(errors="replace")


def _run_hook(room: Room, name: str, *arguments: str) -> tuple[int, str]:
    """Run a hook and return its exit code and its output.

    What it started ends with it, unless it ends well.

    Raises:
        HookError: if it takes longer than the user has it.
    """
    command = ("hook", "run", "--ignore-missing", name, *arguments)
    # A pipe would be open for as long as anything that the hook left running.
    with (
        tempfile.TemporaryFile() as output,
        _start(room, command, output, subprocess.STDOUT, is_alone=True) as process,
    ):
        code, words = -signal.SIGKILL, ""
        try:
            code = process.wait(room.limit_s)
        except subprocess.TimeoutExpired:
            words = f"{name} took longer than {room.limit_s:g} s"
        finally:
            if code:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        output.seek(0)
        said = output.read().decode(errors="replace").strip()
        if words:
            raise HookError(
                f"{words}; give it more with 'git config {LIMIT} SECONDS', or pass "
                "the hooks by with --no-verify",
                said,
            )
        return code, said


def _run(room: Room, arguments: Sequence[str]) -> "tuple[int, bytes, bytes]":
    with _start(room, arguments, subprocess.PIPE, subprocess.PIPE) as git:
        try:
            output, errors = git.communicate()
        except BaseException:
            git.kill()
            raise
        return git.returncode, output, errors


@contextlib.contextmanager
def _start(
    room: Room,
    arguments: Sequence[str],
    stdout: int | IO[bytes],
    stderr: int,
    is_alone: bool = False,
) -> "Iterator[subprocess.Popen[bytes]]":
    """Give a git of the room; one that is alone has a session of its own."""
    hooks = f"core.hooksPath={room.hooks}"
    settings = ("gc.auto=0", "submodule.recurse=false", hooks)
    variables = {
        "GIT_DIR": str(room.git_dir),
        "GIT_WORK_TREE": str(room.top),
        "GIT_INDEX_FILE": str(room.git_dir / "index"),
        "GIT_OBJECT_DIRECTORY": str(room.work.checkout.objects),
        "GIT_EDITOR": ":",
    }
    with (
        git_required(),
        subprocess.Popen(
            ["git", *(word for each in settings for word in ("-c", each)), *arguments],
            cwd=room.top,
            env={**os.environ, **variables, **({} if is_alone else OFFLINE)},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=is_alone,
        ) as git,
    ):
        yield git
