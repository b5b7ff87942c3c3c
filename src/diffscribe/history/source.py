"""Find the repositories and bundles that params name, and open them safely.

Nothing is read through the source's own configuration: its objects are lent
to an empty bare repository, so no hook, driver, attribute, replacement or
lazy download of the source takes part.
"""

import contextlib
import glob
import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from diffscribe.errors import SourceError
from diffscribe.history.git import run_git

REMOTE_URL = re.compile(r"(?:\w+://)(?:[^/@]*@)?(?P<host>[^/:]+)(?::\d+)?/(?P<path>.+)")
SCP_URL = re.compile(r"(?:[^/@]*@)?(?P<host>[^/:]+):(?!//)(?P<path>.+)")


class Source(NamedTuple):
    """A repository or bundle to read."""

    name: str
    """`host/owner/name` of the remote `origin`, or the file's own name."""
    path: Path
    head: str | None
    """sha, or None for a bundle, which is asked when it is opened."""
    git_folder: Path | None
    """Where `objects` lies, or None for a bundle."""


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

    def read(self, sha: Any) -> Any:
        """Return an object; SourceError if the source lacks it."""
        with self._present(sha):
            return self.repository[sha]

    def size_bytes(self, sha: str) -> int:
        """Return an object's size without reading it; SourceError if missing."""
        with self._present(sha):
            return int(self.repository.odb.read_header(sha)[1])

    @contextlib.contextmanager
    def _present(self, sha: Any) -> Iterator[None]:
        import pygit2

        try:
            yield
        except (KeyError, pygit2.GitError) as error:
            raise SourceError(
                f"{self.path}: object {sha} is missing or broken; fetch the "
                "repository completely (partial clones cannot be read), "
                "'git fsck' shows the damage"
            ) from error


def find_sources(patterns: Iterable[str]) -> list[Source]:
    """Return the sources that match, by name; each real path once.

    Raises:
        SourceError: if a pattern matches nothing, a match is no repository or
            has no commit, or two sources have the same name.
    """
    paths = {path.resolve() for pattern in patterns for path in _matches(pattern)}
    sources: dict[str, Source] = {}
    for path in sorted(paths):
        source = _bundle(path) if path.is_file() else _repository(path)
        if source.name in sources:
            raise SourceError(
                f"{path} and {sources[source.name].path} are both named "
                f"'{source.name}'; keep one of them in harvest.sources"
            )
        sources[source.name] = source
    return [sources[name] for name in sorted(sources)]


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
            head = _unbundle(source.path, folder)
        else:
            head = str(source.head)
            objects = source.git_folder / "objects"
            (folder / "objects/info").mkdir(exist_ok=True)
            (folder / "objects/info/alternates").write_text(f"{objects}\n")
            with contextlib.suppress(FileNotFoundError):
                shallow = (source.git_folder / "shallow").read_text()
        repository = pygit2.Repository(folder)
        yield OpenSource(
            source.path, head, folder, repository, frozenset(shallow.split())
        )


def remote_name(url: str) -> str | None:
    """Return `host/owner/name` of a remote's URL, or None for a local path."""
    match = REMOTE_URL.fullmatch(url.strip()) or SCP_URL.fullmatch(url.strip())
    if match is None:
        return None
    path = match["path"].strip("/").removesuffix(".git")
    return f"{match['host'].lower()}/{path}"


def _matches(pattern: str) -> list[Path]:
    expanded = Path(pattern).expanduser()
    if expanded.exists():
        return [expanded]
    found = glob.glob(str(expanded), recursive=True)  # noqa: PTH207
    if not found:
        raise SourceError(
            f"harvest.sources: '{pattern}' matches nothing; correct it in the "
            "params or create it first"
        )
    return [Path(path) for path in found]


def _bundle(path: Path) -> Source:
    if path.suffix != ".bundle":
        raise SourceError(
            f"{path}: neither a repository nor a '.bundle' file; "
            "narrow the pattern in harvest.sources"
        )
    return Source(path.stem, path, None, None)


def _repository(path: Path) -> Source:
    import pygit2
    from pygit2.enums import RepositoryOpenFlag

    try:
        repository = pygit2.Repository(path, RepositoryOpenFlag.NO_SEARCH)
        url = _origin(repository)
        if repository.head_is_unborn:
            raise SourceError(
                f"{path}: the repository has no commit; commit first or take it "
                "out of harvest.sources"
            )
        head = str(repository.head.target)
    except pygit2.GitError as error:
        raise SourceError(
            f"{path}: cannot be read as a git repository: {error}; "
            "correct harvest.sources"
        ) from error
    folder = path.parent if path.name == ".git" else path
    name = remote_name(url) or folder.name.removesuffix(".git")
    return Source(name, path, head, _common_folder(Path(repository.path)))


def _origin(repository: Any) -> str:
    config = repository.config
    return str(config["remote.origin.url"]) if "remote.origin.url" in config else ""


def _common_folder(git_folder: Path) -> Path:
    """Return the folder with the objects: a linked work tree names another."""
    pointer = git_folder / "commondir"
    if not pointer.exists():
        return git_folder
    return (git_folder / pointer.read_text().rstrip("\n")).resolve()


def _unbundle(bundle: Path, folder: Path) -> str:
    """Unpack all objects and return the sha of HEAD."""
    git = run_git(folder, "bundle", "unbundle", str(bundle))
    if git.returncode != 0:
        reason = " ".join(git.stderr.split())
        raise SourceError(
            f"{bundle}: the bundle cannot be read: {reason}; create it again with "
            "'git bundle create FILE HEAD --branches'"
        )
    heads = {name: sha for sha, name in map(str.split, git.stdout.splitlines())}
    for name in ("HEAD", "refs/heads/main", "refs/heads/master"):
        if name in heads:
            return heads[name]
    raise SourceError(
        f"{bundle}: the bundle has no HEAD, main or master; create it again with "
        "'git bundle create FILE HEAD --branches'"
    )
