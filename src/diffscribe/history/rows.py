"""Turn a window and its patch into the row of a change."""

import hashlib
from typing import Any

from diffscribe.history.bounds import Sizes
from diffscribe.history.languages import languages_of
from diffscribe.history.patches import ChangedFile, Patch
from diffscribe.history.presets import Facts, Stage, preset_reason
from diffscribe.history.targets import Reason, Terms, facts_of
from diffscribe.history.text import decode
from diffscribe.history.windows import Kept, Window, WindowReason
from diffscribe.params import HarvestParams
from diffscribe.records import FileKind


def row_of(
    terms: Terms, window: Window, tree: str, patch: Patch | None, sizes: Sizes
) -> dict[str, Any] | Reason:
    """Return the fields of the Change that a patch makes, or why there is none.

    They are written as they are: a model of each row would take longer than
    its diff. A test compares them with what Change reads and writes.
    """
    if patch is None:
        return WindowReason.DIFF_TOO_LONG
    if window.is_composite and not _is_sum(window, patch.files):
        return WindowReason.NOT_APPLICABLE
    files, diff = patch.files, patch.diff
    if reason := _unfit(files, diff, facts_of(terms, window, sizes), terms.params):
        return reason
    first, last = window.commits[0].commit, window.commits[-1].commit
    head = tree if window.is_composite else last.sha
    identity = "\0".join((terms.repo, first.parent, head))
    return {
        "id": hashlib.sha256(identity.encode()).hexdigest(),
        "repo": terms.repo,
        "base": first.parent,
        "head": head,
        "committed_at": last.committed_at and last.committed_at.isoformat(),
        "languages": languages_of(file.path for file in files),
        "files": [file._asdict() for file in files],
        "diff": diff,
        "is_utf8": patch.is_utf8,
        "commits": [_original(each) for each in window.commits],
        "gitignore": window.commits[0].gitignore,
        "license": window.commits[-1].license,
        "private": terms.settings.private,
    }


def _unfit(
    files: list[ChangedFile], diff: str, facts: Facts, params: HarvestParams
) -> Reason | None:
    if not files:
        return WindowReason.EMPTY_DIFF
    if len(files) > params.max_files:
        return WindowReason.TOO_MANY_FILES
    if len(diff) > params.max_diff_chars:
        return WindowReason.DIFF_TOO_LONG
    if all(file.is_binary or file.kind == FileKind.LFS for file in files):
        return WindowReason.BINARY_ONLY
    facts = facts._replace(files=files, diff=diff)
    return preset_reason(params.preset, Stage.FILES, facts) or preset_reason(
        params.preset, Stage.DIFF, facts
    )


def _is_sum(window: Window, files: list[ChangedFile]) -> bool:
    """Tell whether each file of a composite belongs to one of its commits."""
    owners = {
        decode(entry.path): kept.commit.sha
        for kept in window.commits
        for entry in kept.commit.entries or ()
    }
    named = {
        path: file.path
        for file in files
        for path in (file.path, file.old_path)
        if path is not None
    }
    return owners.keys() == named.keys() and all(
        owners[path] == owners[new] for path, new in named.items()
    )


def _original(kept: Kept) -> dict[str, Any]:
    commit = kept.commit
    paths = sorted(decode(entry.path) for entry in commit.entries or ())
    return {"sha": commit.sha, "message": commit.message, "files": paths}
