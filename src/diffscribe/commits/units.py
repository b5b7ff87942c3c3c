"""Units: what goes into one commit as a whole, a file or one hunk of a file.

The files of a change in the order of its list are the numbers that a prompt and an
answer go by. The hunks of a file are numbered from 1 as
`git -c diff.algorithm=myers diff -U3 --inter-hunk-context=0` prints them. The first
line of an answer says which commit each unit is in.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from diffscribe.commits.diff import patches_by_path
from diffscribe.core.records import FileChange, FileKind, FileStatus

_NEVER_SPLIT = re.compile(
    r"(?:new|deleted) file mode |index \S+ 1[26]0000$|Binary files "
)
"""Lines of a patch's header: 120000 is the mode of a symlink, 160000 of a submodule."""


Group = tuple[int, ...]
"""The commits of a file: none if it is junk, one, or one for each of its hunks."""


class FileUnits(NamedTuple):
    """A changed file and what of it can be told apart."""

    path: str
    """The path at head, or at base if the file was deleted."""
    hunks: int = 1
    """How many hunks may go to different commits; 1 if the file is never split."""
    may_be_junk: bool = True
    """Whether HEAD does not have the file and a pattern can name it."""


def units_of(files: Sequence[FileChange], diff: str) -> tuple[FileUnits, ...]:
    """Return the units of a change in the order of its files.

    Added, deleted, binary and merely renamed files, symlinks, submodules, files whose
    content is elsewhere (LFS), and files of which only mode or type changed are never
    split. A file without a patch in the diff is never split either.

    Raises:
        RecordError: if the diff is not what git prints.
    """
    found = {each.path: each for each in units_of_diff(diff)}
    units = []
    for file in files:
        is_splittable = (
            file.path in found
            and file.status in (FileStatus.MODIFIED, FileStatus.RENAMED)
            and file.kind == FileKind.FILE
            and not file.is_binary
        )
        hunks = found[file.path].hunks if is_splittable else 1
        is_new = file.status == FileStatus.ADDED
        units.append(FileUnits(file.path, hunks, is_new and _can_be_named(file.path)))
    return tuple(units)


def units_of_diff(diff: str) -> tuple[FileUnits, ...]:
    """Return the units of a diff, its files in their order there.

    Raises:
        RecordError: if the diff is not what git prints.
    """
    units = []
    for path, (patch, *more) in patches_by_path(diff).items():
        # What became a symlink or a submodule has two patches.
        is_whole = bool(more) or any(map(_NEVER_SPLIT.match, patch.header))
        is_new = any(line.startswith("new file mode ") for line in patch.header)
        hunks = 1 if is_whole else max(1, len(patch.hunks))
        may_be_junk = is_new and not more and _can_be_named(path)
        units.append(FileUnits(path, hunks, may_be_junk))
    return tuple(units)


def _can_be_named(path: str) -> bool:
    """Tell whether a line of .gitignore can hold the path: it ends at a line feed."""
    return not re.search(r"[\0-\x1f\x7f]", path)


# The first line of an answer.

_WORD = re.compile(r"[()]|[^\s()]+")
_NUMBER = re.compile("[0-9]{1,4}")
_MAX_SHOWN_CHARS = 40


class PlanLinesError(ValueError):
    """Why a plan cannot be written as lines, or why lines are no plan."""


def write_first_line(groups: Iterable[Group]) -> str:
    """Return the first line for the commits of each file."""
    words = (" ".join(map(str, group)) or "-" for group in groups)
    return " ".join(f"({each})" if " " in each else each for each in words)


def read_first_line(line: str, files: Sequence[FileUnits]) -> list[Group]:
    """Return the commits of each file that a first line names.

    Raises:
        PlanLinesError: if it fits no plan for the files.
    """
    words = iter(_WORD.findall(line))
    top = 0
    groups: list[Group] = []
    for number, file in enumerate(files, start=1):
        where = f"line 1, file {number}"
        word = next(words, None)
        if word is None:
            raise PlanLinesError(
                f"line 1 ends after {number - 1} of {len(files)} files"
            )
        if word == "-":
            if not file.may_be_junk:
                raise PlanLinesError(f"{where} is not new, so it cannot be junk")
            groups.append(())
            continue
        group = []
        for each in _until_bracket(words, where) if word == "(" else [word]:
            group.append(_read_number(each, top, where))
            top = max(top, group[-1])
        if word == "(" and len(group) != file.hunks:
            raise PlanLinesError(
                f"{where}: {len(group)} numbers in brackets for {file.hunks} hunks"
            )
        groups.append(tuple(group) if len({*group}) > 1 else (group[0],))
    if next(words, None) is not None:
        raise PlanLinesError(f"line 1 has more than the {len(files)} entries it should")
    return groups


def _until_bracket(words: Iterator[str], where: str) -> list[str]:
    found: list[str] = []
    for word in words:
        if word == ")":
            if not found:
                break
            return found
        found.append(word)
    raise PlanLinesError(f"{where}: the brackets are empty or not closed")


def _read_number(word: str, top: int, where: str) -> int:
    if not _NUMBER.fullmatch(word) or int(word) == 0:
        shown = ascii(word[:_MAX_SHOWN_CHARS])
        raise PlanLinesError(f"{where}: {shown} is no number of a commit")
    if int(word) > top + 1:
        raise PlanLinesError(f"{where}: commit {word} comes before commit {top + 1}")
    return int(word)
