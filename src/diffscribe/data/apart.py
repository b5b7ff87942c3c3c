"""Drop from a split what it shares with a stricter one."""

from collections import Counter
from collections.abc import Sequence
from enum import StrEnum

from diffscribe.data.duplicates import diff_digest
from diffscribe.records import CuratedChange


class Reason(StrEnum):
    """Why a row is in no split."""

    BENCHMARK = "benchmark"
    """It is of a repository or has a commit that params keep out; else what it
    shares with a row of a stricter split."""
    SHARED_COMMIT = "shared_commit"
    DUPLICATE_DIFF = "duplicate_diff"
    NEAR_DUPLICATE = "near_duplicate"
    SHARED_FILES = "shared_files"


Key = tuple[Reason, object]
"""What rows of different splits may not both have."""


def keep_apart(
    splits: Sequence[Sequence[CuratedChange]], kept_out: Sequence[CuratedChange] = ()
) -> tuple[list[list[CuratedChange]], Counter[Reason]]:
    """Return splits, strictest first, without what a stricter one has too.

    Nor do they keep what is in rows of a benchmark. Rows stay in their order,
    and may share anything with rows of their own split.
    """
    dropped = Counter({Reason.BENCHMARK: len(kept_out)})
    taken = {key for row in kept_out for key in _keys(row)}
    kept: list[list[CuratedChange]] = []
    for rows in splits:
        kept.append([])
        for row in rows:
            shared = next((key for key in _keys(row) if key in taken), None)
            if shared is None:
                kept[-1].append(row)
            else:
                dropped[shared[0]] += 1
        taken.update(key for row in kept[-1] for key in _keys(row))
    return kept, dropped


def _keys(row: CuratedChange) -> list[Key]:
    return [
        *((Reason.SHARED_COMMIT, commit.sha) for commit in row.commits),
        (Reason.DUPLICATE_DIFF, diff_digest(row.diff)),
        (Reason.NEAR_DUPLICATE, row.cluster),
        *_files(row),
    ]


def _files(row: CuratedChange) -> list[Key]:
    """Return the set of files if no other project would have the same by chance.

    One file alone tells nothing, nor do files at the root and in hidden
    folders, such as a manifest, its lock file and the workflows.
    """
    paths = frozenset(file.path for file in row.files)
    named_here = any("/" in path and not path.startswith(".") for path in paths)
    return [(Reason.SHARED_FILES, paths)] if len(paths) > 1 and named_here else []
