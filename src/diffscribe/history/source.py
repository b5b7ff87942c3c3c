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
from diffscribe.history.lender import lent
from diffscribe.history.places import Bad, Place, find_places
from diffscribe.history.remote import plain_name, remote_name
from diffscribe.params import HarvestParams, SourceParams

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
