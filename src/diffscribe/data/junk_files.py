"""Which junk files lie about in the working tree of a change."""

import random
import re
from collections.abc import Collection, Iterator, Sequence
from string import Template
from typing import NamedTuple

from diffscribe.commits.gitignore import ignored
from diffscribe.data.junk_kinds import CHANCES, Kind
from diffscribe.diffs.parse import FilePatch
from diffscribe.history.gitignore import anchor, parse_patterns
from diffscribe.records import CuratedChange, FileStatus

_MAX_LINES_BEFORE = 6
_PLAIN = re.compile(r"[\w./@+=,~-]+", re.ASCII)
"""Names that neither git quotes nor a pattern takes for more than letters."""


class Junk(NamedTuple):
    """One junk file of a variant."""

    path: str
    pattern: str
    content: str | None
    is_secret: bool


def draw_junk(
    change: CuratedChange,
    patches: Sequence[FilePatch],
    draw: random.Random,
    count: int,
) -> list[Junk]:
    """Return up to `count` files sorted by path, none of them known to git.

    What the base or the change itself ignores already is left out, and so is
    what its patterns take back (`!`): somebody wants that file in git.
    """
    patterns = [*change.gitignore, *_new_patterns(patches)]
    taken_back = [each[1:] for each in patterns if each.startswith("!")]
    real = _real_paths(change) | {each.strip("/") for each in taken_back}
    found: dict[str, Junk] = {}
    for junk in _possible_junk(change, patches, real, draw):
        if len(found) == count:
            break
        paths = [junk.path]
        if ignored(patterns, paths) or ignored(taken_back, paths):
            continue
        if not _collides(junk.path, {*real, *found}):
            found[junk.path] = junk
    return sorted(found.values())


def _new_patterns(patches: Sequence[FilePatch]) -> Iterator[str]:
    """Yield what the change itself adds to .gitignore files."""
    for patch in patches:
        folder, _, name = patch.path.rpartition("/")
        if name == ".gitignore":
            lines = [
                line[1:]
                for hunk in patch.hunks
                for line in hunk.lines
                if line[0] == "+"
            ]
            for pattern in parse_patterns("".join(lines).encode("utf-8", "replace")):
                yield anchor(pattern, folder) if folder else pattern


def _real_paths(change: CuratedChange) -> set[str]:
    files = {
        path for file in change.files for path in (file.path, file.old_path) if path
    }
    return files.union(*(commit.files for commit in change.commits))


def _possible_junk(
    change: CuratedChange,
    patches: Sequence[FilePatch],
    real: Collection[str],
    draw: random.Random,
) -> Iterator[Junk]:
    """Yield junk that files of the change would bring about, in random order.

    A kind may come more than once, for other files. Its pattern is the first one that
    matches no real file; without one there is no such junk.
    """
    names = sorted(
        file.path
        for file in change.files
        if file.status != FileStatus.DELETED and _PLAIN.fullmatch(file.path)
    )
    before = {patch.path: _lines_before(patch) for patch in patches}
    for kind in draw.sample(CHANCES, len(CHANCES)):
        causes = [name for name in names if name.endswith(kind.suffixes or "")]
        if causes:
            cause = draw.choice(causes)
            words = _words(cause, change.committed_at, before.get(cause, ""), draw)
            junk = _filled(kind, words, real)
            if junk is not None:
                yield junk


def _lines_before(patch: FilePatch) -> str:
    """Return the first known lines of the file as it was, each with a line feed."""
    lines = [line for hunk in patch.hunks for line in hunk.lines if line[0] in " -"]
    return "".join(
        f"{line[1:].rstrip(chr(10))}\n" for line in lines[:_MAX_LINES_BEFORE]
    )


def _words(
    cause: str, committed_at: str, before: str, draw: random.Random
) -> dict[str, str]:
    folder, slash, name = cause.rpartition("/")
    bare = name.removeprefix(".")
    parts = cause.split("/")[:-1]
    above = parts[: draw.randint(0, len(parts))]
    return {
        "name": name,
        "bare": bare,
        "stem": bare.partition(".")[0],
        "folder": folder + slash,
        "above": "".join(f"{part}/" for part in above),
        "day": committed_at[:10],
        "before": before,
    }


def _filled(kind: Kind, words: dict[str, str], real: Collection[str]) -> Junk | None:
    """Return the junk file, or None without a fit pattern or any content."""
    patterns = (Template(pattern).substitute(words) for pattern in kind.patterns)
    pattern = next((each for each in patterns if not ignored([each], real)), None)
    content = kind.content and Template(kind.content).substitute(words)
    if pattern is None or content == "":
        return None
    path = Template(kind.path).substitute(words)
    return Junk(path, pattern, content, kind.is_secret)


def _collides(path: str, real: Collection[str]) -> bool:
    """Tell whether a path is a real file, above one, or below one."""
    return any(f"{path}/".startswith(f"{each}/") for each in real) or any(
        each.startswith(f"{path}/") for each in real
    )
