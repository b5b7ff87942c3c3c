"""Ask git which objects can be read, before libgit2 reads them in this process.

Deltas that go in a circle would keep libgit2 for ever; git too, but the kernel
stops that.
"""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from diffscribe.history.git import ask_git
from diffscribe.history.source import OpenSource


def sizes_of(source: OpenSource, objects: Iterable[str]) -> dict[str, int]:
    """Return the sizes in bytes of those objects that the source has.

    Raises:
        SourceError: if the deltas of one never come to an end.
    """
    lines = (f"{sha}\n".encode() for sha in dict.fromkeys(objects))
    answers = (line.split() for line in _answers(source, lines))
    return {sha.decode(): int(size) for sha, *_, size in answers if size.isdigit()}


def tree_of(source: OpenSource, commit: str) -> str:
    """Return the sha of a commit's tree.

    Raises:
        SourceError: if the source lacks one of them.
    """
    (answer,) = _answers(source, [f"{commit}^{{tree}}\n".encode()])
    sha, *_, size = answer.split()
    if not size.isdigit():
        raise source.lacks(commit)
    return sha.decode()


def require_trees(source: OpenSource, tree: str) -> None:
    """Read a tree and all below it, each once, and nothing else.

    Raises:
        SourceError: if one is broken or without an end, not if it is missing.
    """
    command = ("rev-list", "--objects", "--missing=allow-any", tree)
    with Path(os.devnull).open("wb") as nowhere:
        ask_git(source.folder, source.path, command, (), nowhere)


def _answers(source: OpenSource, lines: Iterable[bytes]) -> list[bytes]:
    command = ("cat-file", "--batch-check", "--buffer")
    with tempfile.TemporaryFile(dir=source.folder) as answers:
        ask_git(source.folder, source.path, command, lines, answers)
        answers.seek(0)
        return answers.read().splitlines()
