"""Variants of a change with the junk files a real working tree has."""

import hashlib
import random
from collections.abc import Sequence

from diffscribe.commits.gitignore import ignored
from diffscribe.data.junk_files import Junk, draw_junk
from diffscribe.diffs.parse import FilePatch, parse_diff
from diffscribe.params import SplitParams
from diffscribe.records import (
    CuratedChange,
    FileChange,
    FileStatus,
    Issue,
    Plan,
    SplitChange,
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
