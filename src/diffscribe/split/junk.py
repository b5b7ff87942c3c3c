"""Variants of changes in whose working tree more lies about.

A variant is a change with new files among its own: 1 to `split.max_junk_files` that
belong in .gitignore, and up to as many real ones that look like junk or are as new and
small, so that neither is a sign. Its plan keeps the commits, ignores the junk, and
commits the real files. Kinds and texts come from commits/junk_kinds.py, filled in with
names and lines of the change.
"""

import hashlib
import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, cached_property
from pathlib import PurePosixPath
from typing import NamedTuple

from diffscribe.commits.diff import FilePatch, Hunk, parse_diff
from diffscribe.commits.gitignore import ignored
from diffscribe.commits.junk_kinds import (
    Decoy,
    JunkKind,
    Writer,
    decoys,
    junk_kinds,
    pattern_for,
)
from diffscribe.commits.path_rules import is_machine_made
from diffscribe.commits.style import is_trivial
from diffscribe.core.params import SplitParams
from diffscribe.core.records import (
    Change,
    CuratedChange,
    FileChange,
    FileStatus,
    Issue,
    Plan,
    PlannedCommit,
    SplitChange,
)
from diffscribe.doors.trees import anchor, parse_patterns
from diffscribe.secrets.redact import redact_texts

REMARK = "looks like it holds secrets"
"""The remark on a junk file of a kind that holds secrets."""
_MOST_OLD_LINES = 1200
_MOST_PATCH_LINES = 150
_MOST_NAMES = 200
_MOST_REJECTED_LINES = 24
_HELD_OUT_SHARE = 0.5
"""Of the variants of test; the others have kinds that training knows, in new texts."""
_ONLY_REAL_SHARE = 0.15
"""Of the variants with real new files; they have no junk."""
_OWN_COMMIT_SHARE = 0.4
"""Of the variants: a real new file may be a commit of its own. Their messages are
templates, which a model should not learn for the history's."""
_LANGUAGE_SHARE = 0.05
"""Of a repository's files, for its language to leave junk: one script among a thousand
files is run by no build."""
_MOST_COMMITS = 12
_PLAIN = re.compile(r"[\w./@+=,~-]+", re.ASCII)
"""Names that git prints without quotes, and that hold no wildcard of a pattern."""
_IDENTIFIER = re.compile(
    r"\b(?:[A-Za-z][a-z]{1,20}(?:_[a-z]{2,20}|[A-Z][a-z]{1,20}){1,4})\b"
)
"""Two words in one, so no keyword of a language and no word of prose."""
_START = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)")
_TEST = re.compile(r"(^|[/_.-])(tests?|specs?|conftest)([/_.-]|$)")
_GIVEN = re.compile(r"(^|/)(fixtures?|testdata|__snapshots__|vendor|examples?)/")
"""Folders whose files are read by tests or copied: nothing is built or edited there."""


class Added(NamedTuple):
    """A file that only a variant has."""

    path: str
    content: str | None
    """None for a binary file."""
    is_secret: bool
    commit: PlannedCommit | str | None
    """Of a real file: its own commit, or the file whose commit it joins. None: junk."""


class Surroundings:
    """What git knows of a repository, as far as its rows tell."""

    def __init__(self, rows: Iterable[Change]) -> None:
        """Take the paths of some changes and of their commits."""
        self.paths = frozenset(
            path
            for row in rows
            for paths in (
                *((file.path, file.old_path) for file in row.files),
                *(commit.files for commit in row.commits),
            )
            for path in paths
            if path
        )
        self._hides = cache(lambda pattern: bool(ignored([pattern], self._ordered)))
        self._suffixes = Counter(PurePosixPath(path).suffix for path in self.paths)

    @cached_property
    def _ordered(self) -> tuple[str, ...]:
        return tuple(sorted(self.paths))

    @cached_property
    def _folders(self) -> frozenset[str]:
        return frozenset(
            str(parent) for path in self.paths for parent in PurePosixPath(path).parents
        )

    def hides(self, pattern: str) -> bool:
        """Tell whether a pattern of a .gitignore matches a file that git knows."""
        return self._hides(pattern)

    def collides(self, path: str) -> bool:
        """Tell whether a path is a known file, above one, or below one."""
        above = {str(parent) for parent in PurePosixPath(path).parents}
        return path in self._folders or not self.paths.isdisjoint({path, *above})

    def has(self, suffixes: tuple[str, ...]) -> bool:
        """Tell whether the repository is in the language with these suffixes."""
        files = sum(self._suffixes[suffix] for suffix in suffixes)
        return not suffixes or files >= _LANGUAGE_SHARE * len(self.paths)


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
        "diff": _with_patches(scene.patches, added),
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
        self.patches = parse_diff(change.diff)
        self.around = around
        self.own = Surroundings([change])
        self._change = change
        self._draw = draw
        self._for_test = for_test
        self._patch_of = {patch.path: patch for patch in self.patches}
        self._names = [
            file.path
            for file in change.files
            if file.status != FileStatus.DELETED and _PLAIN.fullmatch(file.path)
        ]
        patterns = [*change.gitignore, *_new_patterns(self.patches)]
        self._patterns = patterns
        self._taken_back = [each[1:] for each in patterns if each.startswith("!")]

    def draw_real(self, count: int) -> list[Added]:
        """Return up to `count` real files, none of them ignored."""
        has_room = len(self._change.label.plan.commits) < _MOST_COMMITS
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
            if kind.held_out is held_out
            for _ in range(kind.weight)
        ]
        return self._drawn(kinds, count, [each.path for each in real])

    def _drawn(
        self, kinds: Sequence[JunkKind | Decoy], count: int, before: Iterable[str]
    ) -> list[Added]:
        found: dict[str, Added] = {}
        taken = {*before}
        for kind in self._draw.sample(kinds, len(kinds)):
            if len(found) == count:
                break
            added = self._added(kind)
            if added is not None and not _collides(added.path, taken):
                found[added.path] = added
                taken.add(added.path)
        return list(found.values())

    def _added(self, kind: JunkKind | Decoy) -> Added | None:
        """Return a file of a kind, or None if none of the change brings it about."""
        causes = [
            name
            for name in self._names
            if name.endswith(kind.suffixes or "")
            and not _GIVEN.search(name)
            and not (kind.text == "OLD" and is_machine_made(name))
            and not (isinstance(kind, Decoy) and kind.suffixes and _TEST.search(name))
        ]
        if not causes or not self.around.has(kind.suffixes):
            return None
        cause = self._draw.choice(causes)
        writer = Writer(self._words(cause), self._draw, self._for_test)
        path = writer.fill(self._draw.choice(kind.paths))
        if not self._may_lie(path):
            return None
        content = writer.text(kind.text) if kind.text else None
        if content == "":
            return None
        if content is not None and kind.text not in ("OLD", "PATCH", "REJECT"):
            content = _redacted(content)
        if isinstance(kind, JunkKind):
            return Added(path, content, kind.is_secret, None)
        if kind.type is None:
            return Added(path, content, False, cause)
        subject = writer.fill(f"${kind.subjects}")
        if is_trivial(subject):
            return None
        commit = PlannedCommit(files=(path,), type=kind.type, subject=subject)
        return Added(path, content, False, commit)

    def _may_lie(self, path: str) -> bool:
        return not (
            ignored(self._patterns, [path])
            or ignored(self._taken_back, [path])
            or path in {each.strip("/") for each in self._taken_back}
            or self.around.collides(path)
            or self.own.collides(path)
        )

    def _words(self, cause: str) -> dict[str, str | Sequence[str]]:
        """Return the words that junk_texts.toml names, for one file of the change."""
        folder, slash, name = cause.rpartition("/")
        bare = name.removeprefix(".")
        base, dot, ext = name.rpartition(".")
        parts = cause.split("/")[:-1]
        above = parts[: self._draw.randint(0, len(parts))]
        patch = self._patch_of.get(cause)
        return {
            "name": name,
            "bare": bare,
            "stem": bare.partition(".")[0] or bare,
            "base": base or name,
            "ext": dot + ext if base else "",
            "folder": folder + slash,
            "above": "".join(f"{part}/" for part in above),
            "area": self._area,
            "day": self._change.committed_at[:10],
            "year": self._change.committed_at[:4],
            "dollar": "$",
            "file": self._names,
            "identifier": self._identifiers,
            "old": _old_text(patch, self._draw) if patch else "",
            "reject": _reject(patch, self._identifiers, self._draw) if patch else "",
            "patch": "".join(_lines(patch.text)[:_MOST_PATCH_LINES]) if patch else "",
        }

    @cached_property
    def _area(self) -> str:
        """The repository's name, or a word for it that git prints without quotes."""
        repo = self._change.repo.rpartition("/")[2].removesuffix(".git")
        return repo if _PLAIN.fullmatch(repo) else "app"

    @cached_property
    def _identifiers(self) -> list[str]:
        """Names in changed lines that can be nothing else; `main` if there is none."""
        lines = (line for patch in self.patches for line in _changed(patch.hunks))
        found = dict.fromkeys(
            name for line in lines for name in _IDENTIFIER.findall(line)
        )
        return [*found][:_MOST_NAMES] or ["main"]


def _new_patterns(patches: Sequence[FilePatch]) -> Iterator[str]:
    """Yield the patterns that the change itself adds to .gitignore files."""
    for patch in patches:
        folder, _, name = patch.path.rpartition("/")
        if name == ".gitignore":
            lines = [line for hunk in patch.hunks for line in hunk.lines]
            added = "".join(line[1:] for line in lines if line[0] == "+")
            for pattern in parse_patterns(added.encode("utf-8", "replace")):
                yield anchor(pattern, folder) if folder else pattern


def _collides(path: str, others: Iterable[str]) -> bool:
    """Tell whether a path is another one, above it, or below it."""
    return any(
        f"{path}/".startswith(f"{each}/") or each.startswith(f"{path}/")
        for each in others
    )


# What they hold.


def _changed(hunks: Iterable[Hunk]) -> Iterator[str]:
    return (line for hunk in hunks for line in hunk.lines if line[0] in "+-")


def _lines(text: str) -> list[str]:
    return [f"{line}\n" for line in text.removesuffix("\n").split("\n")]


def _sides(patch: FilePatch) -> list[tuple[int, list[str]]]:
    """Return the lines of each hunk as they were, or of a new file, and their start."""
    for side, signs in ((1, " -"), (2, " +")):
        blocks = []
        for hunk in patch.hunks:
            start = _START.match(hunk.header)
            lines = [line[1:].rstrip("\n") for line in hunk.lines if line[0] in signs]
            if start and lines:
                blocks.append((int(start[side]), lines))
        if blocks:
            return blocks
    return []


def _old_text(patch: FilePatch, draw: random.Random) -> str:
    """Return a file that is as long as the one that was changed.

    Hunks stand where they were; between and behind them stand lines of theirs again,
    since a diff does not say what was there. '' without a hunk.
    """
    blocks = _sides(patch)
    if not blocks:
        return ""
    known = [line for _, lines in blocks for line in lines]
    text: list[str] = []
    for start, lines in blocks:
        _pad(text, min(start - 1, _MOST_OLD_LINES), known, draw)
        text += lines
    if patch.header[1].startswith("new file"):
        return "\n".join(text) + "\n"
    _pad(text, len(text) + draw.randrange(len(text) + 1), known, draw)
    return "\n".join(text[:_MOST_OLD_LINES]) + "\n"


def _pad(
    text: list[str], length: int, known: Sequence[str], draw: random.Random
) -> None:
    while len(text) < length:
        start = draw.randrange(len(known))
        text += known[start : start + min(draw.randint(1, 8), length - len(text))]


def _reject(patch: FilePatch, names: Sequence[str], draw: random.Random) -> str:
    """Return what `patch` leaves of a hunk that did not apply to the file."""
    blocks = _sides(patch)
    if not blocks:
        return ""
    start, lines = draw.choice(blocks)
    lines = lines[:_MOST_REJECTED_LINES]
    at = draw.randrange(len(lines))
    found = _IDENTIFIER.search(lines[at])
    new = lines[at].replace(found[0], draw.choice(names)) if found else f"{lines[at]} "
    body = [f" {line}" for line in lines[:at]]
    body += [f"-{lines[at]}", f"+{new}"]
    body += [f" {line}" for line in lines[at + 1 :]]
    begin = start + draw.randint(0, 30)
    head = f"@@ -{begin},{len(lines)} +{begin},{len(lines)} @@"
    return "\n".join([f"--- {patch.path}", f"+++ {patch.path}", head, *body]) + "\n"


def _redacted(content: str) -> str:
    """Return a text as curate would have left it in a patch of a real change."""
    patch = "".join(f"+{line}" for line in _lines(content))
    [redacted] = redact_texts([f"\n{patch}"]).texts
    return "".join(
        line.removeprefix("+") for line in _lines(redacted.removeprefix("\n"))
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
            at = next(n for n, c in enumerate(commits) if each.commit in c.files)
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


def _with_patches(patches: Sequence[FilePatch], added: Sequence[Added]) -> str:
    """Return the diff with each new file's patch at its place in git's order."""
    texts = [(patch.path, patch.text) for patch in patches]
    texts += [(each.path, _patch(each)) for each in added]
    return "".join(text for _, text in sorted(texts, key=lambda text: text[0]))


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
    lines = _lines(added.content)
    size = "1" if len(lines) == 1 else f"1,{len(lines)}"
    body = "".join(f"+{line}" for line in lines)
    # git marks the end of a name with a space by a tab.
    tab = "\t" if " " in added.path else ""
    return f"{head}--- /dev/null\n+++ b/{added.path}{tab}\n@@ -0,0 +{size} @@\n{body}"
