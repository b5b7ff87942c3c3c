"""A draft as it is shown: lines for a terminal, JSON for programs."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import click
from wcwidth import ljust, width, wrap

from diffscribe.commits.diff import Hunk
from diffscribe.commits.gitignore import ignored
from diffscribe.commits.grammar import format_header, format_message
from diffscribe.core.records import Change, FileChange, PlannedCommit
from diffscribe.propose.draft import Draft
from diffscribe.propose.spelling import (
    count_lines,
    cut,
    first_changes,
    hunks_of,
    notes_of,
    place_of,
    safe_text,
    spell_name,
)

JSON_VERSION = 1
"""Rises when a key goes or changes what it means; keys may be added."""

Parts = Mapping[str, Sequence[int]]
"""Paths with the numbers of their hunks, none if it is the whole file."""

_MIN_COLUMNS = 40
_SHOWN_JUNK = 3
"""Files that are named beside their pattern."""
_MARGIN = "   "
_COLOURS = {"+": "green", "-": "red"}


def show_draft(
    draft: Draft,
    change: Change,
    columns: int = 80,
    is_coloured: bool = False,
    generated: Collection[int] = (),
) -> str:
    """Return the lines of a draft, none wider than a terminal of so many columns.

    Names and texts are shown whole, and drive no terminal.

    Args:
        draft: what is shown; it has to fit the change.
        change: what it is made for.
        columns: the width of the terminal; at least 40 are taken.
        is_coloured: whether the terminal knows colours.
        generated: the numbers of the commits that no model has worded.
    """
    page = _Page(change, max(columns, _MIN_COLUMNS), is_coloured)
    lines: list[str] = []
    for number, commit in enumerate(draft.plan.commits, start=1):
        lines += page.commit(number, commit, number in generated)
        lines.append("")
    if draft.plan.gitignore:
        lines.append(page.style(".gitignore", bold=True))
        lines += page.junk(draft.plan.gitignore)
        lines.append("")
    if draft.left_out:
        lines.append(page.style("left out, stays in the working tree", bold=True))
        lines += page.parts(draft.left_out)
        lines.append("")
    return "\n".join(lines)


class _Page:
    """Writes lines of one width, in colours or without."""

    def __init__(self, change: Change, columns: int, is_coloured: bool) -> None:
        self.files = {each.path: each for each in change.files}
        self.hunks = hunks_of(change)
        self.columns = columns
        self.is_coloured = is_coloured
        counts = (max(each.additions, each.deletions) for each in change.files)
        self.count_columns = len(f"  +{max(counts, default=0)}")
        longest = max((width(spell_name(path)) for path in self.files), default=0)
        room = columns - len(_MARGIN) * 2 - self.count_columns * 2
        self.name_columns = min(longest, room)

    def style(self, text: str, **style: Any) -> str:
        """Return a text in colours, if they are wanted."""
        return click.style(text, **style) if self.is_coloured else text

    def hang(self, start: str, text: str, **style: Any) -> Iterator[str]:
        """Yield the lines of a text, each as far from the margin as its first."""
        room = self.columns - width(start)
        for line in wrap(text, room, break_on_hyphens=False) or [""]:
            yield start + self.style(line, **style) if line else ""
            start = " " * width(start)

    def commit(
        self, number: int, commit: PlannedCommit, is_generated: bool
    ) -> Iterator[str]:
        """Yield what a commit says and holds."""
        header = safe_text(format_header(commit).expandtabs(4))
        yield from self.hang(f"{number:<2} ", header, bold=True)
        if is_generated:
            yield from self.hang(_MARGIN, "no model worded this", fg="yellow")
        for line in commit.body.split("\n") if commit.body else ():
            yield from self.hang(_MARGIN, safe_text(line.expandtabs(4)))
        yield ""
        yield from self.parts(
            {path: commit.hunks.get(path, ()) for path in commit.files}
        )
        for issue in commit.issues:
            words = f"{spell_name(issue.path)}: {safe_text(issue.message)}"
            yield from self.hang(f"{_MARGIN}!  ", words, fg="yellow")

    def parts(self, parts: Parts) -> Iterator[str]:
        """Yield a line for each file, and some below it for hunks of a split one."""
        for path, numbers in parts.items():
            file = self.files[path]
            hunks = [self.hunks[path][number - 1] for number in numbers]
            counts = _counts(file, hunks)
            signs = zip(_COLOURS.items(), counts, strict=True)
            shown = "".join(
                self.style(f"{sign}{count}".rjust(self.count_columns), fg=colour)
                if count
                else " " * self.count_columns
                for (sign, colour), count in signs
            )
            first, *more = wrap(
                spell_name(path),
                self.name_columns,
                break_on_hyphens=False,
            )
            start = f"{_MARGIN}{file.status.value}  "
            yield f"{start}{ljust(first, self.name_columns)}{shown}".rstrip()
            yield from (f"{_MARGIN * 2}{each}" for each in more)
            if notes := notes_of(file):
                yield from self.hang(_MARGIN * 2, notes, dim=True)
            for number, hunk in zip(numbers, hunks, strict=True):
                place = f"hunk {number} of {len(self.hunks[path])}, {place_of(hunk)}"
                yield self.style(cut(f"{_MARGIN * 2}{place}", self.columns), dim=True)
                for line in first_changes(hunk, 1):
                    text = cut(f"{_MARGIN * 3}{line}", self.columns)
                    yield self.style(text, fg=_COLOURS[line[0]])

    def junk(self, patterns: Sequence[str]) -> Iterator[str]:
        """Yield each pattern with what it ignores."""
        for pattern in patterns:
            names = sorted(map(spell_name, ignored((pattern,), self.files)))
            shown = names[:_SHOWN_JUNK]
            if more := len(names) - len(shown):
                shown.append(f"{more} more")
            words = f"{spell_name(pattern)}  for {', '.join(shown) or 'nothing yet'}"
            yield from self.hang(_MARGIN, words)


def _counts(file: FileChange, hunks: Sequence[Hunk]) -> tuple[int, int]:
    """Return how many lines a file adds and deletes, or these hunks of it do."""
    if not hunks:
        return file.additions, file.deletions
    added, deleted = zip(*map(count_lines, hunks), strict=True)
    return sum(added), sum(deleted)


def draft_json(draft: Draft, change: Change, facts: Mapping[str, Any]) -> str:
    """Return a draft as ASCII JSON; docs/git-diffscribe.md says what the keys mean.

    Args:
        draft: what is written; it has to fit the change.
        change: what it is made for.
        facts: more keys of the whole, such as who made the draft.
    """
    files = {each.path: each for each in change.files}
    hunks = hunks_of(change)

    def listed(parts: Parts) -> list[dict[str, Any]]:
        listed = []
        for path, numbers in parts.items():
            own = [hunks[path][number - 1] for number in numbers]
            additions, deletions = _counts(files[path], own)
            listed.append(
                {
                    "path": path,
                    "old_path": files[path].old_path,
                    "status": files[path].status.value,
                    "additions": additions,
                    "deletions": deletions,
                    "hunks": list(numbers),
                }
            )
        return listed

    commits = [
        {
            "message": format_message(each),
            **each.model_dump(mode="json", exclude={"files", "hunks"}),
            "files": listed({path: each.hunks.get(path, ()) for path in each.files}),
        }
        for each in draft.plan.commits
    ]
    gitignore = [
        {"pattern": each, "files": sorted(ignored((each,), files))}
        for each in draft.plan.gitignore
    ]
    whole = {
        "version": JSON_VERSION,
        **facts,
        "commits": commits,
        "gitignore": gitignore,
        "left_out": listed(draft.left_out),
    }
    return json.dumps(whole, indent=2)
