"""The student's prompt: a change as numbered files and hunks, within a budget.

    1 M src/api/client.py +8 -2 @2
    @1 class Client:
    -retries = 3
    +retries = 5
    @2 def get(self, url):
    +for attempt in range(self.retries):
    ...4
    2 A docs/retries.md +12
    +# Retries
    ...11

A file is one line: its number, status, path, lines added and deleted, and hunks. If its
hunks can be told apart, they are counted and numbered. `...4` says that four of its
changed lines are not shown.

Every file gets a line before any gets a second one. Then the file that has used the
fewest tokens is next, where tokens count more for prose and most for what no person
writes. Within a file the hunks take turns, and lines that import come last.
"""

import heapq
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, partial
from itertools import groupby, zip_longest
from pathlib import Path
from string import Template
from typing import Literal, NamedTuple

from diffscribe.commits.diff import FilePatch, Hunk, patches_by_path
from diffscribe.commits.path_rules import prompt_priority
from diffscribe.commits.plan import MessageStyle
from diffscribe.commits.prompt import (
    CountTokens,
    Prompts,
    Rendered,
    read_prompt,
    shown_path,
)
from diffscribe.commits.units import units_of
from diffscribe.core.records import Change, FileChange, FileKind, Message

AnswerFormat = Literal["lines", "json"]

VARIABLES = frozenset({"languages", "recent_subjects", "files"})

MAX_HISTORY_FRACTION = 0.15
"""Share of the budget for subjects of the history; the change itself is worth more."""
MAX_LIST_FRACTION = 0.5
"""Share of the budget for the lines of files; above it, paths lose their beginning."""
MAX_REMARKS_FRACTION = 0.15
"""Share of the rest for how many lines are missing; above it, only the list tells."""

_NOTHING = "none"
_MAX_LINE_CHARS = 120
_MAX_FUNCTION_CHARS = 60
_MAX_SUBJECT_CHARS = 72
_MAX_MISSES = 3
"""After so many lines of a file that do not fit, no other of it is tried."""
_WEIGHTS = (1, 2, 8)
"""How much a token counts of source, of prose, and of what no person writes."""
_PATH_CHARS = (sys.maxsize, 60, 40, 24, 12)
_CROPPED_CHARS = (60, 30, 15, 8)

_HASH = re.compile(r"\b(?=[0-9a-f]*[0-9])([0-9a-f]{7})[0-9a-f]{9,}\b")
_BASE64 = re.compile(
    r"(?<![\w+/])(?=[\w+/]*[0-9])([A-Za-z0-9+/]{7})[A-Za-z0-9+/]{36,}={0,2}"
)
"""Digests and keys take many tokens and tell a reader nothing."""
_IMPORT = re.compile(
    r"(?:import |from \S+ import|(?:pub(?:\(\w+\))? )?use |#\s*include|using |package "
    r"|(?:const|let|var) .{1,60}= require\(|require(?:_relative)?[ (]"
    r"|export .{1,60} from |(?:\w+ )?\"[^\"]+\"$)"
)
_MODE = re.compile(r"(old|new) mode (\d+)$")


class Counters(NamedTuple):
    """How a budget is counted."""

    text: CountTokens
    """Counts plain text. Pieces are counted one by one."""
    prompt: Callable[[Sequence[Message]], int]
    """Counts the tokens of a chat that ends where the answer begins."""


CHARACTERS = Counters(len, lambda chat: sum(len(each.content) for each in chat))
"""Counters for a budget in characters."""


CHARS_PER_TOKEN = 2.7
"""Of the student's prompts, by SmolLM2's tokenizer: a budget in characters shows as
much as one in tokens, whatever tokenizer a model has."""


class StudentPrompts(NamedTuple):
    """What the student is shown, by what it is asked for."""

    plan: Prompts
    message: Prompts
    """Texts that ask for the message of a change that is one commit."""


def load_student_prompts(
    folder: Path, answer: AnswerFormat, style: MessageStyle = "conventional"
) -> StudentPrompts:
    """Read the student's prompts of a folder, told how to answer.

    Raises:
        InputError: if one cannot be read, or has an unknown $variable.
    """
    plan = read_prompt(folder / "system.md", {"answer", "style"})
    words = Template(read_prompt(folder / f"{answer}.md", ())).substitute()
    message = read_prompt(folder / "message.md", {"style"})
    user = read_prompt(folder / "user.md", VARIABLES)
    return StudentPrompts(
        Prompts(Template(plan).substitute(answer=words, style=style), user),
        Prompts(Template(message).substitute(style=style), user),
    )


def render_student_prompt(
    change: Change,
    prompts: Prompts,
    max_tokens: int,
    context_lines: int,
    count: Counters,
    recent_subjects: int = 0,
) -> Rendered | None:
    """Return the messages of a change, or None if not even its names fit.

    Args:
        change: the change to show.
        prompts: texts with the VARIABLES.
        max_tokens: the budget of the whole chat, which is never exceeded.
        context_lines: unchanged lines that may be shown around a change, 3 at most.
            They come after all changed lines of their file.
        count: how the budget is counted.
        recent_subjects: how many of the history before the change may be shown.
    """
    files = _files(change, context_lines)
    counted = cache(count.text)
    languages = ", ".join(change.languages) or _NOTHING
    subjects = _subjects(
        change.recent_subjects[:recent_subjects],
        int(max_tokens * MAX_HISTORY_FRACTION),
        counted,
    )
    fill = partial(prompts.fill, languages=languages, recent_subjects=subjects)
    budget = max_tokens - count.prompt(fill(files=""))
    while True:
        shown = _shown(files, budget, counted)
        if shown is None:
            return None
        listed = "\n".join(line for each in shown for line in each.lines())
        messages = fill(files=listed)
        # Tokens that span two pieces, or what the template adds, are found here.
        excess = count.prompt(messages) - max_tokens
        if excess <= 0:
            break
        budget -= excess
    hunks = sum(each.file.hunks for each in shown)
    return Rendered(
        messages,
        hunks=hunks,
        cut_hunks=hunks - sum(len(each.chosen) for each in shown),
        hidden=frozenset(
            each.file.path for each in shown if each.file.pieces and not each.chosen
        ),
    )


def _subjects(subjects: Sequence[str], max_tokens: int, count: CountTokens) -> str:
    lines = []
    for subject in subjects:
        line = f"- {_cut(_one_line(subject), _MAX_SUBJECT_CHARS)}"
        max_tokens -= count(f"{line}\n")
        if max_tokens < 0:
            break
        lines.append(line)
    return "\n".join(lines) or _NOTHING


# What there is to show.


class _Piece(NamedTuple):
    """A changed line, or a removed one with the added one that takes its place."""

    hunk: int
    """Its number, from 1."""
    at: int
    """Its position in the hunk."""
    lines: tuple[str, ...]
    rank: int
    """0 for changes, 1 for imports, 2 for what says little, 3 for context."""


class _File(NamedTuple):
    """A file and the pieces of its patch, the most telling first."""

    path: str
    heading: tuple[str, str, str]
    """What stands before the path, the path, and what stands after it."""
    functions: Sequence[str]
    """The function that each hunk is in, or ''."""
    is_numbered: bool
    """Whether its hunks can be told apart."""
    pieces: Sequence[_Piece]
    weight: int
    """How much a token counts: more where it says less."""

    @property
    def hunks(self) -> int:
        return len(self.functions)


def _files(change: Change, context_lines: int) -> list[_File]:
    patches = patches_by_path(change.diff)
    units = units_of(change.files, change.diff)
    found = []
    for number, (file, unit) in enumerate(zip(change.files, units, strict=True), 1):
        here = patches.get(file.path, [])
        hunks = [hunk for patch in here for hunk in patch.hunks]
        weight = _WEIGHTS[prompt_priority(file.path)]
        is_numbered = unit.hunks > 1
        after = _counts(file) + _mode(here)
        if is_numbered:
            after += f" @{len(hunks)}"
        found.append(
            _File(
                path=file.path,
                heading=(f"{number} {file.status} ", _name(file), after),
                functions=[
                    _cut(_one_line(hunk.function), _MAX_FUNCTION_CHARS)
                    if weight == 1
                    else ""
                    for hunk in hunks
                ],
                is_numbered=is_numbered,
                pieces=_pieces(hunks, context_lines),
                weight=weight,
            )
        )
    return found


def _name(file: FileChange) -> str:
    """Return the path on one line; of a rename also what it was, nothing twice."""
    if file.old_path is None:
        return shown_path(file.path)
    old, new = file.old_path.split("/"), file.path.split("/")
    first = _shared(old, new)
    old, new, folder = old[first:], new[first:], old[:first]
    last = _shared(old[::-1], new[::-1])
    tail = old[len(old) - last :]
    middle = " => ".join("/".join(each[: len(each) - last]) for each in (old, new))
    is_split = bool(folder or tail)
    name = "/".join([*folder, f"{{{middle}}}" if is_split else middle, *tail])
    return shown_path(name)


def _counts(file: FileChange) -> str:
    kind = "" if file.kind == FileKind.FILE else f" {file.kind}"
    if file.is_binary:
        return f"{kind} binary"
    added = f" +{file.additions}" if file.additions else ""
    deleted = f" -{file.deletions}" if file.deletions else ""
    return f"{kind}{added}{deleted}"


def _mode(patches: Iterable[FilePatch]) -> str:
    """Return how the mode changed, in the digits for owner, group and others."""
    lines = (line.rstrip("\n") for patch in patches for line in patch.header)
    modes = {found[1]: found[2][-3:] for found in map(_MODE.match, lines) if found}
    return f" mode {modes['old']} => {modes['new']}" if len(modes) == 2 else ""


def _pieces(hunks: Sequence[Hunk], context_lines: int) -> list[_Piece]:
    """Return the pieces of a file in the order of their worth.

    The hunks take turns. A line that a file repeats is shown once, and one without a
    letter or digit not at all, unless a hunk has nothing else.
    """
    seen: set[tuple[str, ...]] = set()
    turns: list[tuple[int, int, _Piece]] = []
    for number, hunk in enumerate(hunks, start=1):
        telling: list[_Piece] = []
        dull: list[_Piece] = []
        for at, lines in _changes(hunk):
            says_little = lines in seen or not any(
                char.isalnum() for line in lines for char in line
            )
            seen.add(lines)
            rank = 1 if all(_IMPORT.match(line[1:]) for line in lines) else 0
            (dull if says_little else telling).append(_Piece(number, at, lines, rank))
        kept = telling or [each._replace(rank=2) for each in dull[:1]]
        if context_lines:
            kept += _context(number, hunk, context_lines)
        kept.sort(key=lambda piece: piece.rank)
        turns += [(piece.rank, turn, piece) for turn, piece in enumerate(kept)]
    return [piece for _, _, piece in sorted(turns)]


def _changes(hunk: Hunk) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield each changed line, or pair of them, and its position."""
    numbered = enumerate(line for line in hunk.lines if line[0] != "\\")
    for is_changed, run in groupby(numbered, key=lambda each: each[1][0] != " "):
        if not is_changed:
            continue
        old: list[tuple[int, str]] = []
        new: list[tuple[int, str]] = []
        for at, line in run:
            (old if line[0] == "-" else new).append((at, _one_line(line[1:])))
        for before, after in zip_longest(old, new):
            if before and after:
                alike = sum(_shared_ends(before[1], after[1]))
                if 2 * alike >= max(1, min(len(before[1]), len(after[1]))):
                    yield before[0], _pair(before[1], after[1])
                    continue
            if before:
                yield before[0], ("-" + _cut(before[1], _MAX_LINE_CHARS),)
            if after:
                yield after[0], ("+" + _cut(after[1], _MAX_LINE_CHARS),)


def _shared_ends(old: str, new: str) -> tuple[int, int]:
    """Return how many characters two lines share at their start, and at their end."""
    start = _shared(old, new)
    return start, _shared(old[start:][::-1], new[start:][::-1])


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    """Return how many items two sequences begin with alike."""
    pairs = enumerate(zip(one, other, strict=False))
    differ = (at for at, (mine, its) in pairs if mine != its)
    return next(differ, min(len(one), len(other)))


def _pair(old: str, new: str, max_chars: int = _MAX_LINE_CHARS) -> tuple[str, ...]:
    """Return both lines, of long ones the part that differs; one if none does."""
    if old == new:
        return ("~" + _cut(new, max_chars),)
    start, end = _shared_ends(old, new)
    return tuple(
        sign + _around(line, start, len(line) - end, max_chars)
        for sign, line in (("-", old), ("+", new))
    )


def _around(line: str, start: int, end: int, max_chars: int) -> str:
    """Return a line, or max_chars of it from a little before `start` on."""
    if len(line) <= max_chars:
        return line
    first = max(0, min(start - max_chars // 3, len(line) - max_chars))
    last = min(end + max_chars // 3, first + max_chars)
    return f"{'…' if first else ''}{line[first:last]}{'…' if last < len(line) else ''}"


def _context(number: int, hunk: Hunk, context_lines: int) -> list[_Piece]:
    lines = [line for line in hunk.lines if line[0] != "\\"]
    changed = [at for at, line in enumerate(lines) if line[0] != " "]
    near = {
        at + offset
        for at in changed
        for offset in range(-context_lines, context_lines + 1)
    }
    shown = (
        (at, _one_line(lines[at][1:]))
        for at in sorted(near - {*changed})
        if 0 <= at < len(lines)
    )
    return [
        _Piece(number, at, (f" {_cut(line, _MAX_LINE_CHARS)}",), 3)
        for at, line in shown
        if any(map(str.isalnum, line))
    ]


def _one_line(text: str) -> str:
    """Return a text without outer blanks, line feeds, tabs, and long digests."""
    line = " ".join(text.split())
    if len(line) < 16:
        return line
    return _BASE64.sub(r"\1…", _HASH.sub(r"\1…", line))


def _cut(line: str, max_chars: int) -> str:
    return line if len(line) <= max_chars else f"{line[:max_chars]}…"


# What is shown.


class _Shown:
    """A file and what of it is shown so far."""

    def __init__(self, file: _File, heading: str) -> None:
        self.file = file
        self.heading = heading
        self.chosen: dict[int, list[tuple[int, tuple[str, ...]]]] = {}
        """Positions and lines by the number of the hunk."""
        self.headings: dict[int, tuple[str, ...]] = {}
        self.functions: set[str] = set()
        self.next = 0
        self.spent = 0
        self.misses = 0
        self.left = sum(
            sum(line[0] != " " for line in piece.lines) for piece in file.pieces
        )
        """Changed lines that are not shown."""
        self.says_left = True

    def choose(self, limit: int, count: CountTokens, *, crops: bool) -> int | None:
        """Show the next piece and return what it costs, None if it does not fit."""
        piece = self.file.pieces[self.next]
        for heading, lines in self._forms(piece, crops=crops):
            cost = count("".join(f"{line}\n" for line in (*heading, *lines)))
            if cost <= limit:
                self._show(piece, heading, lines)
                self.spent += cost
                return cost
        if not crops:
            self.next += 1
            self.misses += 1
        return None

    def _forms(
        self, piece: _Piece, *, crops: bool
    ) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
        """Yield the lines above a piece with its own, ever shorter."""
        bare: tuple[str, ...] = ()
        if piece.hunk not in self.chosen:
            number = f"@{piece.hunk}" if self.file.is_numbered else "@"
            function = self.file.functions[piece.hunk - 1]
            if function and function not in self.functions:
                yield (f"{number} {function}",), piece.lines
            bare = (number,) if self.file.is_numbered else ()
        yield bare, piece.lines
        if not crops:
            return
        if len(piece.lines) == 1:
            yield from ((bare, (_cut(piece.lines[0], n),)) for n in _CROPPED_CHARS)
            return
        old, new = (line[1:] for line in piece.lines)
        pairs = [_pair(old, new, chars) for chars in _CROPPED_CHARS]
        yield from ((bare, pair) for pair in pairs)
        yield from ((bare, pair[-1:]) for pair in pairs)

    def _show(
        self, piece: _Piece, heading: tuple[str, ...], lines: tuple[str, ...]
    ) -> None:
        if piece.hunk not in self.chosen:
            self.headings[piece.hunk] = heading
            self.functions.add(self.file.functions[piece.hunk - 1])
        self.chosen.setdefault(piece.hunk, []).append((piece.at, lines))
        self.left -= sum(line[0] != " " for line in lines)
        self.next += 1

    def lines(self) -> Iterator[str]:
        yield self.heading
        for hunk in sorted(self.chosen):
            yield from self.headings[hunk]
            for _, lines in sorted(self.chosen[hunk]):
                yield from lines
        if self.left and self.says_left:
            yield f"...{self.left}"


def _shown(
    files: Sequence[_File], budget: int, count: CountTokens
) -> list[_Shown] | None:
    """Return what of each file fits the budget, None if not even its headings do."""
    headings = _headings(files, budget, count)
    if headings is None:
        return None
    shown = [_Shown(*each) for each in zip(files, headings, strict=True)]
    budget -= sum(count(f"{heading}\n") for heading in headings)
    opened = [each for each in shown if each.file.pieces]
    opened.sort(key=lambda each: each.file.weight)
    reserved = [count(f"...{each.left}\n") for each in opened]
    if sum(reserved) > budget * MAX_REMARKS_FRACTION:
        reserved = [0] * len(opened)
        for each in opened:
            each.says_left = False
    budget -= sum(reserved)
    for _ in range(2):  # What some leave of their share may be enough for others.
        hidden = [each for each in opened if not each.chosen]
        for at, each in enumerate(hidden):
            share = budget // (len(hidden) - at)
            budget -= each.choose(share, count, crops=True) or 0
    turns = [
        (each.spent * each.file.weight, at, each) for at, each in enumerate(opened)
    ]
    heapq.heapify(turns)
    while turns:
        _, at, each = heapq.heappop(turns)
        if each.next == len(each.file.pieces) or each.misses == _MAX_MISSES:
            budget += 0 if each.left else reserved[at]
            continue
        budget -= each.choose(budget, count, crops=False) or 0
        heapq.heappush(turns, (each.spent * each.file.weight, at, each))
    return shown


def _headings(
    files: Sequence[_File], budget: int, count: CountTokens
) -> list[str] | None:
    """Return the line of each file; if they take too much, paths lose their start."""
    for max_chars in _PATH_CHARS:
        headings = []
        for before, path, after in (file.heading for file in files):
            shown = path if len(path) <= max_chars else f"…{path[-max_chars:]}"
            headings.append(f"{before}{shown}{after}")
        cost = sum(count(f"{heading}\n") for heading in headings)
        if cost <= budget * MAX_LIST_FRACTION:
            return headings
    return headings if cost <= budget else None
