"""Read what changed files tell, and describe each two of them by numbers.

The evidence of a file is what its changed lines and its path hold, as sets. The
features of two files are numbers that tell whether they belong together.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from diffscribe.commits.diff import FilePatch, patches_by_path
from diffscribe.commits.path_rules import (
    is_change_log,
    is_machine_made,
    type_of_paths,
)
from diffscribe.core.errors import RecordError

IDENTIFIER = re.compile(r"[^\W\d]\w{2,}")
URL = re.compile(r"\b\w{1,12}://[^\s\"'<>`]+")
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_a-zA-Z]+|\d+")
MARK_OF_TESTS = re.compile(
    r"^[Tt]ests?(?=[A-Z])|^(tests?|specs?)[_.-]|[_.-](tests?|specs?)$|(Tests?|Specs?)$"
)
MAX_LINES = 2000
"""Lines read of one file; more would cost time and tell little."""


class FileEvidence(NamedTuple):
    """One changed file; sets hold identifiers unless another thing is named."""

    path: str
    folders: tuple[str, ...]
    stem: str
    """The name without extension and without what marks a test, in lower case."""
    extension: str
    kind: str
    """The type that path rules give to the path, or `code`."""
    status: str
    """Added, modified, deleted or renamed: A, M, D or R."""
    words: frozenset[str]
    """The words of the path, in lower case."""
    added: frozenset[str]
    removed: frozenset[str]
    context: frozenset[str]
    """Identifiers in unchanged lines and hunk headers."""
    added_lines: frozenset[str]
    removed_lines: frozenset[str]
    additions: int
    deletions: int


def read_evidence(paths: Collection[str], diff: str) -> list[FileEvidence]:
    """Return the evidence of each path, sorted by path.

    A path that the diff does not show has only what its name tells. A text that is
    not a diff of git shows none.
    """
    try:
        patches = patches_by_path(diff)
    except RecordError:
        patches = {}
    return [_evidence(path, patches.get(path, [])) for path in sorted({*paths})]


def words_of(text: str) -> frozenset[str]:
    """Return the words of a camelCase or snake_case name, in lower case."""
    return frozenset(word.lower() for word in WORD.findall(text))


def _evidence(path: str, patches: list[FilePatch]) -> FileEvidence:
    lines: dict[str, list[str]] = {"+": [], "-": [], " ": []}
    for sign, line in _lines(patches):
        lines[sign].append(line)
    pure = PurePosixPath(path)
    return FileEvidence(
        path=path,
        folders=pure.parent.parts,
        stem=_stem(pure),
        extension=pure.suffix.lower(),
        kind=type_of_paths([path]) or "code",
        status=_status(patches),
        words=words_of(path),
        added=_identifiers(path, lines["+"]),
        removed=_identifiers(path, lines["-"]),
        context=_identifiers(path, lines[" "]),
        added_lines=_stripped(lines["+"]),
        removed_lines=_stripped(lines["-"]),
        additions=len(lines["+"]),
        deletions=len(lines["-"]),
    )


def _lines(patches: list[FilePatch]) -> Iterator[tuple[str, str]]:
    left = MAX_LINES
    for patch in patches:
        for hunk in patch.hunks:
            yield " ", hunk.function
            for line in hunk.lines[:left]:
                if line[0] != "\\":
                    yield line[0], line[1:]
            left = max(0, left - len(hunk.lines))


def _stem(path: PurePosixPath) -> str:
    name = path.name.lstrip(".").split(".")[0] or path.name
    inner = path.name.lstrip(".").rsplit(".", 1)[0]
    return (MARK_OF_TESTS.sub("", inner) or name).lower()


def _status(patches: list[FilePatch]) -> str:
    header = [line for patch in patches for line in patch.header]
    for status, start in (("R", "rename to "), ("A", "new file"), ("D", "deleted")):
        if any(line.startswith(start) for line in header):
            return status
    return "M"


def _identifiers(path: str, lines: list[str]) -> frozenset[str]:
    """Return the identifiers in lines of a file.

    The URLs of lock files and of other files that no person writes are left out: hosts
    of package registries say nothing of a change.
    """
    text = "\n".join(lines)
    if is_machine_made(path):
        text = URL.sub(" ", text)
    return frozenset(IDENTIFIER.findall(text))


def _stripped(lines: list[str]) -> frozenset[str]:
    """Return the lines of more than three characters, without indentation."""
    return frozenset(text for line in lines if len(text := line.strip()) > 3)


def common_folders(files: Sequence[FileEvidence]) -> list[str]:
    """Return the folders above all files, from the root on."""
    levels = zip(*(file.folders for file in files), strict=False)
    alike = takewhile(lambda names: len(set(names)) == 1, levels)
    return [names[0] for names in alike]


Square = NDArray[Any]
"""Numbers of files by files; symmetric."""
Sets = Sequence[Collection[str]]
Weight = Callable[[str], float]

COLUMNS: tuple[str, ...] = (
    *("changed", "changed_here", "seen", "added", "new", "gone", "shared"),
    *("new_shared", "new_used", "words", "added_lines", "removed_lines", "named"),
    *("name_seen", "path_in_lines"),
    *("depth", "common_folders", "distance", "same_folder", "nested", "same_stem"),
    *("same_extension", "stem_is_folder", "path_words", "stem_words"),
    *("changed_here_most", "changed_here_least", "seen_most", "seen_least"),
    *("path_words_most", "path_words_least", "kind_code", "kind_test", "kind_docs"),
    *("kind_build", "kind_ci", "kind_chore", "status_A", "status_M", "status_D"),
    *("status_R", "most_additions", "least_additions", "most_deletions"),
    *("least_deletions", "least_new", "same_size", "change_logs", "machine_made"),
    *("files", "stems", "all_folders", "all_extensions", "all_lines"),
    *("share_code", "share_docs", "share_chore"),
)
"""The features, in the order that trees know them by."""
COMPARED = ("changed_here", "seen", "path_words")
"""Features that are also given as a share of the best that either file has."""

KINDS = ("code", "test", "docs", "build", "ci", "chore")
STATUSES = ("A", "M", "D", "R")
SHARED_KINDS = {"code": ("code",), "docs": ("docs",), "chore": ("build", "ci", "chore")}
"""Kinds of which the share in the whole change is a feature, by its name."""
FOLDERS_NAME_IT = frozenset(
    (
        *("common", "config", "helpers", "index", "init", "lib", "main", "mod"),
        *("readme", "test", "tests", "types", "util", "utils"),
    )
)
"""Stems that say less than the folder which they are in."""
SHORTEST_NAME = 3
"""A shorter file name is found in lines by accident."""


class Rarity(NamedTuple):
    """The number of training files that hold each identifier."""

    files: int
    counts: Mapping[str, int]

    def weight(self, token: str) -> float:
        """Return the inverse document frequency, at least 1."""
        return 1 + math.log((1 + self.files) / (1 + self.counts.get(token, 0)))


def rarity_of(files: Iterable[FileEvidence], least: int) -> Rarity:
    """Count the files with each changed identifier; ones with fewer than `least` go."""
    counts: Counter[str] = Counter()
    total = 0
    for file in files:
        counts.update(file.added | file.removed)
        total += 1
    return Rarity(total, {t: n for t, n in sorted(counts.items()) if n >= least})


def pair_features(files: Sequence[FileEvidence], rarity: Rarity) -> NDArray[np.float32]:
    """Return a row for each two files, (0, 1), (0, 2), …, in COLUMNS columns."""
    squares = _text_features(files, rarity) | _path_features(files)
    for name in COMPARED:
        most, least = _beside_the_best(squares[name])
        squares |= {f"{name}_most": most, f"{name}_least": least}
    squares |= _file_features(files)
    first, second = np.triu_indices(len(files), 1)
    return np.stack(
        [squares[name][first, second] for name in COLUMNS], axis=1, dtype=np.float32
    )


def _text_features(files: Sequence[FileEvidence], rarity: Rarity) -> dict[str, Square]:
    """Return what the lines have in common."""
    changed = [file.added | file.removed for file in files]
    seen = [names | file.context for names, file in zip(changed, files, strict=True)]
    new = [file.added - file.removed for file in files]
    gone = [file.removed - file.added for file in files]
    words = [frozenset[str]().union(*map(words_of, names)) for names in changed]
    here = _weight_here(changed, rarity.weight)
    used = _shared(new, seen, rarity.weight)
    path_words = [file.words - {file.extension[1:]} for file in files]
    in_lines = _shared(path_words, words)
    names = [_name(file) for file in files]
    return {
        "changed": _cosine(changed, rarity.weight),
        "changed_here": _cosine(changed, here),
        "seen": _cosine(seen, rarity.weight),
        "added": _cosine([file.added for file in files], rarity.weight),
        "new": _cosine(new, here),
        "gone": _cosine(gone, here),
        "shared": np.log1p(_shared(changed, changed, here)),
        "new_shared": np.log1p(_shared(new, new, here)),
        "new_used": np.log1p(np.maximum(used, used.T)),
        "words": _cosine(words, _weight_here(words)),
        "added_lines": _cosine([file.added_lines for file in files]),
        "removed_lines": _cosine([file.removed_lines for file in files]),
        "named": _named(
            [file.stem.replace("-", "_") for file in files],
            [_lower(each) | more for each, more in zip(changed, words, strict=True)],
        ),
        "name_seen": _named(names, [_lower(each) for each in seen]),
        "path_in_lines": in_lines + in_lines.T,
    }


_COMPARISONS: dict[str, Callable[[FileEvidence, FileEvidence], float]] = {
    "depth": lambda a, b: max(len(a.folders), len(b.folders)),
    "common_folders": lambda a, b: len(common_folders([a, b])),
    "distance": lambda a, b: (
        len(a.folders) + len(b.folders) - 2 * len(common_folders([a, b]))
    ),
    "same_folder": lambda a, b: a.folders == b.folders,
    "nested": lambda a, b: (
        0 < len(common_folders([a, b])) == min(len(a.folders), len(b.folders))
    ),
    "same_stem": lambda a, b: a.stem == b.stem,
    "same_extension": lambda a, b: a.extension == b.extension,
    "stem_is_folder": lambda a, b: a.stem in b.folders or b.stem in a.folders,
    "same_size": lambda a, b: (a.additions, a.deletions) == (b.additions, b.deletions),
}
"""Features of two files that need nothing but these."""


def _path_features(files: Sequence[FileEvidence]) -> dict[str, Square]:
    """Return what the paths have in common, and which files are of one size."""
    words = [file.words for file in files]
    names = [words_of(file.stem) for file in files]
    return {
        **{
            name: np.array([[compare(a, b) for b in files] for a in files])
            for name, compare in _COMPARISONS.items()
        },
        "path_words": _cosine(words, _weight_here(words)),
        "stem_words": _cosine(names),
    }


def _file_features(files: Sequence[FileEvidence]) -> dict[str, Square]:
    """Return what kind of files the two are, how large, and what the whole change."""
    added = np.log1p(np.array([file.additions for file in files]))
    gone = np.log1p(np.array([file.deletions for file in files]))
    new = np.log1p(np.array([len(file.added - file.removed) for file in files]))
    kinds = [file.kind for file in files]
    whole = {
        "files": len(files),
        "stems": len({file.stem for file in files}),
        "all_folders": len({file.folders for file in files}),
        "all_extensions": len({file.extension for file in files}),
        "all_lines": math.log1p(sum(file.additions + file.deletions for file in files)),
        **{
            f"share_{name}": sum(kind in some for kind in kinds) / len(kinds)
            for name, some in SHARED_KINDS.items()
        },
    }
    return {
        **{f"kind_{each}": _sum([kind == each for kind in kinds]) for each in KINDS},
        **{
            f"status_{each}": _sum([file.status == each for file in files])
            for each in STATUSES
        },
        "most_additions": np.maximum.outer(added, added),
        "least_additions": np.minimum.outer(added, added),
        "most_deletions": np.maximum.outer(gone, gone),
        "least_deletions": np.minimum.outer(gone, gone),
        "least_new": np.minimum.outer(new, new),
        "change_logs": _sum([is_change_log(file.path) for file in files]),
        "machine_made": _sum([is_machine_made(file.path) for file in files]),
        **{name: np.full((len(files),) * 2, value) for name, value in whole.items()},
    }


def _weight_here(sets: Sets, weight: Weight | None = None) -> Weight:
    """Return a weight that falls with the share of this change's files with a token."""
    counts = Counter(token for each in sets for token in each)
    local = {token: math.log((1 + len(sets)) / n) for token, n in counts.items()}
    return lambda token: local[token] * (weight(token) if weight else 1)


def _cosine(sets: Sets, weight: Weight | None = None) -> Square:
    vectors = _vectors(sets, _index(sets), weight)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors /= np.where(lengths == 0, 1, lengths)
    return vectors @ vectors.T


def _shared(sets: Sets, others: Sets, weight: Weight | None = None) -> Square:
    """Return the weight of what each of the sets shares with each of the others.

    Without a weight it is their number.
    """
    index = _index(sets)
    return _vectors(sets, index, weight) @ _vectors(others, index).T


def _index(sets: Sets) -> dict[str, int]:
    return {token: n for n, token in enumerate(sorted(set().union(*sets)))}


def _vectors(
    sets: Sets, index: Mapping[str, int], weight: Weight | None = None
) -> Square:
    weights = {token: weight(token) if weight else 1 for token in index}
    vectors = np.zeros((len(sets), len(index)), dtype=np.float32)
    for row, tokens in zip(vectors, sets, strict=True):
        for token in tokens:
            if token in index:
                row[index[token]] = weights[token]
    return vectors


def _lower(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name.lower() for name in names)


def _name(file: FileEvidence) -> str:
    """Return what other files call a file: its stem, or the folder that it is in."""
    name = file.stem.strip("_")
    if name in FOLDERS_NAME_IT and file.folders:
        name = file.folders[-1].lower()
    return name.replace("-", "_")


def _named(names: Sequence[str], texts: Sets) -> Square:
    """Return whether the text of either file has the other's name."""
    found = np.array(
        [[len(n) >= SHORTEST_NAME and n in text for text in texts] for n in names]
    )
    either: Square = found | found.T
    return either


def _sum(marks: Sequence[bool]) -> Square:
    """Return how many of each two are marked."""
    numbers = np.array(marks, dtype=np.float32)
    return np.add.outer(numbers, numbers)


def _beside_the_best(square: Square) -> tuple[Square, Square]:
    """Return how near two files are, as a share of what is nearest to either.

    Of the shares of the two files the larger one comes first.
    """
    others = square * (1 - np.eye(len(square)))
    best = others.max(axis=1, keepdims=True)
    share = others / np.where(best == 0, 1, best)
    return np.maximum(share, share.T), np.minimum(share, share.T)
