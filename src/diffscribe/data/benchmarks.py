"""The repositories and commits of benchmarks, that no split may hold."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from diffscribe.errors import ParamsError
from diffscribe.records import Change

_SHA = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_ABBREVIATED = re.compile(r"(?=.*[0-9])[0-9a-f]{7,39}")


class Benchmark(NamedTuple):
    """What is kept out of the splits."""

    repositories: frozenset[str]
    """Lower-case names; `owner/name` is meant on every host."""
    commits: frozenset[str]

    def has_repository(self, repo: str) -> bool:
        """Tell whether a repository is listed, by its name or its end."""
        parts = repo.lower().split("/")
        names = {"/".join(parts[start:]) for start in range(len(parts))}
        return not names.isdisjoint(self.repositories)

    def has_commit(self, change: Change) -> bool:
        """Tell whether a change contains a commit that is listed."""
        return any(commit.sha in self.commits for commit in change.commits)


def read_benchmarks(entries: Iterable[str], folder: Path) -> Benchmark:
    """Return what params list: repositories, and files `*.txt` of the folder.

    A line of a file is a repository or a whole commit sha; what follows a `#`
    is a comment.

    Raises:
        ParamsError: if there is no such file, or a sha is abbreviated.
    """
    repositories: set[str] = set()
    commits: set[str] = set()
    for entry in entries:
        if entry.endswith(".txt"):
            lines = _lines(folder / entry)
        else:
            lines = {"split.benchmarks": entry.lower()}
        for where, name in lines.items():
            if _ABBREVIATED.fullmatch(name):
                raise ParamsError(f"{where}: write all digits of the commit sha {name}")
            (commits if _SHA.fullmatch(name) else repositories).add(name)
    return Benchmark(frozenset(repositories), frozenset(commits))


def _lines(path: Path) -> dict[str, str]:
    """Return the names in a file by their places."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ParamsError(
            f"split.benchmarks: '{path}' cannot be read; name a text file of "
            f"'{path.parent}', or a repository"
        ) from error
    named = (line.partition("#")[0].strip().lower() for line in text.splitlines())
    return {f"{path}:{number}": name for number, name in enumerate(named, 1) if name}
