"""Which junk files lie about in the working tree of a change."""

import hashlib
import random
import re
from collections.abc import Collection, Iterator, Sequence
from string import Template
from typing import NamedTuple

from diffscribe.commits.diff import FilePatch, parse_diff
from diffscribe.commits.gitignore import ignored
from diffscribe.commits.junk_kinds import CHANCES, JunkKind
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

_MAX_LINES_BEFORE = 6
_PLAIN = re.compile(r"[\w./@+=,~-]+", re.ASCII)
"""Names that neither git quotes nor a pattern takes for more than letters."""


class Junk(NamedTuple):
    """One junk file of a variant."""

    path: str
    pattern: str
    content: str | None
    is_secret: bool


def draw_junk(
    change: CuratedChange,
    patches: Sequence[FilePatch],
    draw: random.Random,
    count: int,
) -> list[Junk]:
    """Return up to `count` files sorted by path, none of them known to git.

    What the base or the change itself ignores already is left out, and so is
    what its patterns take back (`!`): somebody wants that file in git.
    """
    patterns = [*change.gitignore, *_new_patterns(patches)]
    taken_back = [each[1:] for each in patterns if each.startswith("!")]
    real = _real_paths(change) | {each.strip("/") for each in taken_back}
    found: dict[str, Junk] = {}
    for junk in _possible_junk(change, patches, real, draw):
        if len(found) == count:
            break
        paths = [junk.path]
        if ignored(patterns, paths) or ignored(taken_back, paths):
            continue
        if not _collides(junk.path, {*real, *found}):
            found[junk.path] = junk
    return sorted(found.values())


def _new_patterns(patches: Sequence[FilePatch]) -> Iterator[str]:
    """Yield what the change itself adds to .gitignore files."""
    for patch in patches:
        folder, _, name = patch.path.rpartition("/")
        if name == ".gitignore":
            lines = [
                line[1:]
                for hunk in patch.hunks
                for line in hunk.lines
                if line[0] == "+"
            ]
            for pattern in parse_patterns("".join(lines).encode("utf-8", "replace")):
                yield anchor(pattern, folder) if folder else pattern


def _real_paths(change: CuratedChange) -> set[str]:
    files = {
        path for file in change.files for path in (file.path, file.old_path) if path
    }
    return files.union(*(commit.files for commit in change.commits))


def _possible_junk(
    change: CuratedChange,
    patches: Sequence[FilePatch],
    real: Collection[str],
    draw: random.Random,
) -> Iterator[Junk]:
    """Yield junk that files of the change would bring about, in random order.

    A kind may come more than once, for other files. Its pattern is the first one that
    matches no real file; without one there is no such junk.
    """
    names = sorted(
        file.path
        for file in change.files
        if file.status != FileStatus.DELETED and _PLAIN.fullmatch(file.path)
    )
    before = {patch.path: _lines_before(patch) for patch in patches}
    for kind in draw.sample(CHANCES, len(CHANCES)):
        causes = [name for name in names if name.endswith(kind.suffixes or "")]
        if causes:
            cause = draw.choice(causes)
            words = _words(cause, change.committed_at, before.get(cause, ""), draw)
            junk = _filled(kind, words, real)
            if junk is not None:
                yield junk


def _lines_before(patch: FilePatch) -> str:
    """Return the first known lines of the file as it was, each with a line feed."""
    lines = [line for hunk in patch.hunks for line in hunk.lines if line[0] in " -"]
    return "".join(
        f"{line[1:].rstrip(chr(10))}\n" for line in lines[:_MAX_LINES_BEFORE]
    )


def _words(
    cause: str, committed_at: str, before: str, draw: random.Random
) -> dict[str, str]:
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


def _filled(
    kind: JunkKind, words: dict[str, str], real: Collection[str]
) -> Junk | None:
    """Return the junk file, or None without a fit pattern or any content."""
    patterns = (Template(pattern).substitute(words) for pattern in kind.patterns)
    pattern = next((each for each in patterns if not ignored([each], real)), None)
    content = kind.content and Template(kind.content).substitute(words)
    if pattern is None or content == "":
        return None
    path = Template(kind.path).substitute(words)
    return Junk(path, pattern, content, kind.is_secret)


def _collides(path: str, real: Collection[str]) -> bool:
    """Tell whether a path is a real file, above one, or below one."""
    return any(f"{path}/".startswith(f"{each}/") for each in real) or any(
        each.startswith(f"{path}/") for each in real
    )


REMARK = "looks like it holds secrets"
"""On each junk file of a kind that does."""


def junk_variant(change: CuratedChange, params: SplitParams) -> SplitChange | None:
    """Return the change with 1 to `max_junk_files` junk files among its own.

    Which ones depends on the change's id and the seed. The plan's commits stay,
    but for remarks on files that look secret, and its gitignore also gets the
    patterns. None if every kind of junk is ignored already or would hide a real
    file.
    """
    draw = random.Random(f"{params.seed}:junk:{change.id}")  # noqa: S311
    patches = parse_diff(change.diff)
    junk = draw_junk(change, patches, draw, draw.randint(1, params.max_junk_files))
    if not junk:
        return None
    changes = {
        "id": hashlib.sha256(f"{change.id}junk".encode()).hexdigest(),
        "parent_id": change.id,
        "junk": tuple(each.path for each in junk),
        "label": change.label.model_copy(
            update={"plan": _with_junk(change.label.plan, junk)}
        ),
        "files": _with_files(change, junk),
        "diff": _with_patches(patches, junk),
    }
    return SplitChange.model_validate({**dict(change), **changes})


def _with_junk(plan: Plan, junk: Sequence[Junk]) -> Plan:
    """Return the plan that ignores the junk, and flags the secrets in it.

    A remark needs a commit: it goes to the one with the first file, which is
    also the first that a model writes.
    """
    patterns = sorted({*plan.gitignore, *(each.pattern for each in junk)})
    for pattern in sorted({each.pattern for each in junk} - {*plan.gitignore}):
        others = [each for each in patterns if each != pattern]
        if len(ignored(others, [each.path for each in junk])) == len(junk):
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
    """Put each junk file's patch where git, which sorts by path, would."""
    real = [(patch.path, patch.text) for patch in patches]
    added = [(each.path, _patch(each)) for each in junk]
    ordered = sorted([*real, *added], key=lambda patch: patch[0])
    return "".join(text for _, text in ordered)


def _patch(junk: Junk) -> str:
    """Return the patch git prints for a new file."""
    blob = hashlib.sha1(  # the object id, as git computes it
        _blob(junk.content or junk.path), usedforsecurity=False
    ).hexdigest()
    head = (
        f"diff --git a/{junk.path} b/{junk.path}\nnew file mode 100644\n"
        f"index {'0' * 40}..{blob}\n"
    )
    if junk.content is None:
        return f"{head}Binary files /dev/null and b/{junk.path} differ\n"
    lines = junk.content.removesuffix("\n").split("\n")
    size = "1" if len(lines) == 1 else f"1,{len(lines)}"
    body = "".join(f"+{line}\n" for line in lines)
    return f"{head}--- /dev/null\n+++ b/{junk.path}\n@@ -0,0 +{size} @@\n{body}"


def _blob(content: str) -> bytes:
    octets = content.encode("utf-8", "surrogatepass")
    return b"blob %d\0%b" % (len(octets), octets)
