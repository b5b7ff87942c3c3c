"""Follow what a row says of the history before it: patterns, license, subjects."""

import contextlib
import re
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from diffscribe.commits.cleanup import visible_text
from diffscribe.core.files import read_table
from diffscribe.core.params import spdx_expression
from diffscribe.doors.git import UnreadableError
from diffscribe.doors.repository import OpenSource, read_sizes
from diffscribe.doors.trees import (
    Gitignores,
    TreeEntry,
    join_gitignores,
    read_gitignores,
    update_gitignores,
)
from diffscribe.harvest.filters import is_bot
from diffscribe.harvest.history import Commit, Newest

REMEMBERED_COMMITS = 4096
"""Commits at which a branch may begin without reading a whole tree again."""
MAX_BROKEN_TREES = 10
"""Trees that git may fail to read, within its limits, before a source is given up."""
MAX_SUBJECTS = 8
MAX_SUBJECT_CHARS = 100


class TreeContext(NamedTuple):
    """What a tree says; commits that leave it alone share one object."""

    gitignores: Gitignores
    patterns: tuple[str, ...]
    license: str | None


class ContextReader:
    """Derives each context from the parent's; feed it every commit in order."""

    def __init__(self, source: OpenSource) -> None:
        self._source = source
        self._unreadable = 0
        self._license_of = license_reader(source)
        self._contexts: Newest[str, TreeContext] = Newest(REMEMBERED_COMMITS)

    def read(self, commit: Commit) -> tuple[tuple[str, ...], str | None]:
        """Return the patterns of the parent's tree and the license of the own tree.

        A tree that is broken has neither, and the next commit is read anew.
        """
        parent = self._contexts.get(commit.parent)
        if parent is None and commit.parent_tree:
            parent = self._read_tree(commit.parent_tree)
        if parent is None or commit.entries is None:
            context = self._read_tree(commit.tree)
        else:
            context = self._update(parent, commit.tree, commit.entries)
        if context is not None:
            self._contexts[commit.sha] = context
        return parent.patterns if parent else (), context and context.license

    def _read_tree(self, tree: str) -> TreeContext | None:
        try:
            return self._read_whole(tree)
        except UnreadableError:
            self._unreadable += 1
            if self._unreadable > MAX_BROKEN_TREES:
                raise
            return None

    def _read_whole(self, tree: str) -> TreeContext:
        gitignores = read_gitignores(self._source, tree)
        patterns = join_gitignores(gitignores)
        return TreeContext(gitignores, patterns, self._license_of(tree))

    def _update(
        self, parent: TreeContext, tree: str, entries: tuple[TreeEntry, ...]
    ) -> TreeContext:
        license_id = parent.license
        paths = (entry.path for entry in entries)
        if any(b"/" not in path and LICENSE_FILE.match(path) for path in paths):
            license_id = self._license_of(tree)
        gitignores = update_gitignores(self._source, parent.gitignores, entries)
        if gitignores is parent.gitignores and license_id == parent.license:
            return parent
        return TreeContext(gitignores, join_gitignores(gitignores), license_id)


class RecentSubjects:
    """Derives the last subjects from those of the parent; feed it every commit."""

    def __init__(self, bot_authors: tuple[str, ...]) -> None:
        self._bot_authors = bot_authors
        self._until: Newest[str, tuple[str, ...]] = Newest(REMEMBERED_COMMITS)

    def before(self, commit: Commit) -> tuple[str, ...]:
        """Return the last MAX_SUBJECTS subjects up to the first parent, newest first.

        Merges, commits of bots and messages that cannot be decoded are left out, and
        what `list_commits` did not list.
        """
        before = self._until.get(commit.parent, ())
        counts = len(commit.parents) < 2 and not is_bot(
            commit.signature, self._bot_authors
        )
        own = shorten_subject(commit.message or "") if counts else ""
        self._until[commit.sha] = (own, *before)[:MAX_SUBJECTS] if own else before
        return before


def shorten_subject(message: str) -> str:
    """Return the first line of a message; of a long one the words that fit whole.

    A word that is cut could be a secret that no rule finds any more.
    """
    subject = " ".join(visible_text(message).partition("\n")[0].split())
    if len(subject) <= MAX_SUBJECT_CHARS:
        return subject
    return subject[: MAX_SUBJECT_CHARS + 1].rpartition(" ")[0]


LICENSE_FILE = re.compile(rb"(?:un)?licen[sc]e|copying", re.IGNORECASE)
MAX_LICENSE_BYTES = 2**20
IDENTIFIER = re.compile(
    r"^[^\w\n]*SPDX-License-Identifier:[ \t]*(?!LicenseRef-)([\w.+-]+)[ \t\r]*$", re.M
)


def license_reader(source: OpenSource) -> Callable[[Any], str | None]:
    """Return a function from the sha of a root tree to the SPDX id of its license.

    It returns the first license file by name that is recognised, or None.
    """

    @cache
    def of_blob(blob: Any) -> str | None:
        size = read_sizes(source, [str(blob)]).get(str(blob))
        if size is None or size > MAX_LICENSE_BYTES:
            return None
        return recognise(source.read(blob, "blob").data.decode("utf-8", "replace"))

    def of_tree(tree: Any) -> str | None:
        for entry in source.read(tree, "tree"):
            if entry.type_str == "blob" and LICENSE_FILE.match(entry.raw_name):
                spdx_id = of_blob(entry.id)
                if spdx_id is not None:
                    return spdx_id
        return None

    return of_tree


def recognise(text: str) -> str | None:
    """Return the SPDX id of a license text, or None if licenses.toml has none for it.

    An SPDX-License-Identifier of the SPDX list counts before all words.
    """
    identifier = IDENTIFIER.search(text)
    if identifier is not None:
        with contextlib.suppress(ValueError):
            return spdx_expression(identifier[1])
    table, titles = _licenses()
    title = titles.search(text)
    if title is not None:
        return str(table["titles"][_words(title["title"])])
    words = _words(text)

    def found(expressions: list[str]) -> list[bool]:
        return [re.search(each, words) is not None for each in expressions]

    fitting = (
        str(each["id"])
        for each in table["texts"]
        if all(found(each["has"])) and not any(found(each.get("lacks", [])))
    )
    return next(fitting, None)


@cache
def _licenses() -> tuple[dict[str, Any], re.Pattern[str]]:
    """Return licenses.toml, and the expression that finds one of its titles."""
    table = read_table("harvest", "licenses.toml")
    titles = "|".join(each.replace(" ", r"[\W_]+") for each in table["titles"])
    title = rf"^[^\w\n]*(?:the )?(?P<title>{titles})\b"
    return table, re.compile(title, re.IGNORECASE | re.MULTILINE)


def _words(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", " ", text.lower()).strip()
