"""Open a repository or bundle so that nothing of its own configuration takes part.

Each source is opened as an empty bare repository of our own, which borrows the objects
of the source (git's `alternates`) and links its references. So no hook, driver,
attribute, replacement or lazy download of the source can run.
"""

import contextlib
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from diffscribe.core.errors import SourceError
from diffscribe.doors.git import UnreadableError, ask_git, run_git

if TYPE_CHECKING:
    from diffscribe.core.params import SourceParams

MAX_BYTES = 2**20
"""Size limit of HEAD, config, commondir and the like."""
MAX_LIST_BYTES = 2**28
"""Size limit of packed-refs and shallow, which hold a line a reference or commit."""
MAX_ALTERNATES = 100
"""Object folders that one repository may borrow from."""
HEAD = re.compile(
    rb"ref: *(?P<reference>refs/[^\0-\x20~^:?*\[\\\x7f]+)\n"
    rb"|[0-9a-f]{40}(?:[0-9a-f]{24})?\n?"
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
"""Repository extensions that we can read, with the value they must have, if any."""
SHA_1_COPY = (
    "it names its objects by SHA-256, which libgit2 cannot read; read a copy that "
    "names them by SHA-1: 'git init COPY' and, in a clone of it, "
    "'git fast-export --all | git -C COPY fast-import'"
)
HELP = {
    "extensions.objectformat is sha256": SHA_1_COPY,
    "extensions.refstorage is reftable": "it keeps its references in a reftable, which "
    "libgit2 cannot read; turn them into files by 'git refs migrate --ref-format=files'"
    " (from git 2.46 on), or read a bundle: 'git bundle create FILE HEAD --branches'",
}
"""What can be done about a repository with a setting that we cannot read."""
OTHER_EXTENSION = (
    "it has the setting {}, which this program does not know; read a bundle of it, "
    "written by the git that made it: 'git bundle create FILE HEAD --branches'"
)
SHA_256_BUNDLE = re.compile(rb"# v3 git bundle\n(?:@.*\n)*?@object-format=sha256\n")
MAX_HEADER_BYTES = 2**24
"""Size limit of a bundle's header, which git reads byte by byte."""
UNBUNDLE_S = 30
UNBUNDLE_BYTES_A_SECOND = 2**21
"""Half the measured speed on a large honest bundle."""


class Borrowed(NamedTuple):
    """What a repository says about itself."""

    objects: Path
    """The folder that holds `objects`, links resolved: `.git` of a work tree."""
    url: str
    """URL of the remote `origin`; empty without one."""
    shallow: frozenset[str]
    """Commits whose parents a shallow clone left out."""


class Source(NamedTuple):
    """A repository or bundle to read."""

    name: str
    """That of its settings, `host/owner/name` of its remote, or of file or folder."""
    path: Path
    head: str | None
    """sha; None for a bundle, whose head is read when it is opened."""
    git_folder: Path | None
    """The folder that holds `objects`; None for a bundle."""
    remote: str | None
    """`host/owner/name` in lower case; sources with the same one are equal."""
    settings: "SourceParams"


class OpenSource(NamedTuple):
    """A source whose objects can be read by `folder`; it can be sent to a process."""

    path: Path
    """The source itself, for errors."""
    folder: Path
    """The bare repository of our own."""
    head: str
    tips: tuple[str, ...]
    """Newest commits of the other branches; empty unless all branches are read."""
    shallow: frozenset[str]
    """Commits whose parents a shallow clone left out."""

    @property
    def repository(self) -> Any:
        """The bare repository as pygit2 opens it."""
        return _pygit2_repository(self.folder)

    def read(self, sha: Any, kind: Literal["blob", "tree", "commit"]) -> Any:
        """Return an object; raise UnreadableError if it is missing or broken."""
        import pygit2

        try:
            found = self.repository[sha]
        except (KeyError, pygit2.GitError) as error:
            raise self.missing(sha) from error
        if found.type_str != kind:
            raise self.missing(sha)
        return found

    def missing(self, sha: Any) -> UnreadableError:
        """Return the error for an object that cannot be read."""
        return UnreadableError(
            f"{self.path}: object {sha} is missing or broken; fetch the repository "
            "completely (partial clones cannot be read), 'git fsck' shows the damage"
        )


@lru_cache(maxsize=2)
def _pygit2_repository(folder: Path) -> Any:
    import pygit2

    return pygit2.Repository(folder)


def open_source(source: Source, folder: Path) -> OpenSource:
    """Make `folder` a bare repository that sees the source's objects.

    The caller removes the folder.

    Raises:
        SourceError: if the source is broken, or a bundle needs commits it lacks.
    """
    if source.git_folder is None:
        head, tips = _unbundle(source.path, folder)
        shallow = frozenset[str]()
    else:
        shallow = borrow_objects(source.path, folder).shallow
        if shallow:
            (folder / "shallow").write_text("\n".join(sorted(shallow)) + "\n")
        head, tips = str(source.head), _tips(source, folder)
    if source.settings.branches == "default":
        tips = ()
    return OpenSource(source.path, folder, head, tips, shallow)


def borrow_objects(path: Path, folder: Path) -> Borrowed:
    """Make `folder` a bare repository with the objects and references of another.

    Args:
        path: a work tree, linked work tree, git folder or bare repository.
        folder: is created, or empty.

    Raises:
        SourceError: if `path` is no repository, cannot be read, or holds what would
            hang or mislead git (FIFOs, huge files, too many alternates).
    """
    try:
        git_folder = _git_folder(path)
        pointer = _content(git_folder / "commondir") or b""
        common = git_folder / os.fsdecode(pointer.rstrip(b"\n"))
        _refuse_traps(common)
        _link(folder, common, _head(git_folder))
        settings = _settings(folder, path, common / "config")
        shallow = _shallow(common / "shallow")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SourceError(
            f"{path}: cannot be read as a git repository: {reason}; "
            "correct harvest.sources"
        ) from error
    return Borrowed(common.resolve(), settings.get("remote.origin.url", ""), shallow)


def _git_folder(path: Path) -> Path:
    """Return the folder with HEAD: a linked work tree has its own."""
    inner = path / ".git"
    if inner.is_dir():
        return inner
    pointer = _content(inner)
    if pointer is None:
        return path
    if not pointer.startswith(b"gitdir: "):
        raise ValueError(".git is neither a folder nor the name of one")
    return path / os.fsdecode(pointer.removeprefix(b"gitdir: ").rstrip(b"\n"))


def _refuse_traps(common: Path) -> None:
    """Check the kind and size of every file that git could open; open none."""
    if not (common / "objects").is_dir():
        raise ValueError("there is no folder 'objects'")
    for name in ("packed-refs", "shallow"):
        _is_plain_file(common / name, MAX_LIST_BYTES)
    if (common / "refs").is_dir():
        _refuse_special_files(common / "refs")
    seen: set[str] = set()
    waiting = [common / "objects"]
    while waiting:
        objects = waiting.pop()
        if os.path.realpath(objects) in seen or not objects.is_dir():
            continue
        seen.add(os.path.realpath(objects))
        if len(seen) > MAX_ALTERNATES:
            raise ValueError(f"it borrows from more than {MAX_ALTERNATES} others")
        _refuse_special_files(objects)
        waiting += _alternates(objects)


def _alternates(objects: Path) -> Iterator[Path]:
    """Yield the folders from which an object folder borrows."""
    for line in (_content(objects / "info/alternates") or b"").split(b"\n"):
        if line.startswith(b'"'):
            raise ValueError("objects/info/alternates has a name in quotes")
        if line and not line.startswith(b"#"):
            yield objects / os.fsdecode(line)


def _refuse_special_files(folder: Path) -> None:
    """Raise ValueError for a FIFO, socket or device at any depth."""
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
    # The alternates file ends a path at a newline, and the source's path may hold one.
    (folder / "borrowed").symlink_to((common / "objects").resolve())
    (folder / "objects/info/alternates").write_text(f"{folder / 'borrowed'}\n")
    (folder / "config").write_text(CONFIG)
    (folder / "HEAD").write_bytes(head)
    for name in ("refs", "packed-refs"):
        if (common / name).exists():
            (folder / name).symlink_to((common / name).resolve())
    if not (common / "refs").is_dir():
        (folder / "refs").mkdir()


def _head(git_folder: Path) -> bytes:
    content = _content(git_folder / "HEAD")
    if content is None:
        raise ValueError("there is no HEAD")
    match = HEAD.fullmatch(content)
    if match is None or b".." in (match["reference"] or b""):
        raise ValueError("HEAD names neither a reference nor a commit")
    return content


def _settings(folder: Path, path: Path, config: Path) -> dict[str, str]:
    """Return the settings of a config file by lower-case key; includes are ignored.

    Raises:
        SourceError: if they say that the repository has a format we cannot read.
    """
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
        known = key in EXTENSIONS and EXTENSIONS[key] in (None, value)
        if key.startswith("extensions.") and not known:
            setting = f"{key} is {value}"
            help_ = HELP.get(setting, OTHER_EXTENSION.format(setting))
            raise SourceError(f"{path}: cannot be read as a git repository: {help_}")
    return settings


def _shallow(path: Path) -> frozenset[str]:
    if not path.exists():
        return frozenset()
    lines = path.read_text(encoding="ascii", errors="replace")
    if SHALLOW.fullmatch(lines) is None:
        raise ValueError("'shallow' has other lines than names of commits")
    return frozenset(lines.split())


def _content(path: Path) -> bytes | None:
    """Return the content of a small plain file; None if there is no file."""
    return path.read_bytes() if _is_plain_file(path, MAX_BYTES) else None


def _is_plain_file(path: Path, max_bytes: int) -> bool:
    """Tell whether a file exists; raise ValueError if it is special or too large."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    if not S_ISREG(status.st_mode):
        raise ValueError(f"{path.name} is no plain file")
    if status.st_size > max_bytes:
        raise ValueError(f"{path.name} has more than {max_bytes} bytes")
    return True


def read_head(path: Path, folder: Path, revision: str | None) -> str:
    """Return the sha to read of a repository that `folder` borrows from.

    It is the revision, if one is given, else that of HEAD.

    Raises:
        SourceError: if HEAD has no commit yet, or the revision is not there.
    """
    with _open_exactly(path, folder) as repository:
        if revision is not None and revision not in repository:
            raise SourceError(f"{path}: has no commit {revision} yet; run 'make clone'")
        if revision is None and repository.head_is_unborn:
            raise SourceError(
                f"{path}: the repository has no commit; commit first or take it "
                "out of harvest.sources"
            )
        return revision or str(repository.head.target)


@contextlib.contextmanager
def _open_exactly(path: Path, folder: Path) -> Iterator[Any]:
    """Give the repository `folder`; an error in the block is one of `path`."""
    import pygit2
    from pygit2.enums import RepositoryOpenFlag

    try:
        yield pygit2.Repository(folder, RepositoryOpenFlag.NO_SEARCH)
    except (pygit2.GitError, KeyError, OSError) as error:
        raise SourceError(
            f"{path}: cannot be read as a git repository: {error}; "
            "correct harvest.sources"
        ) from error


def _tips(source: Source, folder: Path) -> tuple[str, ...]:
    """Return the commits that branches name; a pinned source has none."""
    if source.settings.branches == "default" or source.settings.revision is not None:
        return ()
    with _open_exactly(source.path, folder) as repository:
        references = repository.references
        names = sorted(name for name in references if _is_branch(name))
        commits = [references[name].resolve().target for name in names]
    return tuple(dict.fromkeys(map(str, commits)))


def _is_branch(reference: str) -> bool:
    return reference.startswith(("refs/heads/", "refs/remotes/"))


def _unbundle(bundle: Path, folder: Path) -> tuple[str, tuple[str, ...]]:
    """Unpack a bundle; return the sha of HEAD (or main, master) and of its branches."""
    import pygit2

    pygit2.init_repository(folder, bare=True)
    with bundle.open("rb") as file:
        header = file.read(MAX_HEADER_BYTES)
    if b"\n\n" not in header:
        raise _bad_bundle(bundle, "cannot be read: its header has no end")
    if SHA_256_BUNDLE.match(header):
        raise SourceError(f"{bundle}: the bundle cannot be read: {SHA_1_COPY}")
    seconds = UNBUNDLE_S + bundle.stat().st_size // UNBUNDLE_BYTES_A_SECOND
    git = run_git(folder, "bundle", "unbundle", str(bundle), max_cpu_s=seconds)
    if git.returncode != 0:
        reason = " ".join(git.stderr.split()) or f"it took more than {seconds} s"
        raise _bad_bundle(bundle, f"cannot be read: {reason}")
    lines = (line.partition(" ") for line in git.stdout.split("\n"))
    heads = {name: sha for sha, _, name in lines}
    tips = tuple(heads[name] for name in sorted(heads) if _is_branch(name))
    for name in ("HEAD", "refs/heads/main", "refs/heads/master"):
        if name in heads:
            return heads[name], tips
    raise _bad_bundle(bundle, "has no HEAD, main or master")


def _bad_bundle(bundle: Path, reason: str) -> SourceError:
    return SourceError(
        f"{bundle}: the bundle {reason}; create it again with "
        "'git bundle create FILE HEAD --branches'"
    )


def read_sizes(source: OpenSource, objects: Iterable[str]) -> dict[str, int]:
    """Return the size in bytes of each object that the source has.

    Raises:
        SourceError: if the deltas of an object form a circle.
    """
    lines = (f"{sha}\n".encode() for sha in dict.fromkeys(objects))
    answers = (line.split() for line in _check_objects(source, lines))
    return {sha.decode(): int(size) for sha, *_, size in answers if size.isdigit()}


def read_roots(source: OpenSource) -> frozenset[str]:
    """Return where the first parents of head begin, for a shallow clone its boundary.

    Raises:
        SourceError: if the history cannot be read as far as that.
    """
    command = ("rev-list", "--first-parent", "--max-parents=0")
    with tempfile.TemporaryFile(dir=source.folder) as shas:
        head = f"{source.head}^{{commit}}"
        ask_git(source.folder, source.path, (*command, head, "--"), (), shas)
        shas.seek(0)
        return frozenset(shas.read().decode().split())


def read_tree_sha(source: OpenSource, commit: str) -> str:
    """Return the sha of a commit's tree; raise UnreadableError if one is missing."""
    (answer,) = _check_objects(source, [f"{commit}^{{tree}}\n".encode()])
    sha, *_, size = answer.split()
    if not size.isdigit():
        raise source.missing(commit)
    return sha.decode()


def require_trees(source: OpenSource, tree: str) -> None:
    """Let git read a tree and all trees below it, each once, and no blob.

    Raises:
        SourceError: if one is broken or endless; a missing one is no error.
    """
    command = ("rev-list", "--objects", "--missing=allow-any", tree)
    with Path(os.devnull).open("wb") as nowhere:
        ask_git(source.folder, source.path, command, (), nowhere)


def _check_objects(source: OpenSource, lines: Iterable[bytes]) -> list[bytes]:
    command = ("cat-file", "--batch-check", "--buffer")
    with tempfile.TemporaryFile(dir=source.folder) as answers:
        ask_git(source.folder, source.path, command, lines, answers)
        answers.seek(0)
        return answers.read().splitlines()
