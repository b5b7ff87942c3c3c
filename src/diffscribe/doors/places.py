"""Find where the sources of params lie: paths, globs, folders, clones."""

import glob
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from diffscribe.core.errors import SourceError
from diffscribe.core.params import HarvestParams, SourceParams

CLONES = Path("data/clones")
"""The folder of fetched repositories; .gitignore and `make clean` know its name."""
REMOTE_URL = re.compile(
    r"(?P<protocol>\w+)://(?:[^/@]*@)?(?P<host>[^/:@]+)(?::\d+)?/(?P<path>.+)"
)
SCP_URL = re.compile(r"(?:[^/@]*@)?(?P<host>[^/:@]+):(?!//|:)(?P<path>.+)")
PASSWORD = re.compile(r"\w+://[^/@]*:[^/@]*@")
UNPRINTABLE = "\N{REPLACEMENT CHARACTER}"
MAX_NAME_CHARS = 200
PLAIN_PART = re.compile(r"[\w~][\w.~+-]*")


def remote_name(url: str) -> str | None:
    """Return `host/owner/name` of a remote's URL, or None for a local path."""
    match = _parsed(url)
    if match is None:
        return None
    path = match["path"].strip("/").removesuffix(".git")
    name = f"{match['host'].lower()}/{path}"
    is_plain = plain_name(name) == name and ".." not in name.split("/")
    return name if is_plain else None


def plain_name(name: str) -> str:
    """Return a name as it can be shown and written: printable and not long."""
    shown = (
        each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in name
    )
    return "".join(shown)[:MAX_NAME_CHARS]


def protocol_of(url: str) -> str:
    """Return the protocol of a remote's URL; git's short form is `ssh`.

    Raises:
        SourceError: if it is no URL of a remote, or holds a password.
    """
    match = _parsed(url)
    if match is None or match["host"].startswith("-"):
        raise SourceError(
            f"harvest.sources: '{url}' is no URL of a repository; write "
            "https://host/owner/name, or path instead of url for a folder"
        )
    if PASSWORD.match(url):
        raise SourceError(
            f"harvest.sources: the URL of {remote_name(url)} holds a password; "
            "take it out, git asks your credential helper for it"
        )
    return str(match.groupdict().get("protocol", "ssh")).lower()


def clone_folder(url: str, clones: Path = CLONES) -> Path:
    """Return the folder below `clones` that holds the repository of a URL.

    Raises:
        SourceError: if its name could leave that folder.
    """
    name = remote_name(url) or ""
    if not all(PLAIN_PART.fullmatch(part) for part in name.split("/")):
        raise SourceError(
            f"harvest.sources: '{url}' is no plain URL of a repository; "
            "write https://host/owner/name"
        )
    return clones / f"{name}.git"


def _parsed(url: str) -> re.Match[str] | None:
    return REMOTE_URL.fullmatch(url.strip()) or SCP_URL.fullmatch(url.strip())


SEARCHED_LEVELS = 4
"""How far below a folder repositories are looked for."""

Bad = Callable[[SourceError], None]


class Place(NamedTuple):
    """Where a repository or bundle should be."""

    path: Path
    """With links resolved."""
    settings: SourceParams


def find_places(params: HarvestParams, bad: Bad) -> Iterator[Place]:
    """Yield the place of each source in the order of params, sorted below one.

    `bad` gets the SourceError of an entry that leads nowhere and of a folder that
    cannot be searched, and may raise it.
    """
    for settings in params.sources:
        try:
            if settings.url is not None:
                paths = [_cloned(settings.url)]
            else:
                paths = _matches(str(settings.path), bad)
        except SourceError as error:
            bad(error)
            continue
        for path in dict.fromkeys(each.resolve() for each in paths):
            yield Place(path, settings)


def is_repository(folder: Path) -> bool:
    """Tell by its files whether a folder is a work tree or a bare repository."""
    if (folder / ".git").exists():
        return True
    return (folder / "HEAD").is_file() and (folder / "objects").is_dir()


def _cloned(url: str) -> Path:
    folder = clone_folder(url)
    if not folder.exists():
        raise SourceError(f"{url}: not cloned to {folder} yet; run 'make clone'")
    return folder


def _matches(pattern: str, bad: Bad) -> list[Path]:
    """Return what a path or glob leads to; what a glob meets may be neither."""
    named = Path(pattern).expanduser()
    if named.is_file():
        return [named]
    found = [str(named)] if named.is_dir() else glob.glob(str(named), recursive=True)  # noqa: PTH207
    paths: list[Path] = []
    for each in sorted(map(Path, found)):
        if each.is_dir():
            paths += _searched(each, SEARCHED_LEVELS, bad)
        elif each.suffix == ".bundle":
            paths.append(each)
    if not paths:
        raise SourceError(
            f"harvest.sources: '{pattern}' matches no repository or bundle, nor "
            f"folders with one 1 to {SEARCHED_LEVELS} levels below; correct it in "
            "the params or create it first"
        )
    return paths


def _searched(folder: Path, levels: int, bad: Bad) -> list[Path]:
    """Return a repository, or those below a folder that is none.

    Links and hidden folders are passed over: caches are full of clones.
    """
    if is_repository(folder):
        return [folder]
    if levels == 0:
        return []
    try:
        with os.scandir(folder) as entries:
            below = sorted(
                each.path
                for each in entries
                if each.is_dir(follow_symlinks=False) and each.name[0] != "."
            )
    except OSError as error:
        bad(
            SourceError(
                f"{folder}: cannot be searched for repositories: {error.strerror}; "
                "correct harvest.sources"
            )
        )
        return []
    return [path for each in below for path in _searched(Path(each), levels - 1, bad)]
