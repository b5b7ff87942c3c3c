"""Write real git histories, with the same shas on every machine."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pygit2
from pygit2.enums import CheckoutStrategy

AUTHOR = "Ada Moreno <ada@example.org>"
EXECUTABLE = 0o100755
SYMLINK = 0o120000
FIRST_COMMIT_S = 1_704_704_400
"""2024-01-08 09:00 UTC, in seconds since 1970."""
STEP_S = 4 * 3600 + 23 * 60
"""Time between two commits."""


class History:
    """A git repository that is written commit by commit, objects only.

    Identity and clock are fixed and no configuration is read, so equal calls
    give equal shas everywhere. The branch at the start is `main`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repository = pygit2.init_repository(folder, initial_head="main")
        self._branch = "main"
        self._commits = 0

    def commit(
        self,
        message: str,
        files: Mapping[str, str | bytes | None],
        *,
        author: str = AUTHOR,
        renames: Mapping[str, str] | None = None,
        modes: Mapping[str, int] | None = None,
    ) -> str:
        """Commit on the current branch and return the sha.

        `files` holds new contents by path, None to delete; all others stay.
        `renames` holds new paths by old path and is done first; content and mode
        stay. `modes` is EXECUTABLE or SYMLINK by path; else a path keeps its mode.

        Raises:
            KeyError: if a path to delete or rename does not exist.
        """
        index = self._index()
        for old, new in (renames or {}).items():
            entry = index[old]
            index.remove(old)
            _add(index, new, entry.id, entry.mode)
        for path, content in files.items():
            if content is None:
                index.remove(index[path].path)
                continue
            blob = content.encode() if isinstance(content, str) else content
            mode = index[path].mode if path in index else 0o100644
            _add(index, path, self.repository.create_blob(blob), mode)
        for path, mode in (modes or {}).items():
            _add(index, path, index[path].id, mode)
        parents = [] if self.repository.head_is_unborn else [self.head]
        return self._write(message, author, index, parents)

    def switch(self, branch: str) -> None:
        """Go to a branch; a new one starts at the current commit."""
        reference = f"refs/heads/{branch}"
        if reference not in self.repository.references:
            self.repository.references.create(reference, self.head)
        self.repository.set_head(reference)
        self._branch = branch

    def merge(self, branch: str, message: str, *, author: str = AUTHOR) -> str:
        """Merge a branch with a two-parent commit and return the sha.

        Raises:
            ValueError: if the two sides conflict.
        """
        other = self.repository.branches[branch].target
        index = self.repository.merge_commits(self.head, other)
        if index.conflicts is not None:
            raise ValueError(f"{branch} conflicts with {self._branch}")
        return self._write(message, author, index, [self.head, other])

    @property
    def head(self) -> str:
        """The sha of the newest commit of the current branch."""
        return str(self.repository.head.target)

    def read(self, path: str) -> bytes:
        """Return a file's content at head; KeyError if there is none."""
        content: bytes = self.repository[self._index()[path].id].data
        return content

    def paths(self) -> list[str]:
        """Return the paths at head, sorted."""
        return [entry.path for entry in self._index()]

    def checkout(self) -> None:
        """Fill the work tree with the files at head."""
        self.repository.checkout_head(strategy=CheckoutStrategy.FORCE)

    def bundle(self, path: Path) -> None:
        """Write the history of `main` as a git bundle that can be cloned."""
        command = ["git", "bundle", "create", "--quiet", path.absolute()]
        subprocess.run([*command, "HEAD", "main"], cwd=self.folder, check=True)

    def _index(self) -> pygit2.Index:
        index = pygit2.Index()
        if not self.repository.head_is_unborn:
            index.read_tree(self.repository[self.head].tree)
        return index

    def _write(
        self, message: str, author: str, index: pygit2.Index, parents: list[Any]
    ) -> str:
        name, email = author.removesuffix(">").split(" <")
        seconds = FIRST_COMMIT_S + self._commits * STEP_S
        signature = pygit2.Signature(name, email, seconds, 0)
        self._commits += 1
        sha = self.repository.create_commit(
            f"refs/heads/{self._branch}",
            signature,
            signature,
            message.rstrip("\n") + "\n",
            index.write_tree(self.repository),
            parents,
        )
        return str(sha)


def _add(index: pygit2.Index, path: str, blob: Any, mode: int) -> None:
    index.add(pygit2.IndexEntry(path, blob, mode))


NOUNS = (
    *("cursor", "buffer", "packet", "header", "window", "ledger", "budget", "prompt"),
    *("client", "server", "socket", "record", "column", "margin", "border", "button"),
    *("folder", "branch", "commit", "author", "editor", "parser", "reader", "writer"),
    *("filter", "sorter", "bucket", "cookie", "ticket", "region", "signal", "thread"),
)
WAYS = (
    ("feat", "read a {} from its bytes"),
    ("fix", "close the {} after a timeout"),
    ("perf", "keep each {} between two calls"),
)
LANGUAGES = {
    "src/{}.py": "def {name}(value):\n    return value + {number}\n",
    "internal/{}.go": "func {name}(value int) int {{\n\treturn value + {number}\n}}\n",
    "web/{}.ts": "export const {name} = (value: number) => value + {number};\n",
}


def write_history(folder: Path, commits: int) -> History:
    """Write a history in three languages whose commits are worth learning from.

    A commit changes one file, or adds its test too. At most 96 have subjects of their
    own.
    """
    history = History(folder)
    texts: dict[str, str] = {}
    for number in range(commits):
        noun = NOUNS[number % len(NOUNS)]
        kind, subject = WAYS[number % len(WAYS)]
        path, code = list(LANGUAGES.items())[number // 2 % len(LANGUAGES)]
        paths = [path.format(noun)]
        if kind == "feat":
            paths.append(f"tests/test_{noun}.py")
        changed = {}
        for at in paths:
            name = f"{noun}_{kind}_{number}"
            texts[at] = texts.get(at, "") + code.format(name=name, number=number) * 2
            changed[at] = texts[at]
        history.commit(f"{kind}: {subject.format(noun)}", changed)
    return history
