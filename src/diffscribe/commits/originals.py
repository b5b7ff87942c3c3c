"""Tell which parts of a change each of its original commits made."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from diffscribe.commits.units import units_of_diff
from diffscribe.core.records import FileChange, OriginalCommit, Plan, PlannedCommit


class OriginalParts(NamedTuple):
    """A change divided among its original commits."""

    parts: tuple[dict[str, tuple[int, ...]], ...]
    """For each commit its files, with the numbers of their hunks if they are split."""
    mixed: frozenset[str]
    """Files that cannot be divided: a hunk has lines of two commits, or of none. Each
    is with the last commit that touched it."""


def new_paths(files: Iterable[FileChange]) -> dict[str, str]:
    """Return the path in a change of each file, also by its path before a rename."""
    files = list(files)
    before = {file.old_path: file.path for file in files if file.old_path}
    return before | {file.path: file.path for file in files}


def original_parts(
    commits: Sequence[OriginalCommit], paths: Mapping[str, str], diff: str
) -> OriginalParts:
    """Return what each commit made of a change; a file of one commit is all its own.

    A commit of which nothing is left in a file does not have it.

    Args:
        commits: oldest first.
        paths: by the name in a commit, the path in the change; other files are gone.
        diff: git's diff of the change, or any text if no commit has hunks.
    """
    touching: dict[str, list[int]] = defaultdict(list)
    for number, commit in enumerate(commits):
        known = {
            paths[name] for name in (*commit.files, *commit.hunks) if name in paths
        }
        for path in known:
            touching[path].append(number)
    units = units_of_diff(diff) if any(commit.hunks for commit in commits) else ()
    count = {each.path: each.hunks for each in units}
    parts: tuple[dict[str, tuple[int, ...]], ...] = tuple({} for _ in commits)
    mixed = set()
    for path, numbers in sorted(touching.items()):
        hunks = {number: commits[number].hunks.get(path, ()) for number in numbers}
        owned = {number: own for number, own in hunks.items() if own}
        each_once = sorted(chain.from_iterable(owned.values()))
        if len(numbers) == 1:
            owned = {numbers[0]: ()}
        elif each_once != [*range(1, count.get(path, 1) + 1)]:
            mixed.add(path)
            owned = {numbers[-1]: ()}
        for number, own in owned.items():
            parts[number][path] = own if len(owned) > 1 else ()
    return OriginalParts(parts, frozenset(mixed))


def plan_of_parts(
    commits: Iterable[OriginalCommit],
    parts: Iterable[Mapping[str, tuple[int, ...]]],
    read: Callable[[OriginalCommit], PlannedCommit],
) -> Plan:
    """Return a plan of original commits; one without a file of its own is left out.

    Args:
        commits: oldest first.
        parts: of each commit its files and their hunks, as in OriginalParts.
        read: gives the message of a commit; its files are those of the part, sorted.
    """
    planned = (
        read(commit).model_copy(
            update={
                "files": tuple(sorted(part)),
                "hunks": {path: part[path] for path in sorted(part) if part[path]},
            }
        )
        for commit, part in zip(commits, parts, strict=True)
        if part
    )
    return Plan(commits=tuple(planned))
