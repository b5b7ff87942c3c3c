"""Find where the sources of params lie: paths, globs, folders, clones."""

import glob
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from diffscribe.errors import SourceError
from diffscribe.history.remote import clone_folder
from diffscribe.params import HarvestParams, SourceParams

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
    clones = Path(params.clones)
    for settings in params.sources:
        try:
            if settings.url is not None:
                paths = [_cloned(clones, settings.url)]
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


def _cloned(clones: Path, url: str) -> Path:
    folder = clone_folder(clones, url)
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
