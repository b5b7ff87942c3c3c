"""Find what rows of logs in different splits share, by none of the code that splits."""

import unicodedata
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from diffscribe.core.errors import LeakError
from diffscribe.logs.split import LogRow, Placed, rows_of_splits, split_rows

SIMILARITY = 0.75
"""Jaccard index of the groups of letters from which two texts ask the same."""
LETTERS = 5
_NAMED = 5
"""Leaks that the error lists with their rows."""


class LogLeakKind(StrEnum):
    """What a row shares with one of another split."""

    ID = "id"
    SESSION = "session"
    TEXT = "text"
    """The same letters and digits in the same order."""
    NEAR_DUPLICATE = "near_duplicate"
    ONLY_TRAIN = "only_train"
    """It is held out although it may not be; it shares nothing."""


class LogLeak(NamedTuple):
    """A row that gives away another."""

    kind: LogLeakKind
    split: str
    id: str
    other_split: str
    other_id: str


def find_log_leaks(splits: Mapping[str, Sequence[LogRow]]) -> list[LogLeak]:
    """Return all leaks between splits, at most one of a kind for each row.

    Of two rows the leak is of the one whose split comes first.
    """
    names = list(splits)
    leaks = []
    for at, split in enumerate(names):
        later = [(name, row) for name in names[at + 1 :] for row in splits[name]]
        ids = {row.id: (name, row) for name, row in later}
        sessions = {row.session: (name, row) for name, row in later}
        texts = {_letters(row.text): (name, row) for name, row in later}
        texts.pop("", None)
        near = _Index([(_groups(row.text), name, row) for name, row in later])
        for row in splits[split]:
            found = {
                LogLeakKind.ID: ids.get(row.id),
                LogLeakKind.SESSION: sessions.get(row.session),
                LogLeakKind.TEXT: texts.get(_letters(row.text)),
                LogLeakKind.NEAR_DUPLICATE: near.like(_groups(row.text)),
                LogLeakKind.ONLY_TRAIN: (split, row)
                if row.only_train and split != "train"
                else None,
            }
            leaks += [
                LogLeak(kind, split, row.id, other[0], other[1].id)
                for kind, other in found.items()
                if other
            ]
    return leaks


def refuse_log_leaks(leaks: Sequence[LogLeak]) -> None:
    """Fail if there are any.

    Raises:
        LeakError: with the number of each kind, and the first rows by name.
    """
    if not leaks:
        return
    kinds = [leak.kind for leak in leaks]
    counts = ", ".join(f"{kinds.count(each)} {each}" for each in dict.fromkeys(kinds))
    named = "; ".join(
        f"{leak.kind} of {leak.split} row {leak.id} "
        f"and {leak.other_split} row {leak.other_id}"
        for leak in leaks[:_NAMED]
    )
    raise LeakError(
        f"split: rows of different splits share what they must not: {counts}: {named}; "
        "run the stages from collect on again, and report it if it stays"
    )


def split_without_leaks(
    rows: Sequence[LogRow], fractions: Mapping[str, float], seed: int
) -> Placed:
    """Return the split of each row, as `split_rows` does, and that nothing leaks.

    Raises:
        SourceError: if there are too few to give each split one.
        LeakError: if splits share what they must not, a cluster among it.
    """
    placed = split_rows(rows, fractions, seed)
    whole = [row._replace(session=placed.cluster_of[row.id]) for row in rows]
    for told in (rows, whole):
        refuse_log_leaks(find_log_leaks(rows_of_splits(placed, told)))
    return placed


def _letters(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(filter(str.isalnum, folded))


def _groups(text: str) -> frozenset[str]:
    letters = _letters(text)
    starts = range(max(1, len(letters) - LETTERS + 1)) if letters else ()
    return frozenset(letters[at : at + LETTERS] for at in starts)


class _Index:
    """Rows by their groups of letters."""

    def __init__(self, rows: Sequence[tuple[frozenset[str], str, LogRow]]) -> None:
        self._rows = rows
        self._uses: dict[str, list[int]] = {}
        for at, (groups, _, _) in enumerate(rows):
            for group in groups:
                self._uses.setdefault(group, []).append(at)

    def like(self, groups: frozenset[str]) -> tuple[str, LogRow] | None:
        """Return a row that is similar enough, or None.

        Two sets with an index of SIMILARITY share one of any groups but as many as
        they may differ in, so the rarest of these propose.
        """
        rarest = sorted(groups, key=lambda each: (len(self._uses.get(each, ())), each))
        kept = rarest[: len(groups) - int(SIMILARITY * len(groups)) + 1]
        for at in {at for each in kept for at in self._uses.get(each, ())}:
            theirs, name, row = self._rows[at]
            shared = len(groups & theirs)
            if shared >= SIMILARITY * (len(groups) + len(theirs) - shared):
                return name, row
        return None
