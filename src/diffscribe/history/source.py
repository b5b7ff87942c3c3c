"""Find the repositories and bundles that params name, and open them safely.

Nothing is read through the source's own configuration: its objects are lent
to an empty bare repository, so no hook, driver, attribute, replacement or
lazy download of the source takes part.
"""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from diffscribe.errors import SourceError
from diffscribe.history.git import run_git
from diffscribe.history.places import Bad, Place, find_places
from diffscribe.history.remote import remote_name
from diffscribe.params import HarvestParams, SourceParams


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
            raise self._lacks(sha) from error

    def size_bytes(self, sha: str) -> int:
        """Return an object's size without reading it; SourceError if missing."""
        import pygit2

        try:
            return int(self.repository.odb.read_header(sha)[1])
        except (KeyError, pygit2.GitError) as error:
            raise self._lacks(sha) from error

    def _lacks(self, sha: Any) -> SourceError:
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

    with tempfile.TemporaryDirectory(prefix="diffscribe-") as name:
        folder = Path(name)
        repository = pygit2.init_repository(folder, bare=True)
        shallow = ""
        if source.git_folder is None:
            head, tips = _unbundle(source.path, folder)
        else:
            head, tips = str(source.head), _tips(source)
            objects = source.git_folder / "objects"
            (folder / "objects/info").mkdir(exist_ok=True)
            (folder / "objects/info/alternates").write_text(f"{objects}\n")
            with contextlib.suppress(FileNotFoundError):
                shallow = (source.git_folder / "shallow").read_text()
        repository = pygit2.Repository(folder)
        yield OpenSource(
            source.path,
            head,
            folder,
            repository,
            frozenset(shallow.split()),
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
    return Source(place.path.stem, place.path, None, None, False, place.settings)


def _repository(place: Place) -> Source:
    path, settings = place
    with _readable(path):
        repository = _opened(path)
        url = settings.url or _origin(repository)
        head = settings.revision
        if head is None and not repository.head_is_unborn:
            head = str(repository.head.target)
    if head is None:
        raise SourceError(
            f"{path}: the repository has no commit; commit first or take it "
            "out of harvest.sources"
        )
    if settings.revision is not None and settings.revision not in repository:
        raise SourceError(
            f"{path}: has no commit {settings.revision} yet; run 'make clone'"
        )
    folder = path.parent if path.name == ".git" else path
    name = remote_name(url)
    return Source(
        name or folder.name.removesuffix(".git"),
        path,
        head,
        _common_folder(Path(repository.path)),
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


def _opened(path: Path) -> Any:
    import pygit2
    from pygit2.enums import RepositoryOpenFlag

    return pygit2.Repository(path, RepositoryOpenFlag.NO_SEARCH)


def _origin(repository: Any) -> str:
    config = repository.config
    return str(config["remote.origin.url"]) if "remote.origin.url" in config else ""


def _tips(source: Source) -> tuple[str, ...]:
    """Return the commits that branches name; a pinned source has none."""
    if source.settings.branches == "default" or source.settings.revision is not None:
        return ()
    with _readable(source.path):
        repository = _opened(source.path)
        names = [name for name in repository.references if _is_branch(name)]
        commits = [repository.references[name].peel().id for name in sorted(names)]
    return tuple(dict.fromkeys(map(str, commits)))


def _is_branch(reference: str) -> bool:
    return reference.startswith(("refs/heads/", "refs/remotes/"))


def _common_folder(git_folder: Path) -> Path:
    """Return the folder with the objects: a linked work tree names another."""
    pointer = git_folder / "commondir"
    if not pointer.exists():
        return git_folder
    return (git_folder / pointer.read_text().rstrip("\n")).resolve()


def _unbundle(bundle: Path, folder: Path) -> tuple[str, tuple[str, ...]]:
    """Unpack all objects and return the sha of HEAD, then of the branches."""
    git = run_git(folder, "bundle", "unbundle", str(bundle))
    if git.returncode != 0:
        reason = " ".join(git.stderr.split())
        raise SourceError(
            f"{bundle}: the bundle cannot be read: {reason}; create it again with "
            "'git bundle create FILE HEAD --branches'"
        )
    heads = {name: sha for sha, name in map(str.split, git.stdout.splitlines())}
    tips = tuple(heads[name] for name in sorted(heads) if _is_branch(name))
    for name in ("HEAD", "refs/heads/main", "refs/heads/master"):
        if name in heads:
            return heads[name], tips
    raise SourceError(
        f"{bundle}: the bundle has no HEAD, main or master; create it again with "
        "'git bundle create FILE HEAD --branches'"
    )
