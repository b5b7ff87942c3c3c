"""Variants of changes in whose working tree more lies about.

A variant is a change with new files among its own: 1 to `split.max_junk_files` that
belong in .gitignore, and up to as many real ones that look like junk or are as new and
small, so that neither is a sign. Its plan keeps the commits, ignores the junk, and
commits the real files.
"""

import hashlib
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import PurePosixPath
from typing import NamedTuple

from diffscribe.commits.diff import FilePatch
from diffscribe.commits.gitignore import anchor, ignored, parse_patterns
from diffscribe.commits.junk_kinds import JunkKind, junk_kinds, pattern_for
from diffscribe.commits.path_rules import is_machine_made
from diffscribe.commits.style import is_trivial
from diffscribe.core.params import SplitParams
from diffscribe.core.records import (
    CuratedChange,
    FileChange,
    FileStatus,
    Issue,
    Plan,
    PlannedCommit,
    SplitChange,
)
from diffscribe.secrets.redact import redact_texts
from diffscribe.split.planted import (
    Decoy,
    Surroundings,
    Vocabulary,
    Writer,
    decoys,
    lines_of,
)

REMARK = "looks like it holds secrets"
"""The remark on a junk file of a kind that holds secrets."""
_HELD_OUT_SHARE = 0.5
"""Share of the variants of test; the others have kinds that training knows."""
_ONLY_REAL_SHARE = 0.15
"""Share of the variants with real new files; they have no junk."""
_OWN_COMMIT_SHARE = 0.25
"""Share of the variants; a real new file may be a commit there. Their messages are
templates, which a model should not learn for the history's."""
_MOST_COMMITS = 12
_CODE = frozenset({"feat", "fix", "perf", "refactor"})
"""Types of commits that a new file of code may join; a test may join one of tests."""
_TEST = re.compile(r"(^|[/_.-])(tests?|specs?|conftest)([/_.-]|$)|Tests?\.\w+$")
_NAMELESS = re.compile(
    r"(^|/)(\.[^/]+|[^/]+\.config|__\w+__|conf|index|lib|main|mod|noxfile|package-info"
    r"|setup)\.\w+$"
)
"""Files that are named for their part and not for what they hold."""
_GIVEN = re.compile(r"(^|/)(fixtures?|testdata|__snapshots__|vendor|examples?)/")
"""Folders whose files are read by tests or copied: nothing is built or edited there."""


class Added(NamedTuple):
    """A file that only a variant has."""

    path: str
    content: str | None
    """None for a binary file."""
    is_secret: bool
    commit: PlannedCommit | str | None
    """A real file's own commit, or the file whose commit it joins; None for junk."""


def junk_variant(
    change: CuratedChange,
    params: SplitParams,
    around: Surroundings | None = None,
    for_test: bool = False,
) -> SplitChange | None:
    """Return the change with new files among its own, junk or real.

    The change's id and the seed draw them; `around` is its repository. The plan's
    commits stay, but for real files that join them and for remarks on files that look
    secret; its gitignore is what ignores the junk. For test, texts and half of the
    variants' kinds are those that training never sees. None if every kind of junk is
    ignored already.
    """
    draw = random.Random(f"{params.seed}:junk:{change.id}")  # noqa: S311
    scene = _Scene(change, around or Surroundings([change]), draw, for_test)
    most = params.max_junk_files
    real = scene.draw_real(draw.randint(0, most))
    if not real or draw.random() >= _ONLY_REAL_SHARE:
        junk = scene.draw_junk(draw.randint(1, most), real)
        if not junk:
            return None
    else:
        junk = []
    added = sorted([*real, *junk])
    texts = [(patch.path, patch.text) for patch in scene.vocabulary.patches]
    texts += [(each.path, _patch(each)) for each in added]
    label = change.label.model_copy(
        update={"plan": _with_added(change.label.plan, added, scene)}
    )
    fields = {
        "id": hashlib.sha256(f"{change.id}junk".encode()).hexdigest(),
        "parent_id": change.id,
        "junk": tuple(sorted(each.path for each in junk)),
        "decoys": tuple(sorted(each.path for each in real)),
        "label": label,
        "files": _with_files(change, added),
        # git prints patches in the order of their paths.
        "diff": "".join(text for _, text in sorted(texts, key=itemgetter(0))),
    }
    return SplitChange.model_validate({**dict(change), **fields})


# Which files lie about.


class _Scene:
    """One change, and what is drawn for it."""

    def __init__(
        self,
        change: CuratedChange,
        around: Surroundings,
        draw: random.Random,
        for_test: bool,
    ) -> None:
        self.around = around
        self.own = Surroundings([change])
        self.vocabulary = Vocabulary(change)
        self._change = change
        self._draw = draw
        self._for_test = for_test
        self._before = datetime.fromisoformat(change.committed_at).replace(tzinfo=UTC)
        patterns = [*change.gitignore, *_new_patterns(self.vocabulary.patches)]
        self._patterns = patterns
        self._taken_back = [each[1:] for each in patterns if each.startswith("!")]
        self._commits = change.label.plan.commits
        self.commit_of = {
            path: at
            for at, commit in reversed([*enumerate(self._commits)])
            for path in commit.files
        }
        """The place of the first commit with a file."""
        # In each commit the files of the history stay the most.
        self._room = [len(commit.files) - 1 for commit in self._commits]

    def draw_real(self, count: int) -> list[Added]:
        """Return up to `count` real files, none of them ignored."""
        has_room = len(self._commits) < _MOST_COMMITS
        has_room = has_room and self._draw.random() < _OWN_COMMIT_SHARE
        kinds = [
            kind
            for kind in decoys()
            for _ in range(kind.weight)
            if has_room or kind.type is None
        ]
        drawn = self._drawn(kinds, count, ())
        # Their messages are templates, so one to a plan is enough.
        own = [each for each in drawn if isinstance(each.commit, PlannedCommit)]
        return [each for each in drawn if each not in own[1:]]

    def draw_junk(self, count: int, real: Sequence[Added]) -> list[Added]:
        """Return up to `count` junk files, none of them known to git.

        Left out is what the base or the change itself ignores, and what their patterns
        take back (`!`), because somebody wants that file in git.
        """
        held_out = self._for_test and self._draw.random() < _HELD_OUT_SHARE
        kinds = [
            kind
            for kind in junk_kinds()
            if kind.held_out is held_out and kind.since <= self._before.year
            for _ in range(kind.weight)
        ]
        return self._drawn(kinds, count, [each.path for each in real])

    def _drawn(
        self, kinds: Sequence[JunkKind | Decoy], count: int, before: Iterable[str]
    ) -> list[Added]:
        found: dict[str, Added] = {}
        taken = {*before}
        drawn: set[object] = set()
        for kind in self._draw.sample(kinds, len(kinds)):
            if len(found) == count:
                break
            # Two files of one text, as two backups, are rare in a real tree.
            what = kind.text or kind.paths
            added = None if what in drawn else self._added(kind)
            if added is not None and not _collides(added.path, taken):
                found[added.path] = added
                taken.add(added.path)
                drawn.add(what)
                if isinstance(added.commit, str):
                    self._room[self.commit_of[added.commit]] -= 1
        return list(found.values())

    def _added(self, kind: JunkKind | Decoy) -> Added | None:
        """Return a file of a kind, or None if none of the change brings it about."""
        causes = [name for name in self.vocabulary.names if _brings(name, kind)]
        if isinstance(kind, Decoy) and kind.type is None:
            causes = [name for name in causes if self._has_room(name, kind)]
        if not causes or not self.around.suits(kind):
            return None
        cause = self._draw.choice(causes)
        words = self.vocabulary.words(cause, self._draw)
        words["test_command"] = self.around.test_command
        if isinstance(kind, Decoy) and kind.needs and kind.needs not in words:
            return None
        writer = Writer(words, self._draw, self._before, self._for_test)
        path = writer.fill(self._draw.choice(kind.paths))
        if (
            ignored(self._patterns, [path])
            or ignored(self._taken_back, [path])
            or path in {each.strip("/") for each in self._taken_back}
            or self.around.collides(path)
            or self.own.collides(path)
        ):
            return None
        content = self._content(kind.text, cause, writer)
        if content == "":
            return None
        if isinstance(kind, JunkKind):
            return Added(path, content, kind.is_secret, None)
        if kind.type is None:
            return Added(path, content, False, cause)
        writer.words["new"] = PurePosixPath(path).name
        subject = writer.fill(f"${kind.subjects}")
        if is_trivial(subject):
            return None
        commit = PlannedCommit(files=(path,), type=kind.type, subject=subject)
        return Added(path, content, False, commit)

    def _has_room(self, cause: str, kind: Decoy) -> bool:
        """Tell whether the commit of a file may take a new one of a kind."""
        at = self.commit_of.get(cause)
        if at is None or not self._room[at]:
            return False
        is_test = kind.is_of_test or _TEST.search(kind.paths[0])
        return self._commits[at].type in (_CODE | {"test"} if is_test else _CODE)

    def _content(self, text: str | None, cause: str, writer: Writer) -> str | None:
        """Return what a file holds, redacted; None if it is binary."""
        if text == "OLD":
            return self.vocabulary.old_text(cause)
        if text == "REJECT":
            return self.vocabulary.reject(cause, self._draw)
        if text == "PATCH":
            return self.vocabulary.patch(cause)
        return _redacted(writer.text(text)) if text else None


def _brings(path: str, kind: JunkKind | Decoy) -> bool:
    """Tell whether a file of the change brings such a new one about."""
    if not path.endswith(kind.suffixes or "") or _GIVEN.search(path):
        return False
    if isinstance(kind, JunkKind):
        return not (kind.text == "OLD" and is_machine_made(path))
    if kind.is_of_test:
        return bool(_TEST.search(path))
    return not (kind.suffixes and (_TEST.search(path) or _NAMELESS.search(path)))


def _new_patterns(patches: Sequence[FilePatch]) -> Iterator[str]:
    """Yield the patterns that the change itself adds to .gitignore files."""
    for patch in patches:
        folder, _, name = patch.path.rpartition("/")
        if name == ".gitignore":
            added = "".join(line[1:] for line in patch.lines if line[0] == "+")
            for pattern in parse_patterns(added.encode("utf-8", "replace")):
                yield anchor(pattern, folder) if folder else pattern


def _collides(path: str, others: Iterable[str]) -> bool:
    """Tell whether a path is another one, above it, or below it."""
    return any(
        f"{path}/".startswith(f"{each}/") or each.startswith(f"{path}/")
        for each in others
    )


def _redacted(content: str) -> str:
    """Return a text as curate would have left it in a patch of a real change."""
    patch = "".join(f"+{line}" for line in lines_of(content))
    [redacted] = redact_texts([f"\n{patch}"]).texts
    return "".join(
        line.removeprefix("+") for line in lines_of(redacted.removeprefix("\n"))
    )


# The row with these files.


def _with_added(plan: Plan, added: Sequence[Added], scene: _Scene) -> Plan:
    """Return the plan that commits the real files and ignores the junk.

    A remark on a file with secrets needs a commit: it goes to the one with the first
    file, which a model writes first too.
    """
    junk = [each for each in added if each.commit is None]
    commits = list(plan.commits)
    for each in added:
        if isinstance(each.commit, PlannedCommit):
            commits.append(each.commit)
        elif each.commit is not None:
            at = scene.commit_of[each.commit]
            files = tuple(sorted({*commits[at].files, each.path}))
            commits[at] = commits[at].model_copy(update={"files": files})
    remarks = tuple(
        Issue(path=each.path, message=REMARK) for each in junk if each.is_secret
    )
    if commits and remarks:
        at = min(range(len(commits)), key=lambda n: min(commits[n].files))
        issues = (*commits[at].issues, *remarks)
        commits[at] = commits[at].model_copy(update={"issues": issues})
    committed = [path for commit in commits for path in commit.files]

    def hides(pattern: str) -> bool:
        is_own = ignored([pattern], committed) or scene.own.hides(pattern)
        return bool(is_own) or scene.around.hides(pattern)

    patterns = {*plan.gitignore, *(pattern_for(each.path, hides) for each in junk)}
    return plan.model_copy(
        update={"commits": tuple(commits), "gitignore": tuple(sorted(patterns))}
    )


def _with_files(
    change: CuratedChange, added: Sequence[Added]
) -> tuple[FileChange, ...]:
    files = [
        FileChange(
            path=each.path,
            old_path=None,
            status=FileStatus.ADDED,
            additions=(each.content or "").count("\n"),
            deletions=0,
            is_binary=each.content is None,
        )
        for each in added
    ]
    return tuple(sorted([*change.files, *files], key=lambda file: file.path))


def _patch(added: Added) -> str:
    """Return the patch that git prints for a new file."""
    octets = (added.content or added.path).encode("utf-8", "surrogatepass")
    blob = b"blob %d\0%b" % (len(octets), octets)
    object_id = hashlib.sha1(blob, usedforsecurity=False).hexdigest()
    head = (
        f"diff --git a/{added.path} b/{added.path}\nnew file mode 100644\n"
        f"index {'0' * 40}..{object_id}\n"
    )
    if added.content is None:
        return f"{head}Binary files /dev/null and b/{added.path} differ\n"
    lines = lines_of(added.content)
    size = "1" if len(lines) == 1 else f"1,{len(lines)}"
    body = "".join(f"+{line}" for line in lines)
    # git marks the end of a name with a space by a tab.
    tab = "\t" if " " in added.path else ""
    return f"{head}--- /dev/null\n+++ b/{added.path}{tab}\n@@ -0,0 +{size} @@\n{body}"
