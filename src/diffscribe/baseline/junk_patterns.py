"""Which added files are junk, by the patterns that ignored others in training."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from diffscribe.commits.gitignore import ignored
from diffscribe.records import FileStatus, SplitChange


def learn_patterns(rows: Iterable[SplitChange]) -> tuple[str, ...]:
    """Return the patterns that ignored junk, those of most rows first.

    A pattern that matches an added file of a row that is no junk is left out.
    """
    counts: Counter[str] = Counter()
    real: set[str] = set()
    for row in rows:
        counts.update(_useful(row.label.plan.gitignore, row.junk))
        added = {each.path for each in row.files if each.status == FileStatus.ADDED}
        real |= added - set(row.junk)
    return tuple(
        pattern
        for pattern, _ in sorted(counts.items(), key=lambda each: (-each[1], each[0]))
        if not ignored([pattern], real)
    )


def junk_of(
    patterns: Sequence[str], added: Collection[str], others: Collection[str]
) -> tuple[tuple[str, ...], frozenset[str]]:
    """Return the patterns that match an added file and no other, and those files."""
    used = tuple(
        sorted(
            pattern
            for pattern in patterns
            if ignored([pattern], added) and not ignored([pattern], others)
        )
    )
    return used, ignored(used, added)


def _useful(patterns: Iterable[str], junk: Collection[str]) -> set[str]:
    return {pattern for pattern in patterns if ignored([pattern], junk)}
