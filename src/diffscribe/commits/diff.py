"""Take git's unified diff apart into files and hunks that join to the same text."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, TypeVar

from diffscribe.core.errors import RecordError
from diffscribe.core.files import read_jsonl
from diffscribe.core.records import Change, PlannedCommit

C = TypeVar("C", bound=Change)

_AFTER_HEADER = ("@@ ", "diff --git ")
_HUNK_HEADER = re.compile(r"@@ -\d{1,10}(?:,(\d{1,10}))? \+\d{1,10}(?:,(\d{1,10}))? @@")
"""No line of a file has a longer number, and Python reads none of 4,300 digits."""
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
ESCAPED = dict(zip(b'abtnvfr"\\', b'\a\b\t\n\v\f\r"\\', strict=True))
"""The byte that each letter behind a backslash stands for."""


class Hunk(NamedTuple):
    """A `@@` line and the lines below it, each with its line feed."""

    header: str
    lines: tuple[str, ...]
    """Each begins with ` `, `+`, `-`, or `\\` for a missing line feed at the end."""

    @property
    def text(self) -> str:
        """The hunk as git printed it."""
        return self.header + "".join(self.lines)

    @property
    def starts(self) -> tuple[int, ...]:
        """The numbers of its first lines before and after.

        A side without lines has the number of the line above.
        """
        _, *sides, _ = self.header.split(" ", 3)
        return tuple(int(side[1:].partition(",")[0]) for side in sides)

    @property
    def function(self) -> str:
        """What git shows of the function around it, behind a blank, or nothing."""
        return self.header.rstrip("\n").partition(" @@")[2]


class FilePatch(NamedTuple):
    """One `diff --git` section.

    A file that becomes a symlink or a submodule has two: deleted, then added.
    """

    path: str
    """The path at head, or at base if the file was deleted."""
    old_path: str | None
    """The path at base of a rename or copy, else None."""
    header: tuple[str, ...]
    """The lines above the first hunk, `diff --git` included."""
    hunks: tuple[Hunk, ...]
    """Empty for a binary file, or if only the name or the mode changed."""

    @property
    def text(self) -> str:
        """The section as git printed it."""
        return "".join(self.header) + "".join(hunk.text for hunk in self.hunks)

    @property
    def lines(self) -> list[str]:
        """The lines of all hunks."""
        return [line for hunk in self.hunks for line in hunk.lines]

    @property
    def is_binary(self) -> bool:
        """Whether git shows a marker in place of the content."""
        return self.header[-1].startswith("Binary files ")


def parse_diff(text: str) -> tuple[FilePatch, ...]:
    """Split a diff with `a/` and `b/` prefixes into its files, in order.

    The text of all patches, joined, is `text` again. Empty text has no files.

    Raises:
        RecordError: naming the line, if this is not what git prints.
    """
    # Other line breaks than line feeds are content, so splitlines would cut lines.
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    patches = []
    index = 0
    while index < len(lines):
        start = index
        if not lines[start].startswith("diff --git ") or lines[start][-2:] == "\r\n":
            raise RecordError(f"diff:{start + 1}: {_other_kind(lines[start])}")
        index = start + 1
        while index < len(lines) and not lines[index].startswith(_AFTER_HEADER):
            index += 1
        header = lines[start:index]
        hunks = []
        while index < len(lines) and lines[index].startswith("@@ "):
            end = _hunk_end(lines, index)
            hunks.append(Hunk(lines[index], tuple(lines[index + 1 : end])))
            index = end
        path, old_path = _paths(header, start + 1)
        patches.append(FilePatch(path, old_path, tuple(header), tuple(hunks)))
    return tuple(patches)


def read_changes(path: Path, kind: type[C]) -> Iterator[C]:
    """Yield the changes of a file, in order: their diffs and dates can be read.

    Raises:
        InputError: if there is no such file, or it cannot be opened.
        RecordError: naming file and line, at the first that does not fit.
    """
    for number, change in enumerate(read_jsonl(path, kind), start=1):
        try:
            parse_diff(change.diff)
            datetime.fromisoformat(change.committed_at)
        except (RecordError, ValueError) as error:
            raise RecordError(
                f"{path}:{number}: {error}; mend the line, or run the stage that "
                "writes the file again"
            ) from None
        yield change


def patches_by_path(diff: str) -> dict[str, list[FilePatch]]:
    """Return the patches of each path of a diff, paths in their order there.

    Raises:
        RecordError: if the diff is not what git prints.
    """
    patches: dict[str, list[FilePatch]] = {}
    for patch in parse_diff(diff):
        patches.setdefault(patch.path, []).append(patch)
    return patches


def part_of_diff(diff: str, commit: PlannedCommit) -> str:
    """Return the patches of a commit's files, of a split file with its hunks alone.

    Raises:
        RecordError: if the diff is not what git prints.
    """
    return parts_of_diff(diff, [commit])[0]


def parts_of_diff(diff: str, commits: Iterable[PlannedCommit]) -> list[str]:
    """Return `part_of_diff` for each of some commits; the diff is read once.

    Raises:
        RecordError: if the diff is not what git prints.
    """
    patches = parse_diff(diff)
    at_path: dict[str, list[int]] = {}
    for at, patch in enumerate(patches):
        at_path.setdefault(patch.path, []).append(at)
    parts = []
    for commit in commits:
        texts = []
        for at in sorted(at for path in commit.files for at in at_path.get(path, ())):
            patch = patches[at]
            numbered = dict(enumerate(patch.hunks, start=1))
            own = commit.hunks.get(patch.path) or numbered
            kept = [hunk for number, hunk in numbered.items() if number in own]
            texts.append(patch._replace(hunks=tuple(kept)).text)
        parts.append("".join(texts))
    return parts


_OTHER_KINDS = {
    re.compile(r"\ufeff?\x1b\["): "it is coloured; print it with 'git diff --no-color'",
    re.compile(r"diff --git .*\r\n"): "a program turned its line ends into CR LF; write"
    " it with 'git diff --output=FILE', which leaves them as they are",
    re.compile(r"diff --(?:cc|combined) "): "it is the combined diff of a merge; print "
    "it against one parent, with 'git diff PARENT MERGE'",
    re.compile(r"Submodule "): "it shows submodules as a log; print it with "
    "'git diff --submodule=short'",
    re.compile(r"\ufeff"): "a program put a byte order mark before it; write it with "
    "'git diff --output=FILE'",
    re.compile(r"(?:---|\*\*\*|Index:|diff|Only in) "): "another program than git wrote"
    " it; print it with 'git diff', or 'git diff --no-index OLD NEW' outside of git",
}
"""What a diff is whose section begins with such a line, and what can be done."""
COLOURED = r"(?:\x1b\[[\d;]*m)*"


def _other_kind(line: str) -> str:
    """Return why a section of a diff does not begin as git begins one."""
    kinds = (words for form, words in _OTHER_KINDS.items() if form.match(line))
    return next(kinds, "expected a 'diff --git' line, as 'git diff' prints")


def unquote(name: str) -> str:
    """Return the path that git wrote, without C-style quotes if it has them."""
    if not (len(name) > 1 and name.startswith('"') and name.endswith('"')):
        return name
    return unescape(name[1:-1].encode()).decode("utf-8", "replace")


def unescape(content: bytes) -> bytes:
    """Return the bytes that git wrote between C-style quotes."""
    return _ESCAPE.sub(_unescape, content)


def _hunk_end(lines: list[str], start: int) -> int:
    """Count lines as the header announces: content may look like a header."""
    header = _HUNK_HEADER.match(lines[start])
    if header is None:
        raise RecordError(f"diff:{start + 1}: not a hunk header")
    old, new = (int(count or "1") for count in header.groups())
    end = start + 1
    while end < len(lines) and (old > 0 or new > 0 or lines[end].startswith("\\")):
        sign = lines[end][0]
        if sign not in " -+\\":
            break
        old -= sign in " -"
        new -= sign in " +"
        end += 1
    if (old, new) != (0, 0):
        raise RecordError(f"diff:{end + 1}: the hunk ends before its lines do")
    return end


def _paths(header: list[str], number: int) -> tuple[str, str | None]:
    """Return the path, and the old path of a rename or copy."""
    names = {}
    for line in header[1:]:
        for label in ("rename from ", "rename to ", "copy from ", "copy to "):
            if line.startswith(label):
                names[label.split()[1]] = unquote(line.removeprefix(label).rstrip("\n"))
    if names.keys() == {"from", "to"}:
        return names["to"], names["from"]
    # Without a rename both names are equal, so the line splits in the middle
    # even if the path itself contains " b/".
    both = header[0].removeprefix("diff --git ").rstrip("\n")
    old, new = both[: len(both) // 2], both[len(both) // 2 + 1 :]
    path = unquote(new).removeprefix("b/")
    if unquote(old) != f"a/{path}" or unquote(new) != f"b/{path}":
        raise RecordError(
            f"diff:{number}: cannot tell the path; have git print a/ and b/ before "
            "it, with --src-prefix=a/ --dst-prefix=b/"
        )
    return path, None


def _unescape(escape: re.Match[bytes]) -> bytes:
    letters = escape[1]
    if len(letters) == 3:
        return bytes([int(letters, 8) & 0xFF])
    return bytes([ESCAPED.get(letters[0], letters[0])])


_DULL = ("index ", "--- ", "+++ ")
"""Header lines that repeat the title of a patch."""


def shown_patches(diff: str, paths: Iterable[str]) -> dict[str, str]:
    """Return the text that a page shows below each path; empty without a patch.

    A diff that git did not write is shown whole, under the path ''.
    """
    texts = dict.fromkeys(paths, "")
    try:
        for patch in parse_diff(diff):
            header = [each for each in patch.header[1:] if not each.startswith(_DULL)]
            text = "".join((*header, *(each.text for each in patch.hunks)))
            texts[patch.path] = texts.get(patch.path, "") + text
    except RecordError:
        return {"": diff, **dict.fromkeys(texts, "")}
    return texts


_CHANGED_LINE = re.compile(r"\n([-+].*)")


def diff_digest(diff: str) -> str:
    """Return the sha256 of a diff's added and removed lines, in hex.

    White space, paths, context and line numbers do not count, so that a copy
    of a file or of a whole repository is found; a diff without such lines
    (renames, modes, binary files) counts whole. Diffs of equal `git patch-id`
    have equal digests.
    """
    text = "".join("".join(changed_lines(diff)).split()) or diff
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def changed_lines(diff: str) -> list[str]:
    """Return the added and removed lines of a git diff, with their sign.

    Only headers of files lie between `diff --git` and the first `@@`, and no
    line of content begins with either.
    """
    sections = f"\n{diff}".split("\ndiff --git ")[1:]
    hunks = (section.partition("\n@@ ")[2] for section in sections)
    return [line for each in hunks for line in _CHANGED_LINE.findall(each)]
