"""The working tree as a change, in the form that histories are harvested in."""

import os
from datetime import UTC, datetime
from hashlib import sha256

from diffscribe.commits.path_rules import languages_of
from diffscribe.core.records import Change, FileChange
from diffscribe.doors.checkout import Aside, Head, is_set
from diffscribe.doors.git import MAX_BLOB_BYTES, decode
from diffscribe.doors.patches import DIFF, Patch, parse_patch

RECENT = 8
"""Subjects of the history that a prompt may show."""


def read_change(work: Aside, head: Head, tree: str) -> Change:
    """Return what turns the tree of HEAD into another, with git's own diff.

    Files over MAX_BLOB_BYTES are binary in it. `commits` and `gitignore` are empty. It
    is private if git's configuration says so (`diffscribe.private`).
    """
    settings = ("-c", f"core.bigFileThreshold={MAX_BLOB_BYTES}")
    answer = work.git(*settings, "diff-tree", *DIFF, head.tree, tree)
    patch = parse_patch(answer) if answer else Patch([], "", is_utf8=True)
    subjects: tuple[str, ...] = ()
    if head.commit:
        arguments = ("log", f"-n{RECENT}", "--no-merges", "--format=%s", head.commit)
        subjects = tuple(work.git(*arguments).decode(errors="replace").splitlines())
    base = head.commit or head.tree
    repo = decode(os.fsencode(work.checkout.top.name))
    return Change(
        id=sha256(f"{repo}\0{base}\0{tree}".encode()).hexdigest(),
        repo=repo,
        base=base,
        head=tree,
        committed_at=datetime.now(UTC).isoformat(timespec="seconds"),
        languages=languages_of(file.path for file in patch.files),
        files=tuple(FileChange(**file.as_row()) for file in patch.files),
        diff=patch.diff,
        is_utf8=patch.is_utf8,
        commits=(),
        recent_subjects=subjects,
        gitignore=(),
        license=None,
        private=is_set(work.checkout, "diffscribe.private"),
    )
