from datetime import date
from typing import Any

import pytest

from diffscribe.core.params import SourceParams
from diffscribe.harvest.filters import unwanted_author, unwanted_day, unwanted_message


def settings(**changed: Any) -> SourceParams:
    return SourceParams(path="x", **changed)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("", "message_too_short"),
        ("x" * 65537, "message_too_long"),
        ("fixup! feat: x", "fixup"),
        ("squash! feat: x", "fixup"),
        ("amend! feat: x", "fixup"),
        ("WIP", "unfinished"),
        ("[wip] more", "unfinished"),
        ("Work in progress on it", "unfinished"),
        ('Revert "feat: x"', "revert"),
        ('Reapply "feat: x"', "revert"),
        ("revert(api)!: feat: x", "revert"),
        ("Undo it\n\nThis reverts commit 0123abc, as", "revert"),
        ("feat: wipe the slate", None),
        ("fix: fixup! in the docs", None),
        ("feat: revert a commit by name", None),
        ("Revert to the older parser", None),
        ("fix: x\n\nWhat this reverts commit by commit", None),
    ],
)
def test_a_message_that_teaches_nothing_has_its_reason(
    harvest_params: Any, message: str, reason: str | None
) -> None:
    assert unwanted_message(message, harvest_params()) == reason


@pytest.mark.parametrize(
    ("author", "reason"),
    [
        ("Ann <ann@example.org>", None),
        ("ANN LEE <a@b.c>", None),
        ("Bo <bo@EXAMPLE.org>", None),
        ("Bo <bo@example.com>", "other_author"),
        ("Ann[bot] <ann@example.org>", "bot"),
        ("Bo[bot] <bo@b.c>", "other_author"),
    ],
)
def test_only_the_named_authors_are_read_and_no_bot(
    author: str, reason: str | None
) -> None:
    only = settings(authors=["ann", "@Example.org"])
    assert unwanted_author(author, only, ("[BOT]",)) == reason


def test_anyone_is_read_if_no_author_is_named() -> None:
    assert unwanted_author("Bo <bo@b.c>", settings(), ()) is None


@pytest.mark.parametrize(
    ("day", "reason"),
    [
        ("2024-01-30", "before_since"),
        ("2024-01-31", None),
        ("2024-02-29", None),
        ("2024-03-01", "after_until"),
    ],
)
def test_both_ends_of_the_span_of_days_are_read(day: str, reason: str | None) -> None:
    span = settings(since="2024-01-31", until="2024-02-29")
    assert unwanted_day(date.fromisoformat(day), span) == reason
    assert unwanted_day(date.fromisoformat(day), settings()) is None
