"""Variants of changes in whose working tree junk files lie about.

A variant is a change with 1 to `split.max_junk_files` new files that belong in
.gitignore. Its plan keeps the commits and ignores the junk. Files and patterns come
from the table of junk kinds, filled in with names and lines of the change.
"""

import hashlib
import random
import re
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from string import Template
from typing import NamedTuple

from diffscribe.commits.diff import FilePatch, parse_diff
from diffscribe.commits.gitignore import ignored
from diffscribe.commits.junk_kinds import JunkKind, junk_kinds
from diffscribe.core.params import SplitParams
from diffscribe.core.records import (
    CuratedChange,
    FileChange,
    FileStatus,
    Issue,
    Plan,
    SplitChange,
)
from diffscribe.doors.trees import anchor, parse_patterns

REMARK = "looks like it holds secrets"
"""The remark on a junk file of a kind that holds secrets."""
_MAX_LINES_BEFORE = 6
_PLAIN = re.compile(r"[\w./@+=,~-]+", re.ASCII)
"""Names that git prints without quotes, and that hold no wildcard of a pattern."""


class Junk(NamedTuple):
    """One junk file of a variant."""

    path: str
    pattern: str
    content: str | None
    """None for a binary file."""
    is_secret: bool


def junk_variant(change: CuratedChange, params: SplitParams) -> SplitChange | None:
    """Return the change with 1 to `max_junk_files` junk files among its own.

    The change's id and the seed decide which. The plan's commits stay, but for
    remarks on files that look secret, and its gitignore also gets the patterns. None
    if every kind of junk is ignored already or would hide a real file.
    """
    draw = random.Random(f"{params.seed}:junk:{change.id}")  # noqa: S311
    patches = parse_diff(change.diff)
    junk = _draw_junk(change, patches, draw, draw.randint(1, params.max_junk_files))
    if not junk:
        return None
    label = change.label.model_copy(
        update={"plan": _with_junk(change.label.plan, junk)}
    )
    fields = {
        "id": hashlib.sha256(f"{change.id}junk".encode()).hexdigest(),
        "parent_id": change.id,
        "junk": tuple(each.path for each in junk),
        "label": label,
        "files": _with_files(change, junk),
        "diff": _with_patches(patches, junk),
    }
    return SplitChange.model_validate({**dict(change), **fields})


# Which files lie about.


def _draw_junk(
    change: CuratedChange,
    patches: Sequence[FilePatch],
    draw: random.Random,
    count: int,
) -> list[Junk]:
    """Return up to `count` files sorted by path, none of them known to git.

    Left out is what the base or the change itself ignores, and what their patterns
    take back (`!`), because somebody wants that file in git.
    """
    patterns = [*change.gitignore, *_new_patterns(patches)]
    taken_back = [each[1:] for each in patterns if each.startswith("!")]
    real = {
        path for file in change.files for path in (file.path, file.old_path) if path
    }
    real |= {path for commit in change.commits for path in commit.files}
    real |= {each.strip("/") for each in taken_back}
    found: dict[str, Junk] = {}
    for junk in _possible_junk(change, patches, real, draw):
        if len(found) == count:
            break
        path = junk.path
        is_known = ignored(patterns, [path]) or ignored(taken_back, [path])
        if not is_known and not _collides(path, {*real, *found}):
            found[path] = junk
    return sorted(found.values())


def _new_patterns(patches: Sequence[FilePatch]) -> Iterator[str]:
    """Yield the patterns that the change itself adds to .gitignore files."""
    for patch in patches:
        folder, _, name = patch.path.rpartition("/")
        if name == ".gitignore":
            lines = [line for hunk in patch.hunks for line in hunk.lines]
            added = "".join(line[1:] for line in lines if line[0] == "+")
            for pattern in parse_patterns(added.encode("utf-8", "replace")):
                yield anchor(pattern, folder) if folder else pattern


def _possible_junk(
    change: CuratedChange,
    patches: Sequence[FilePatch],
    real: Collection[str],
    draw: random.Random,
) -> Iterator[Junk]:
    """Yield junk that files of the change would bring about, in random order.

    A kind comes as often as its weight, each time for a file drawn anew.
    """
    names = sorted(
        file.path
        for file in change.files
        if file.status != FileStatus.DELETED and _PLAIN.fullmatch(file.path)
    )
    before = {patch.path: _lines_before(patch) for patch in patches}
    by_weight = groupby(junk_kinds(), key=lambda kind: kind.weight)
    weighted = [kind for weight, kinds in by_weight for kind in list(kinds) * weight]
    for kind in draw.sample(weighted, len(weighted)):
        causes = [name for name in names if name.endswith(kind.suffixes or "")]
        if causes:
            cause = draw.choice(causes)
            words = _words(cause, change.committed_at, before.get(cause, ""), draw)
            junk = _fill(kind, words, real)
            if junk is not None:
                yield junk


def _lines_before(patch: FilePatch) -> str:
    """Return the first known lines of the file as it was, each with a line feed."""
    lines = [line for hunk in patch.hunks for line in hunk.lines if line[0] in " -"]
    return "".join(line[1:].rstrip("\n") + "\n" for line in lines[:_MAX_LINES_BEFORE])


def _words(
    cause: str, committed_at: str, before: str, draw: random.Random
) -> dict[str, str]:
    """Return the words that junk_kinds.toml names, for one file of the change."""
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


def _fill(kind: JunkKind, words: dict[str, str], real: Collection[str]) -> Junk | None:
    """Return the junk file; None if each pattern hides a real file, or it is empty."""
    patterns = (Template(pattern).substitute(words) for pattern in kind.patterns)
    pattern = next((each for each in patterns if not ignored([each], real)), None)
    content = kind.content and Template(kind.content).substitute(words)
    if pattern is None or content == "":
        return None
    path = Template(kind.path).substitute(words)
    return Junk(path, pattern, content, kind.is_secret)


def _collides(path: str, real: Collection[str]) -> bool:
    """Tell whether a path is a real file, above one, or below one."""
    return any(
        f"{path}/".startswith(f"{each}/") or each.startswith(f"{path}/")
        for each in real
    )


# The row with these files.


def _with_junk(plan: Plan, junk: Sequence[Junk]) -> Plan:
    """Return the plan that ignores the junk, with remarks on files with secrets.

    A remark needs a commit: it goes to the one with the first file, which a model
    writes first too.
    """
    paths = [each.path for each in junk]
    patterns = sorted({*plan.gitignore, *(each.pattern for each in junk)})
    for pattern in sorted({each.pattern for each in junk} - {*plan.gitignore}):
        others = [each for each in patterns if each != pattern]
        if len(ignored(others, paths)) == len(junk):
            patterns = others
    remarks = tuple(
        Issue(path=each.path, message=REMARK) for each in junk if each.is_secret
    )
    first = min(plan.commits, key=lambda commit: min(commit.files), default=None)
    commits = tuple(
        commit.model_copy(update={"issues": (*commit.issues, *remarks)})
        if commit is first
        else commit
        for commit in plan.commits
    )
    return plan.model_copy(update={"commits": commits, "gitignore": tuple(patterns)})


def _with_files(change: CuratedChange, junk: Sequence[Junk]) -> tuple[FileChange, ...]:
    added = [
        FileChange(
            path=each.path,
            old_path=None,
            status=FileStatus.ADDED,
            additions=(each.content or "").count("\n"),
            deletions=0,
            is_binary=each.content is None,
        )
        for each in junk
    ]
    return tuple(sorted([*change.files, *added], key=lambda file: file.path))


def _with_patches(patches: Sequence[FilePatch], junk: Sequence[Junk]) -> str:
    """Return the diff with each junk file's patch at its place in git's order."""
    texts = [(patch.path, patch.text) for patch in patches]
    texts += [(each.path, _patch(each)) for each in junk]
    return "".join(text for _, text in sorted(texts, key=lambda text: text[0]))


def _patch(junk: Junk) -> str:
    """Return the patch that git prints for a new file."""
    octets = (junk.content or junk.path).encode("utf-8", "surrogatepass")
    blob = b"blob %d\0%b" % (len(octets), octets)
    object_id = hashlib.sha1(blob, usedforsecurity=False).hexdigest()
    head = (
        f"diff --git a/{junk.path} b/{junk.path}\nnew file mode 100644\n"
        f"index {'0' * 40}..{object_id}\n"
    )
    if junk.content is None:
        return f"{head}Binary files /dev/null and b/{junk.path} differ\n"
    lines = junk.content.removesuffix("\n").split("\n")
    size = "1" if len(lines) == 1 else f"1,{len(lines)}"
    body = "".join(f"+{line}\n" for line in lines)
    return f"{head}--- /dev/null\n+++ b/{junk.path}\n@@ -0,0 +{size} @@\n{body}"
