"""Find the tree to compare base with, or what forbids to diff it at all."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from diffscribe.history.bounds import Sizes, exceeds
from diffscribe.history.git import MAX_BLOB_BYTES
from diffscribe.history.patches import ChangedFile
from diffscribe.history.presets import Facts, PresetReason, Stage, preset_reason
from diffscribe.history.source import OpenSource
from diffscribe.history.text import decode
from diffscribe.history.trees import SUBMODULE, Entry, write_tree
from diffscribe.history.windows import Window, WindowReason
from diffscribe.params import HarvestParams, SourceSettings
from diffscribe.records import FileStatus

Reason = WindowReason | PresetReason


class Terms(NamedTuple):
    """What holds for all windows of a source."""

    repo: str
    settings: SourceSettings
    params: HarvestParams
    history_commits: int


def target(
    terms: Terms, window: Window, source: OpenSource, own: Any, sizes: Sizes
) -> str | Reason:
    """Return the tree that a window makes of base, or why it is no change.

    A tree that no commit has is written to `own`, a repository that sees the
    source. A rename is two entries here, and only git can say which two: what
    depends on that is left open.
    """
    entries = window.entries
    return (
        _unfit_number(entries, terms.params)
        or _too_large(entries, sizes)
        or _broken(terms, window, sizes)
        or _too_long(entries, source, sizes, terms.params)
        or _tree(window, own)
    )


def facts_of(terms: Terms, window: Window, sizes: Sizes) -> Facts:
    """Return what a preset may ask of a window before its diff is known."""
    commit, entries = window.commits[-1].commit, window.entries
    if terms.params.preset is None:
        return Facts()
    return Facts(
        commit.message or "",
        commit.signature,
        terms.history_commits,
        old_bytes=_bytes(((each.old_mode, each.old_blob) for each in entries), sizes),
        new_bytes=_bytes(((each.mode, each.blob) for each in entries), sizes),
    )


def _bytes(files: Iterable[tuple[str, str]], sizes: Sizes) -> int:
    """Sum the sizes of files, given by mode and blob; a submodule has none."""
    return sum(sizes[blob] for mode, blob in files if mode != SUBMODULE)


def _unfit_number(
    entries: tuple[Entry, ...], params: HarvestParams
) -> WindowReason | None:
    if not entries:
        return WindowReason.EMPTY_DIFF
    if len(entries) - min(_added_and_deleted(entries)) > params.max_files:
        return WindowReason.TOO_MANY_FILES
    return None


def _too_large(entries: tuple[Entry, ...], sizes: Sizes) -> WindowReason | None:
    if any(sizes[blob] > MAX_BLOB_BYTES for blob in _read_blobs(entries)):
        return WindowReason.LARGE_FILE
    return None


def _read_blobs(entries: Iterable[Entry]) -> Iterator[str]:
    """Yield what git reads: not the content of a file that only moves."""
    left = {entry.old_blob for entry in entries if entry.is_deleted}
    come = {entry.blob for entry in entries if entry.is_added}
    moved = left & come
    for entry in entries:
        if entry.has_blobs:
            yield from {entry.old_blob, entry.blob} - moved


def _broken(terms: Terms, window: Window, sizes: Sizes) -> PresetReason | None:
    entries = window.entries
    if terms.params.preset is None or all(_added_and_deleted(entries)):
        return None
    files = [ChangedFile(decode(each.path), None, _status(each)) for each in entries]
    facts = facts_of(terms, window, sizes)._replace(files=files)
    return preset_reason(terms.params.preset, Stage.FILES, facts)


def _too_long(
    entries: tuple[Entry, ...], source: OpenSource, sizes: Sizes, params: HarvestParams
) -> WindowReason | None:
    if exceeds(source, entries, sizes, params.max_diff_chars):
        return WindowReason.DIFF_TOO_LONG
    return None


def _tree(window: Window, own: Any) -> str | WindowReason:
    import pygit2

    if not window.needs_tree:
        return window.commits[-1].commit.tree
    base = own[window.commits[0].commit.parent_tree]
    try:
        return str(write_tree(own, base, window.entries))
    except (pygit2.GitError, UnicodeError):
        return WindowReason.NOT_APPLICABLE


def _added_and_deleted(entries: Iterable[Entry]) -> tuple[int, int]:
    added = sum(entry.is_added for entry in entries)
    return added, sum(entry.is_deleted for entry in entries)


def _status(entry: Entry) -> FileStatus:
    if entry.is_added:
        return FileStatus.ADDED
    return FileStatus.DELETED if entry.is_deleted else FileStatus.MODIFIED
