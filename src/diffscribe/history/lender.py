"""Lend what a repository holds to an empty one of our own.

git and libgit2 open all that they find: a pipe keeps them waiting for ever, a
device never ends, a configuration includes others and names programs. So the
files of a source are looked at before anything opens them, its configuration
is read as text only, and whoever reads its objects and references sees a
repository of ours that links to them.
"""

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from stat import S_ISREG
from typing import NamedTuple

from diffscribe.errors import SourceError
from diffscribe.history.git import run_git

MAX_BYTES = 2**20
"""Of HEAD, config, commondir and the like."""
MAX_LIST_BYTES = 2**28
"""Of packed-refs and shallow, which hold a line a reference or commit."""
MAX_LENDERS = 100
"""Folders of objects that one repository may borrow from."""
HEAD = re.compile(
    rb"ref: *(?P<reference>refs/[^\0-\x20~^:?*\[\\\x7f]+)\n|[0-9a-f]{40}\n?"
)
SHALLOW = re.compile(r"(?:[0-9a-f]{40}\n)*")
CONFIG = "[core]\n\trepositoryformatversion = 0\n\tbare = true\n"
EXTENSIONS = {
    "extensions.noop": None,
    "extensions.partialclone": None,
    "extensions.preciousobjects": None,
    "extensions.relativeworktrees": None,
    "extensions.worktreeconfig": None,
    "extensions.objectformat": "sha1",
    "extensions.refstorage": "files",
}
"""What a repository may need to be read right, and the value that we can read."""


class Lent(NamedTuple):
    """A repository of our own that sees the objects and references of a source."""

    folder: Path
    common: Path
    """Where the source itself keeps its objects: `.git`, links resolved."""
    url: str
    """Of the remote `origin`; empty without one."""
    shallow: frozenset[str]
    """Commits whose parents were left out by a shallow clone."""


@contextlib.contextmanager
def lent(path: Path) -> Iterator[Lent]:
    """Give what the repository at `path`, a work tree or git folder, holds.

    Raises:
        SourceError: if it is none, cannot be read, or would trap who reads it.
    """
    with tempfile.TemporaryDirectory(prefix="diffscribe-") as name:
        folder = Path(name)
        try:
            own = _git_folder(path)
            common = _common_folder(own)
            _refuse_traps(common)
            _link(folder, common, _head(own))
            settings = _settings(folder, common / "config")
            shallow = _shallow(common / "shallow")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise SourceError(
                f"{path}: cannot be read as a git repository: {reason}; "
                "correct harvest.sources"
            ) from error
        yield Lent(
            folder, common.resolve(), settings.get("remote.origin.url", ""), shallow
        )


def _git_folder(path: Path) -> Path:
    """Return the folder with HEAD: that of a linked work tree is its own."""
    inner = path / ".git"
    if inner.is_dir():
        return inner
    pointer = _content(inner)
    if pointer is None:
        return path
    if not pointer.startswith(b"gitdir: "):
        raise ValueError(".git is neither a folder nor the name of one")
    return path / os.fsdecode(pointer.removeprefix(b"gitdir: ").rstrip(b"\n"))


def _common_folder(own: Path) -> Path:
    pointer = _content(own / "commondir")
    return own if pointer is None else own / os.fsdecode(pointer.rstrip(b"\n"))


def _refuse_traps(common: Path) -> None:
    """Look at every file that git could open, without opening one."""
    if not (common / "objects").is_dir():
        raise ValueError("there is no folder 'objects'")
    for name in ("packed-refs", "shallow"):
        _require_plain(common / name, MAX_LIST_BYTES)
    if (common / "refs").is_dir():
        _walk(common / "refs")
    seen: set[str] = set()
    waiting = [common / "objects"]
    while waiting:
        objects = waiting.pop()
        if os.path.realpath(objects) in seen or not objects.is_dir():
            continue
        seen.add(os.path.realpath(objects))
        if len(seen) > MAX_LENDERS:
            raise ValueError(f"it borrows from more than {MAX_LENDERS} others")
        _walk(objects)
        waiting += _lenders(objects)


def _lenders(objects: Path) -> Iterator[Path]:
    """Yield the folders whose objects are borrowed."""
    for line in (_content(objects / "info/alternates") or b"").split(b"\n"):
        if line.startswith(b'"'):
            raise ValueError("objects/info/alternates has a name in quotes")
        if line and not line.startswith(b"#"):
            yield objects / os.fsdecode(line)


def _walk(folder: Path) -> None:
    """Refuse a folder that holds, at any depth, what is neither file nor folder."""
    waiting, linked = [str(folder)], set()
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif entry.is_symlink() and entry.is_dir():
                    if (real := os.path.realpath(entry.path)) not in linked:
                        linked.add(real)
                        waiting.append(real)
                elif not entry.is_file() and Path(entry.path).exists():
                    raise ValueError(f"{entry.path} is no plain file")


def _link(folder: Path, common: Path, head: bytes) -> None:
    (folder / "objects/info").mkdir(parents=True)
    (folder / "objects/pack").mkdir()
    # A name of our own, as that of the source could end the line.
    (folder / "lender").symlink_to((common / "objects").resolve())
    (folder / "objects/info/alternates").write_text(f"{folder / 'lender'}\n")
    (folder / "config").write_text(CONFIG)
    (folder / "HEAD").write_bytes(head)
    for name in ("refs", "packed-refs"):
        if (common / name).exists():
            (folder / name).symlink_to((common / name).resolve())
    if not (common / "refs").is_dir():
        (folder / "refs").mkdir()


def _head(own: Path) -> bytes:
    content = _content(own / "HEAD")
    if content is None:
        raise ValueError("there is no HEAD")
    match = HEAD.fullmatch(content)
    if match is None or b".." in (match["reference"] or b""):
        raise ValueError("HEAD names neither a reference nor a commit")
    return content


def _settings(folder: Path, config: Path) -> dict[str, str]:
    """Return what a configuration says itself, by lower-case key."""
    if _content(config) is None:
        return {}
    git = run_git(folder, "config", "--file", str(config), "--list", "-z")
    if git.returncode != 0:
        raise ValueError(" ".join(git.stderr.split()))
    lines = (line.partition("\n") for line in git.stdout.split("\0"))
    settings = {key: value for key, _, value in lines}
    version = settings.get("core.repositoryformatversion", "0")
    if version not in ("0", "1"):
        raise ValueError(f"core.repositoryformatversion is {version}, not 0 or 1")
    for key, value in settings.items():
        if not _is_supported(key, value):
            raise ValueError(f"{key} is {value}, which is not supported")
    return settings


def _is_supported(key: str, value: str) -> bool:
    if not key.startswith("extensions."):
        return True
    return key in EXTENSIONS and EXTENSIONS[key] in (None, value)


def _shallow(path: Path) -> frozenset[str]:
    if not path.exists():
        return frozenset()
    lines = path.read_text(encoding="ascii", errors="replace")
    if SHALLOW.fullmatch(lines) is None:
        raise ValueError("'shallow' has other lines than names of commits")
    return frozenset(lines.split())


def _content(path: Path) -> bytes | None:
    """Return what a small plain file holds, or None if there is none."""
    return path.read_bytes() if _require_plain(path, MAX_BYTES) else None


def _require_plain(path: Path, max_bytes: int) -> bool:
    """Tell whether there is a file; refuse one that is none or too large."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    if not S_ISREG(status.st_mode):
        raise ValueError(f"{path.name} is no plain file")
    if status.st_size > max_bytes:
        raise ValueError(f"{path.name} has more than {max_bytes} bytes")
    return True
