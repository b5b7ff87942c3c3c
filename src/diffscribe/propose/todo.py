"""The todo: a draft as a text that a person edits, like that of git's rebase.

    commit fix(api): close the log
      | The handle leaked when a request failed.
      file src/api.py             # M +3 -1
      hunk 2 src/cli.py           # line 40: def main():
        # +    log.close()
      issue src/api.py is called with a lock held

    leave                         # stays in the working tree
      file notes.txt              # A +9

    ignore *.log                  # debug.log

A line is a word and what belongs to it, wherever it is indented. Names, and texts that
a line would not keep, are in git's C-style quotes. What reads a draft from the text
tells all lines that it cannot read, and needs nothing but the change beside it.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import starmap
from typing import NamedTuple

from wcwidth import ljust, width

from diffscribe.commits.gitignore import ignored, matching
from diffscribe.commits.grammar import TYPES, Header, format_header, split_header
from diffscribe.commits.plan import plan_problem
from diffscribe.commits.units import units_of
from diffscribe.core.errors import RecordError
from diffscribe.core.records import Change, FileChange, Issue, Plan, PlannedCommit
from diffscribe.propose.draft import Draft
from diffscribe.propose.spelling import (
    NAME,
    cut,
    first_changes,
    hunks_of,
    notes_of,
    place_of,
    read_spelling,
    spell_name,
    spell_text,
)

_HELP = """\
# Save and close to go on with what stands here; an empty text changes nothing.
#
#   commit HEADER    begins a commit; the lines with | below it are its message
#   file NAME        puts a whole file into it
#   hunk NUMBER NAME puts one hunk of a file into it
#   issue NAME TEXT  remarks something about a file, and is in no commit
#   leave            has below it what stays in the working tree
#   ignore PATTERN   is added to .gitignore
#
# Move lines to move files and hunks, move blocks to reorder, reword at will. A
# commit without its commit line joins the one above; a new one splits it. What
# is in no commit stays in the working tree."""
_MARK = "#! "
"""Begins the line above one that could not be read."""
_MAX_NAME_COLUMNS = 40
"""Remarks behind names that are not longer stand in one column."""
_MAX_COLUMNS = 80
_SHOWN_LINES = 3
"""Changed lines that tell a hunk from another."""
_MAX_SPARE_HUNKS = 100
"""Hunks of files that are not split, told below the help."""


class TodoProblem(NamedTuple):
    """A line that cannot be read, and what to do about it."""

    line: int
    """From 1."""
    words: str


class TodoError(RecordError):
    """Lines of a todo cannot be read."""

    def __init__(self, problems: Sequence[TodoProblem]) -> None:
        super().__init__("; ".join(f"line {line}: {words}" for line, words in problems))
        self.problems = tuple(problems)


# Writing.


def print_todo(draft: Draft, change: Change) -> str:
    """Return the text that `read_todo` reads as the same draft, with remarks.

    The draft has to fit the change.
    """
    listing = _Listing(change)
    for commit in draft.plan.commits:
        listing.lines.append(f"commit {spell_text(format_header(commit))}")
        listing.lines += map(_body_line, commit.body.split("\n") if commit.body else ())
        listing.add_units({path: commit.hunks.get(path, ()) for path in commit.files})
        listing.lines += (
            f"  issue {spell_name(each.path)} {spell_text(each.message)}"
            for each in commit.issues
        )
        listing.lines.append("")
    listing.lines.append("leave  # stays in the working tree")
    listing.add_units(draft.left_out)
    listing.lines.append("")
    for pattern in draft.plan.gitignore:
        names = map(spell_name, sorted(ignored((pattern,), listing.files)))
        listing.add(f"ignore {spell_name(pattern)}", ", ".join(names))
    if draft.plan.gitignore:
        listing.lines.append("")
    listing.lines.append(_HELP)
    listing.add_spare_hunks(
        draft.left_out.keys(), *(each.hunks for each in draft.plan.commits)
    )
    return "\n".join([*listing.lines, ""])


class _Listing:
    """The lines of a todo while they are written."""

    def __init__(self, change: Change) -> None:
        self.lines: list[str] = []
        self.files = {each.path: each for each in change.files}
        self.hunks = hunks_of(change)
        widths = [width(spell_name(path)) for path in self.files]
        fitting = [each for each in widths if each <= _MAX_NAME_COLUMNS]
        self.columns = max(fitting, default=0) + len("  hunk 1 ")

    def add(self, line: str, remark: str) -> None:
        """Add a line with a remark, which ends where a screen does."""
        line = f"{ljust(line, self.columns)}  # " if remark else line
        self.lines.append(line + cut(remark, max(20, _MAX_COLUMNS - width(line))))

    def add_units(self, units: Mapping[str, Sequence[int]]) -> None:
        """Add a line for each file, or for each of the hunks that are named of it."""
        for path, numbers in units.items():
            for number in numbers:
                self.add_hunk("  ", number, path)
            if not numbers:
                remark = _remark(self.files[path], len(self.hunks[path]))
                self.add(f"  file {spell_name(path)}", remark)

    def add_hunk(self, indent: str, number: int, path: str) -> None:
        """Add a line for a hunk, with some of its lines as remarks."""
        hunk = self.hunks[path][number - 1]
        self.add(f"{indent}hunk {number} {spell_name(path)}", place_of(hunk))
        for line in first_changes(hunk, _SHOWN_LINES):
            self.lines.append(cut(f"{indent}  # {line}", _MAX_COLUMNS))

    def add_spare_hunks(self, *split: Collection[str]) -> None:
        """Add remarks with the lines that would split the files that are whole."""
        spare = [
            (number, path)
            for path, hunks in self.hunks.items()
            if not any(path in each for each in split)
            for number in range(1, len(hunks) + 1)
        ]
        if spare:
            self.lines += [
                "#",
                "# To split a file, put its hunks in place of its line:",
            ]
        for number, path in spare[:_MAX_SPARE_HUNKS]:
            self.add_hunk("#   ", number, path)
        if len(spare) > _MAX_SPARE_HUNKS:
            more = len(spare) - _MAX_SPARE_HUNKS
            self.lines.append(
                f"# and {more} more, as 'git diff' prints and counts them"
            )


def _remark(file: FileChange, hunks: int) -> str:
    """Return status and counts of a file, and how many hunks can be told apart."""
    counts = (("+", file.additions), ("-", file.deletions))
    words = [file.status.value, *(f"{sign}{count}" for sign, count in counts if count)]
    notes = [notes_of(file), f"{hunks} hunks" if hunks else ""]
    return ", ".join([" ".join(words), *filter(None, notes)])


def _body_line(text: str) -> str:
    bare = text.lstrip(" ")
    spelled = spell_text(bare) if text else ""
    return f"  | {text[: len(text) - len(bare)]}{spelled}".rstrip(" ")


# Reading.

Unit = tuple[str, int]
"""A file and the number of a hunk, 1 if it is never split."""


class _BadLineError(ValueError):
    """What is wrong with the line that is read, and what to do."""


@dataclass
class _Section:
    """A commit, or what is left out, while its lines are read."""

    line: int
    header: str | None
    """None of what is left out."""
    body: list[str] = field(default_factory=list)
    units: list[Unit] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)
    last_word: str = ""
    is_empty: bool = True
    """Whether no line names a file, not even one that cannot be read."""

    def add_body(self, text: str) -> None:
        """Add a line of the message; a second message is a paragraph below it."""
        if self.body and self.last_word != "|":
            self.body.append("")
        bare = text.lstrip(" ")
        self.body.append(text[: len(text) - len(bare)] + _read_text(bare))


def read_todo(
    text: str,
    change: Change,
    types: Collection[str] = TYPES,
    secret: Collection[str] = (),
) -> Draft:
    """Return the draft that a text says, with all that is in no commit left out.

    Args:
        text: the todo. A person may write any header.
        change: what the todo is for.
        types: those of the house. A header with none of them is the subject of a commit
            without a type.
        secret: files that no commit may have.

    Raises:
        TodoError: naming every line that cannot be read.
    """
    reader = _Reader(change, types, secret)
    # Some editors put a byte order mark in front.
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        try:
            reader.read(number, line.strip())
        except _BadLineError as error:
            reader.problems[number] = str(error)
    return reader.draft()


def explain(text: str, error: TodoError) -> str:
    """Return a text with what is wrong above each line, for a person to mend it.

    What was explained before is taken out; nothing else changes.
    """
    words = dict(error.problems)
    lines = []
    for number, line in enumerate(text.split("\n"), start=1):
        if number in words:
            lines.append(f"{_MARK}{words[number]}")
        if not line.startswith(_MARK):
            lines.append(line)
    return "\n".join(lines)


class _Reader:
    """What the lines of a todo have said so far."""

    def __init__(
        self, change: Change, types: Collection[str], secret: Collection[str]
    ) -> None:
        self.files = {each.path: each for each in units_of(change.files, change.diff)}
        self.types = types
        self.secret = secret
        self.renamed = {each.old_path: each.path for each in change.files}
        self.sections: list[_Section] = []
        self.patterns: dict[int, str] = {}
        """By their lines."""
        self.lines: dict[Unit, int] = {}
        """The line that names each unit."""
        self.problems: dict[int, str] = {}
        """By their lines; the first of each."""

    def read(self, number: int, line: str) -> None:
        """Read one line without the blanks around it."""
        if not line or line.startswith("#"):
            return
        word = "|" if line.startswith("|") else line.split(None, 1)[0]
        rest = line.removeprefix(word)
        match word:
            case "commit":
                section = _Section(number, "")
                self.sections.append(section)
                section.header = _read_text(rest.strip())
                if not section.header.strip():
                    raise _BadLineError("write the message behind the word commit")
            case "leave":
                self.sections.append(_Section(number, None))
                _refuse_more(rest.strip())
            case "ignore":
                self.patterns[number] = _read_pattern(rest.strip())
            case "|" | "file" | "hunk" | "issue":
                if not self.sections:
                    raise _BadLineError("no commit stands above; move this below one")
                self._read_below(self.sections[-1], number, word, rest)
                self.sections[-1].last_word = word
            case _:
                raise _BadLineError(
                    f"no line begins with {spell_name(word)}, but with commit, file, "
                    "hunk, leave, ignore, issue, | for a message or # for a remark"
                )

    def _read_below(self, section: _Section, number: int, word: str, rest: str) -> None:
        if section.header is None and word in ("|", "issue"):
            raise _BadLineError(
                "what is left out has no message and no issues; move the line to a "
                "commit, or delete it"
            )
        if word == "|":
            section.add_body(rest.removeprefix(" "))
        elif word == "issue":
            path, message = _read_name(rest.strip())
            section.issues.append(Issue(path=path, message=_read_text(message)))
        else:
            section.is_empty = False
            for unit in self._units(word, rest.strip()):
                if section.header is not None and unit[0] in self.secret:
                    raise _BadLineError(
                        f"{spell_name(unit[0])} is a file of keys or passwords; move "
                        "the line below leave, or begin anew with --allow-secrets"
                    )
                earlier = self.lines.setdefault(unit, number)
                if earlier != number:
                    is_split = self.files[unit[0]].hunks > 1
                    hunk = f"hunk {unit[1]} of " if is_split else ""
                    raise _BadLineError(
                        f"{hunk}{spell_name(unit[0])} is in line {earlier} already; "
                        "delete one of the two"
                    )
                section.units.append(unit)

    def _units(self, word: str, rest: str) -> list[Unit]:
        """Return what a line names: one hunk, or all of a file."""
        number, _, name = rest.partition(" ") if word == "hunk" else ("1", "", rest)
        path, more = _read_name(name.strip())
        _refuse_more(more)
        file = self.files.get(path)
        if file is None:
            from rapidfuzz import process

            near = process.extractOne(path, [*self.files], score_cutoff=60)
            meant = self.renamed.get(path) or (near and near[0])
            hint = f"; did you mean {spell_name(meant)}?" if meant else ""
            raise _BadLineError(f"nothing changed in {spell_name(path)}{hint}")
        if word == "file":
            return [(path, each) for each in range(1, file.hunks + 1)]
        if not (re.fullmatch("[0-9]{1,6}", number) and 1 <= int(number) <= file.hunks):
            parts = f"hunks 1 to {file.hunks}" if file.hunks > 1 else "only one part"
            raise _BadLineError(
                f"{spell_name(path)} has {parts}; write hunk NUMBER NAME or file NAME"
            )
        return [(path, int(number))]

    def draft(self) -> Draft:
        """Return what the lines say.

        Raises:
            TodoError: naming every line that cannot be read.
        """
        sections = [each for each in self.sections if each.header is not None]
        for each in sections:
            if each.is_empty:
                words = "nothing is in this commit; move a file below it or delete it"
                self.problems.setdefault(each.line, words)
        committed = {unit for each in sections for unit in each.units}
        junk = self._junk(committed)
        if self.problems:
            raise TodoError([*starmap(TodoProblem, sorted(self.problems.items()))])
        left_out = [
            (path, hunk)
            for path, file in self.files.items()
            for hunk in range(1, file.hunks + 1)
            if path not in junk and (path, hunk) not in committed
        ]
        plan = Plan(
            commits=tuple(map(self._commit, sections)),
            gitignore=tuple(self.patterns.values()),
        )
        return Draft(plan=plan, left_out=self._parts(left_out))

    def _commit(self, section: _Section) -> PlannedCommit:
        header = section.header or ""
        found = split_header(header)
        if (
            found is None
            or found.type not in self.types
            or format_header(found) != header
        ):
            found = Header("", None, False, header)
        parts = self._parts(section.units)
        return PlannedCommit(
            **found._asdict(),
            files=tuple(parts),
            hunks={path: numbers for path, numbers in parts.items() if numbers},
            body="\n".join(section.body),
            issues=tuple(section.issues),
        )

    def _parts(self, units: Iterable[Unit]) -> dict[str, tuple[int, ...]]:
        """Return the hunks of each file, none if it is the whole file."""
        parts = defaultdict(list)
        for path, hunk in units:
            parts[path].append(hunk)
        return {
            path: tuple(sorted(each)) if len(each) < self.files[path].hunks else ()
            for path, each in parts.items()
        }

    def _junk(self, committed: Collection[Unit]) -> Collection[str]:
        """Return the files that patterns ignore; those that must not are problems."""
        lines = {path: self.lines[path, hunk] for path, hunk in sorted(committed)}
        junk = ignored(self.patterns.values(), self.files)
        for path in sorted(junk):
            if path in lines:
                words = f"which is in line {lines[path]}; delete one of the two"
            elif not self.files[path].may_be_junk:
                words = "which no pattern can take out as it is not new; narrow it"
            else:
                continue
            line = next(
                line
                for line, pattern in reversed(self.patterns.items())
                if any(matching([pattern], path))
            )
            self.problems.setdefault(line, f"it ignores {spell_name(path)}, {words}")
        return junk


def _read_text(text: str) -> str:
    read = read_spelling(text)
    if "\0" in read:
        raise _BadLineError("git refuses NUL in a message; take it out")
    return read


def _read_name(text: str) -> tuple[str, str]:
    """Return the name that a text begins with, and what is behind it."""
    match = re.match(NAME, text)
    if match is None:
        raise _BadLineError(
            "write a name; one with blanks or quotes needs quotes around it"
        )
    return read_spelling(match[0]), text[match.end() :].strip()


def _read_pattern(text: str) -> str:
    pattern, more = _read_name(text)
    _refuse_more(more)
    if re.search(r"[\0-\x1f\x7f]", pattern):
        raise _BadLineError("a pattern is one line without control characters")
    if plan_problem(Plan(commits=(), gitignore=(pattern,)), ()) is not None:
        raise _BadLineError("the pattern would ignore everything; narrow it")
    return pattern


def _refuse_more(text: str) -> None:
    if text and not text.startswith("#"):
        raise _BadLineError(
            f"{spell_text(text)} is too much; a name with blanks needs quotes around "
            "it, a remark begins with #"
        )
