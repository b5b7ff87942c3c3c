"""Find the repositories and bundles that params name, and open them safely.

Nothing is read through the source's own configuration: its objects are lent
to an empty bare repository, so no hook, driver, attribute, replacement or
lazy download of the source takes part.
"""

import contextlib
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from stat import S_ISREG
from typing import Any, NamedTuple

from diffscribe.core.errors import SourceError
from diffscribe.core.params import HarvestParams, SourceParams
from diffscribe.doors.git import ask_git, run_git
from diffscribe.doors.places import Bad, Place, find_places, plain_name, remote_name

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


MAX_HEADER_BYTES = 2**24
"""Of a bundle; git reads its header byte by byte."""
UNBUNDLE_S = 30
UNBUNDLE_BYTES_A_SECOND = 2**21
"""Half as many as it takes a large and honest bundle."""


class Source(NamedTuple):
    """A repository or bundle to read."""

    name: str
    """`host/owner/name` of the remote `origin`, or the file's own name."""
    path: Path
    head: str | None
    """sha, or None for a bundle, which is asked when it is opened."""
    git_folder: Path | None
    """Where `objects` lies, or None for a bundle."""
    has_remote: bool
    """Whether the name is a remote's, so that an equal one is the same."""
    settings: SourceParams


class Sources(NamedTuple):
    """What params name."""

    kept: list[Source]
    """By name."""
    duplicates: int
    """Repositories left out, as an earlier one has their objects or remote."""


class OpenSource(NamedTuple):
    """Objects of a source, readable until it is closed."""

    path: Path
    head: str
    folder: Path
    """A bare repository of our own that sees the source's objects."""
    repository: Any
    """The same by pygit2."""
    shallow: frozenset[str]
    """Commits whose parents were left out by a shallow clone."""
    tips: tuple[str, ...] = ()
    """Newest commits of the other branches, if these count too."""

    def read(self, sha: Any) -> Any:
        """Return an object; SourceError if the source lacks it."""
        import pygit2

        try:
            return self.repository[sha]
        except (KeyError, pygit2.GitError) as error:
            raise self.lacks(sha) from error

    def size_bytes(self, sha: str) -> int:
        """Return an object's size without reading it; SourceError if missing."""
        import pygit2

        try:
            return int(self.repository.odb.read_header(sha)[1])
        except (KeyError, pygit2.GitError) as error:
            raise self.lacks(sha) from error

    def lacks(self, sha: Any) -> SourceError:
        """Return the error that says that an object cannot be read."""
        return SourceError(
            f"{self.path}: object {sha} is missing or broken; fetch the repository "
            "completely (partial clones cannot be read), 'git fsck' shows the damage"
        )


def find_sources(params: HarvestParams, bad: Bad) -> Sources:
    """Return what the params name, each repository once: the first one wins.

    Two are the same if they share a real path, a folder of objects or a
    remote. `bad` gets the SourceError of each that cannot be used, and may
    raise it.
    """
    kept: dict[str, Source] = {}
    seen: set[Path] = set()
    duplicates = 0
    for place in find_places(params, bad):
        try:
            source = _source(place)
            same = kept.get(source.name.casefold())
            if (source.git_folder or source.path) in seen or _is_same(source, same):
                duplicates += 1
                continue
        except SourceError as error:
            bad(error)
            continue
        kept[source.name.casefold()] = source
        seen.add(source.git_folder or source.path)
    return Sources(sorted(kept.values(), key=lambda each: each.name), duplicates)


def _is_same(source: Source, other: Source | None) -> bool:
    """Tell a second copy from a stranger of the same name, which is refused."""
    if other is None:
        return False
    if source.has_remote and other.has_remote:
        return True
    raise SourceError(
        f"{source.path} and {other.path} are both named '{source.name}'; "
        "keep one of them in harvest.sources"
    )


@contextlib.contextmanager
def open_source(source: Source) -> Iterator[OpenSource]:
    """Give the source's objects in a temporary bare repository.

    Raises:
        SourceError: if a bundle is broken or needs commits it lacks.
    """
    import pygit2

    with contextlib.ExitStack() as stack:
        shallow = frozenset[str]()
        if source.git_folder is None:
            name = tempfile.TemporaryDirectory(prefix="diffscribe-")
            folder = Path(stack.enter_context(name))
            pygit2.init_repository(folder, bare=True)
            head, tips = _unbundle(source.path, folder)
        else:
            view = stack.enter_context(lent(source.path))
            folder, shallow = view.folder, view.shallow
            head, tips = str(source.head), _tips(source, folder)
        yield OpenSource(
            source.path,
            head,
            folder,
            pygit2.Repository(folder),
            shallow,
            tips if source.settings.branches == "all" else (),
        )


def _source(place: Place) -> Source:
    if place.path.is_file():
        return _bundle(place)
    return _repository(place)


def _bundle(place: Place) -> Source:
    if place.path.suffix != ".bundle":
        raise SourceError(
            f"{place.path}: neither a repository nor a '.bundle' file; "
            "correct harvest.sources"
        )
    return Source(
        plain_name(place.path.stem), place.path, None, None, False, place.settings
    )


def _repository(place: Place) -> Source:
    path, settings = place
    with lent(path) as view, _readable(path):
        repository = _opened(view.folder)
        head = settings.revision
        if head is None and not repository.head_is_unborn:
            head = str(repository.head.target)
        if head is None:
            raise SourceError(
                f"{path}: the repository has no commit; commit first or take it "
                "out of harvest.sources"
            )
        if head == settings.revision and head not in repository:
            raise SourceError(f"{path}: has no commit {head} yet; run 'make clone'")
    folder = path.parent if path.name == ".git" else path
    name = remote_name(settings.url or view.url)
    return Source(
        name or plain_name(folder.name.removesuffix(".git")),
        path,
        head,
        view.common,
        name is not None,
        settings,
    )


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    import pygit2

    try:
        yield
    except (pygit2.GitError, KeyError, OSError) as error:
        raise SourceError(
            f"{path}: cannot be read as a git repository: {error}; "
            "correct harvest.sources"
        ) from error


def _opened(folder: Path) -> Any:
    import pygit2
    from pygit2.enums import RepositoryOpenFlag

    return pygit2.Repository(folder, RepositoryOpenFlag.NO_SEARCH)


def _tips(source: Source, folder: Path) -> tuple[str, ...]:
    """Return the commits that branches name; a pinned source has none."""
    if source.settings.branches == "default" or source.settings.revision is not None:
        return ()
    with _readable(source.path):
        references = _opened(folder).references
        names = sorted(name for name in references if _is_branch(name))
        commits = [references[name].resolve().target for name in names]
    return tuple(dict.fromkeys(map(str, commits)))


def _is_branch(reference: str) -> bool:
    return reference.startswith(("refs/heads/", "refs/remotes/"))


def _unbundle(bundle: Path, folder: Path) -> tuple[str, tuple[str, ...]]:
    """Unpack all objects and return the sha of HEAD, then of the branches."""
    _require_header(bundle)
    seconds = UNBUNDLE_S + bundle.stat().st_size // UNBUNDLE_BYTES_A_SECOND
    unbundle = ("bundle", "unbundle", str(bundle))
    git = run_git(folder, *unbundle, most_seconds=seconds)
    if git.returncode != 0:
        reason = " ".join(git.stderr.split()) or f"it took more than {seconds} s"
        raise SourceError(
            f"{bundle}: the bundle cannot be read: {reason}; create it again with "
            "'git bundle create FILE HEAD --branches'"
        )
    lines = (line.partition(" ") for line in git.stdout.split("\n"))
    heads = {name: sha for sha, _, name in lines}
    tips = tuple(heads[name] for name in sorted(heads) if _is_branch(name))
    for name in ("HEAD", "refs/heads/main", "refs/heads/master"):
        if name in heads:
            return heads[name], tips
    raise SourceError(
        f"{bundle}: the bundle has no HEAD, main or master; create it again with "
        "'git bundle create FILE HEAD --branches'"
    )


def _require_header(bundle: Path) -> None:
    with bundle.open("rb") as file:
        if b"\n\n" in file.read(MAX_HEADER_BYTES):
            return
    raise SourceError(
        f"{bundle}: the bundle cannot be read: its header has no end; create it "
        "again with 'git bundle create FILE HEAD --branches'"
    )


def sizes_of(source: OpenSource, objects: Iterable[str]) -> dict[str, int]:
    """Return the sizes in bytes of those objects that the source has.

    Raises:
        SourceError: if the deltas of one never come to an end.
    """
    lines = (f"{sha}\n".encode() for sha in dict.fromkeys(objects))
    answers = (line.split() for line in _answers(source, lines))
    return {sha.decode(): int(size) for sha, *_, size in answers if size.isdigit()}


def tree_of(source: OpenSource, commit: str) -> str:
    """Return the sha of a commit's tree.

    Raises:
        SourceError: if the source lacks one of them.
    """
    (answer,) = _answers(source, [f"{commit}^{{tree}}\n".encode()])
    sha, *_, size = answer.split()
    if not size.isdigit():
        raise source.lacks(commit)
    return sha.decode()


def require_trees(source: OpenSource, tree: str) -> None:
    """Read a tree and all below it, each once, and nothing else.

    Raises:
        SourceError: if one is broken or without an end, not if it is missing.
    """
    command = ("rev-list", "--objects", "--missing=allow-any", tree)
    with Path(os.devnull).open("wb") as nowhere:
        ask_git(source.folder, source.path, command, (), nowhere)


def _answers(source: OpenSource, lines: Iterable[bytes]) -> list[bytes]:
    command = ("cat-file", "--batch-check", "--buffer")
    with tempfile.TemporaryFile(dir=source.folder) as answers:
        ask_git(source.folder, source.path, command, lines, answers)
        answers.seek(0)
        return answers.read().splitlines()
