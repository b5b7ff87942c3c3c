"""Find the repositories and bundles that params name: paths, globs, folders, clones."""

import contextlib
import glob
import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from diffscribe.core.errors import SourceError
from diffscribe.core.files import temporary_folder
from diffscribe.core.params import SourceParams
from diffscribe.doors.repository import (
    OpenSource,
    Source,
    borrow_objects,
    open_source,
    read_head,
    read_roots,
    read_sizes,
)

CLONES = Path("data/clones")
"""The folder of fetched repositories; .gitignore and `make clean` know its name."""
SEARCHED_LEVELS = 4
"""Depth to which a folder is searched for repositories."""
REMOTE_URL = re.compile(
    r"(?P<protocol>\w+)://(?:[^/@]*@)?(?P<host>[^/:@]+)(?::\d+)?/(?P<path>.+)"
)
SCP_URL = re.compile(r"(?:[^/@]*@)?(?P<host>[^/:@]+):(?!//|:)(?P<path>.+)")
MAX_NAME_CHARS = 200
PLAIN_PART = re.compile(r"[\w~][\w.~+-]*")

_PLACE = {"path", "url"}
"""The settings that say where a source is; others say how it is read."""

OnError = Callable[[SourceError], None]
"""Takes the error of one source; it may raise it to end the search."""


class Sources(NamedTuple):
    """The sources that params name."""

    kept: list[Source]
    """Sorted by name; each repository once."""
    duplicates: int
    """Sources left out because an earlier one has their objects or remote."""
    disagreements: list[str]
    """A sentence for each source whose entries have other settings."""


class Place(NamedTuple):
    """Where a repository or bundle should be."""

    path: Path
    """Its path, links resolved."""
    settings: SourceParams


def find_sources(params: tuple[SourceParams, ...], on_error: OnError) -> Sources:
    """Return the sources that params name; of equal ones the first wins.

    Two sources are equal if they share a real path, a folder of objects or a remote.
    One whose name an earlier one has gets more of its path as its name. A source is
    private if an entry that says so leads to it or to a folder that it is in, or to
    one whose remote, objects or oldest commit it has. A source that cannot be used
    goes to `on_error` and is left out.

    Raises:
        SourceError: if a private entry cannot be used while others are not private.
    """
    kept: dict[str | Path, Source] = {}
    marks: dict[str | Path, Source] = {}
    keys: dict[Path, str | Path] = {}
    entries: dict[str | Path, list[SourceParams]] = {}
    is_mixed = len({each.private for each in params}) > 1
    hidden = {path for each in params if each.private for path in _hidden_paths(each)}
    remotes = (remote_name(each.url or "") or "" for each in params if each.private)
    private: set[str | Path] = {remote.casefold() for remote in remotes}
    places: list[tuple[Place, OnError]] = []
    for settings in params:
        is_unknown = settings.private and is_mixed and settings.url is None
        report = _refuse_unknown if is_unknown else on_error
        # Where nothing is read, nothing has to be there.
        missing = report if settings.read else _pass_over
        places += ((place, report) for place in find_places((settings,), missing))
    for place, report in places:
        settings = place.settings
        try:
            source = _source(place)
            content = source.git_folder or source.path
            key = keys.setdefault(content, source.remote or content)
            above = (*source.path.parents, source.path, *content.parents, content)
            if settings.private or not hidden.isdisjoint(above):
                private.add(key)
            if not settings.read:
                marks[key] = source
            elif key not in kept:
                taken = {each.name.casefold() for each in kept.values()}
                kept[key] = source._replace(name=_free_name(source, taken))
        except SourceError as error:
            report(error)
            continue
        entries.setdefault(key, []).append(settings)
    secret = [each for key, each in (marks | kept).items() if key in private]
    others = {key: each for key, each in kept.items() if key not in private}
    related = _related(others, secret) if secret and others else {}
    sources = [
        source._replace(
            settings=source.settings.model_copy(
                update={"private": key in private or key in related}
            )
        )
        for key, source in kept.items()
    ]
    return Sources(
        sorted(sources, key=lambda each: each.name),
        sum(each.read for given in entries.values() for each in given) - len(kept),
        [
            f"harvest.sources names '{kept[key].name}' more than once, with other "
            "settings: the first entry counts, and it is private if any entry says so"
            for key, each in entries.items()
            if key in kept
            and len({entry.model_dump_json(exclude=_PLACE) for entry in each}) > 1
        ]
        + [
            f"'{kept[key].name}' is private, as an entry of harvest.sources marks "
            + (
                f"'{related[key]}', with which it shares commits"
                if key in related
                else "its folder, its remote or a link to it"
            )
            for key, each in entries.items()
            if key in kept
            and (key in related or key in private)
            and not any(entry.private for entry in each)
        ],
    )


def _pass_over(error: SourceError) -> None:
    """Leave out a source that need not be there."""


def _refuse_unknown(error: SourceError) -> None:
    raise SourceError(
        f"{error}; the entry is private, and nobody can tell what others of it must "
        "not be sent"
    )


def _hidden_paths(settings: SourceParams) -> Iterator[Path]:
    """Yield what a private entry names, and where links below it lead to a repository.

    At and below these paths everything is private.
    """
    if settings.path is None:
        return
    for each in _named(settings.path):
        yield _real(each)
        yield from _linked(each, SEARCHED_LEVELS)


def _linked(folder: Path, levels: int) -> Iterator[Path]:
    """Yield the repositories to which links in a folder lead."""
    if levels == 0 or not folder.is_dir() or _is_repository(folder):
        return
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for each in sorted(entries, key=lambda entry: entry.name):
            path = Path(each.path)
            if not each.is_symlink():
                yield from _linked(path, levels - 1)
            elif _is_repository(path):
                yield _real(path)


def _real(path: Path) -> Path:
    """Return a path without links; unlike Path.resolve, also of links in a circle."""
    return Path(os.path.realpath(path))


def _related(
    others: Mapping[str | Path, Source], secret: Sequence[Source]
) -> dict[str | Path, str]:
    """Return those of the others that have commits of a secret source, and its name.

    They have the oldest commit of it, or it has theirs: clones under another remote,
    forks, bundles, and those that borrow objects.

    Raises:
        SourceError: if a secret source has no whole history to compare.
    """
    roots: dict[str | Path, frozenset[str]] = {}
    found: dict[str | Path, str] = {}
    with temporary_folder() as folder:
        opened: dict[str | Path, OpenSource] = {}
        for number, each in enumerate(secret):
            try:
                opened[each.path] = open_source(each, folder / f"s{number}")
                roots[each.path] = read_roots(opened[each.path])
            except SourceError as error:
                _refuse_unknown(error)
        for number, (key, each) in enumerate(others.items()):
            try:
                opened[key] = open_source(each, folder / f"{number}")
                roots[key] = read_roots(opened[key])
            except SourceError:
                # What can be read of it is compared, and harvest tells the error.
                roots[key] = frozenset()
        wanted = sorted(frozenset().union(*roots.values()))
        held = {key: {*read_sizes(each, wanted)} for key, each in opened.items()}
        for key in others:
            for each in secret:
                mine, theirs = held.get(key, set()), held[each.path]
                if mine & roots[each.path] or theirs & roots[key]:
                    found.setdefault(key, each.name)
    return found


def held_by(sources: Sequence[Source], shas: Collection[str]) -> set[str]:
    """Return those objects that any of the sources has."""
    found: set[str] = set()
    with temporary_folder() as folder:
        for number, each in enumerate(sources):
            # What cannot be read holds nothing, and harvest tells the error.
            with contextlib.suppress(SourceError):
                opened = open_source(each, folder / f"{number}")
                found |= {*read_sizes(opened, sorted(shas))} if shas else set()
    return found


def _free_name(source: Source, taken: Collection[str]) -> str:
    """Return a name that is not taken: by its path it has longer and longer ones.

    Raises:
        SourceError: if there is none.
    """
    names = [source.name]
    if source.settings.name is None and source.remote is None:
        folders = _named_folder(source.path).parts[-2:0:-1]
        longer = accumulate(folders, lambda name, folder: f"{folder}/{name}")
        names += [plain_name(f"{each}/{source.name}") for each in longer]
    for name in names:
        if name.casefold() not in taken:
            return name
    raise SourceError(
        f"{source.path}: another source is named '{source.name}' too; write "
        "{path: ..., name: ...} in harvest.sources to give it a name of its own"
    )


def _named_folder(path: Path) -> Path:
    """Return the folder or bundle after which a source is named."""
    return path.parent if path.name == ".git" else path


def _source(place: Place) -> Source:
    path, settings = place
    if path.is_file():
        if path.suffix != ".bundle":
            raise SourceError(
                f"{path}: neither a repository nor a '.bundle' file; "
                "correct harvest.sources"
            )
        name = settings.name or plain_name(path.stem)
        return Source(name, path, None, None, None, settings)
    with temporary_folder() as folder:
        borrowed = borrow_objects(path, folder)
        head = read_head(path, folder, settings.revision)
    remote = remote_name(settings.url or borrowed.url)
    folder_name = _named_folder(path).name.removesuffix(".git")
    return Source(
        name=settings.name or remote or plain_name(folder_name),
        path=path,
        head=head,
        git_folder=borrowed.objects,
        remote=remote and remote.casefold(),
        settings=settings,
    )


def find_places(params: tuple[SourceParams, ...], on_error: OnError) -> Iterator[Place]:
    """Yield the places of each entry in its order; those of one entry are sorted.

    An entry that leads nowhere, and a folder that cannot be searched, go to `on_error`.
    """
    for settings in params:
        try:
            if settings.url is None:
                paths = _matches(str(settings.path), on_error)
            elif (folder := clone_folder(settings.url)).exists():
                paths = [folder]
            else:
                raise SourceError(
                    f"{settings.url}: not cloned to {folder} yet; run 'make clone'"
                )
        except SourceError as error:
            on_error(error)
            continue
        for path in dict.fromkeys(each.resolve() for each in paths):
            yield Place(path, settings)


def _matches(pattern: str, on_error: OnError) -> list[Path]:
    """Return what a path or glob leads to; other matches of a glob are passed over."""
    if Path(pattern).expanduser().is_file():
        return [Path(pattern).expanduser()]
    paths: list[Path] = []
    for each in _named(pattern):
        if each.is_dir():
            paths += _search(each, SEARCHED_LEVELS, on_error)
        elif each.suffix == ".bundle":
            paths.append(each)
    if not paths:
        raise SourceError(
            f"harvest.sources: '{pattern}' matches no repository or bundle, nor "
            f"folders with one 1 to {SEARCHED_LEVELS} levels below; correct it in "
            "the params or create it first"
        )
    return paths


def _named(pattern: str) -> list[Path]:
    """Return the path that is named, or those that fit a glob, sorted."""
    named = Path(pattern).expanduser()
    if named.exists():
        return [named]
    return sorted(map(Path, glob.glob(str(named), recursive=True)))  # noqa: PTH207


def _is_repository(folder: Path) -> bool:
    is_bare = (folder / "HEAD").is_file() and (folder / "objects").is_dir()
    return is_bare or (folder / ".git").exists()


def _search(folder: Path, levels: int, on_error: OnError) -> list[Path]:
    """Return the folder if it is a repository, else the repositories below it.

    Links and hidden folders are passed over: caches are full of clones.
    """
    if _is_repository(folder):
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
        on_error(
            SourceError(
                f"{folder}: cannot be searched for repositories: {error.strerror}; "
                "correct harvest.sources"
            )
        )
        return []
    return [
        path for each in below for path in _search(Path(each), levels - 1, on_error)
    ]


def remote_name(url: str) -> str | None:
    """Return `host/owner/name` of a remote's URL; None for a local path."""
    match = _parsed(re.split(r"[?#]", url, maxsplit=1)[0])
    if match is None:
        return None
    path = match["path"].strip("/").removesuffix(".git")
    name = f"{match['host'].lower()}/{path}"
    is_plain = plain_name(name) == name and ".." not in name.split("/")
    return name if is_plain else None


def plain_name(name: str) -> str:
    """Return a name cut to MAX_NAME_CHARS, with unprintable characters replaced."""
    shown = (
        each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in name
    )
    return "".join(shown)[:MAX_NAME_CHARS]


def protocol_of(url: str) -> str:
    """Return the protocol of a remote's URL; `host:path` is ssh.

    Raises:
        SourceError: if it is no URL of a remote.
    """
    match = _parsed(url)
    if match is None or match["host"].startswith("-"):
        raise SourceError(
            f"harvest.sources: '{url}' is no URL of a repository; write "
            "https://host/owner/name, or path instead of url for a folder"
        )
    return str(match.groupdict().get("protocol", "ssh")).lower()


def clone_folder(url: str, clones: Path = CLONES) -> Path:
    """Return the folder below `clones` that holds the repository of a URL.

    Raises:
        SourceError: if its name could lead out of that folder.
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
