"""What may be planted in a change: what suits its repository, and texts made of it.

junk_texts.toml has the texts, and real files that look like junk, as templates. Equal
words and draws give equal texts.
"""

import random
import re
import string
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache, cached_property
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from diffscribe.commits.diff import FilePatch, Hunk, parse_diff
from diffscribe.commits.gitignore import ignored
from diffscribe.commits.junk_kinds import JunkKind, kind_fields
from diffscribe.core.files import read_table
from diffscribe.core.records import Change, CuratedChange, FileStatus

_LANGUAGE_SHARE = 0.05
"""Least share of files for a language to leave junk: one script among a thousand
files is run by no build."""
_MOST_OLD_LINES = 1200
_MOST_PATCH_LINES = 150
_MOST_NAMES = 200
_MOST_REJECTED_LINES = 60
_PLAIN = re.compile(r"[\w./@+=,~-]+", re.ASCII)
"""Names that git prints without quotes, and that hold no wildcard of a pattern."""
_IDENTIFIER = re.compile(
    r"\b(?:[A-Za-z][a-z]{1,20}(?:_[a-z]{2,20}|[A-Z][a-z]{1,20}){1,4})\b"
)
"""Two words in one, so no keyword of a language and no word of prose."""
_DEFINED = re.compile(
    r"\b(?:class|def|fn|fun|func|function|interface|struct|type|void) +"
    r"(?:\([^()\n]{1,60}\) *)?([A-Za-z][A-Za-z0-9_]{2,30})"
    r"(?= *[(<:{=]| +(?:extends|implements|interface|struct)\b)"
)
_TYPE = r"[A-Z][A-Za-z0-9]+$"
_AT_THE_TOP = {
    "export": re.compile(
        r"^[ +](?:(?:async )?def (?!_)|class (?!_)"
        r"|export (?:async )?(?:function|class|const|enum) )(\w{3,40})(?=\W)",
        re.MULTILINE,
    ),
    "record": re.compile(
        r"^[ +](?:(?:pub(?:\(\w+\))? )?struct ([A-Z]\w{2,40})(?= *[{(;])"
        r"|type ([A-Z]\w{2,40}) struct\b)",
        re.MULTILINE,
    ),
}
"""What a test of a file can name: what it defines at its top level after the change."""
_PACKAGE = re.compile(r"(?:^[ +]|@@ )package ([A-Za-z][\w.]*)", re.MULTILINE)
_INDEX = re.compile(r"^index (\w{7})\w*\.\.(\w{7})\w*", re.MULTILINE)
_NO_LETTER = re.compile(r"^go-|-go$|[^a-z0-9]")
_TEMPLATE = re.compile(
    r"\$(?:(?P<word>\w+)|\{(?:(?P<name>[a-z_]+)|(?P<low>\d+)\.\.(?P<high>\d+)"
    r"|(?P<alphabet>\w+):(?P<count>\d+)|(?P<time>%[^}]+))\})"
)
_REPEATED = re.compile(r"([*=])(\d+)\.\.(\d+) ")
_NUMBER = re.compile(r"(?<![a-f])[a-f]*\d[0-9a-f]*")
_ALPHABETS = {
    "hex": "0123456789abcdef",
    "upper": string.ascii_uppercase,
    "alnum": string.ascii_letters + string.digits,
    "b64": string.ascii_letters + string.digits + "+/",
}
_HELD_OUT = 4
"""One form in four of each text, rounded up, is drawn for test alone; of one form or
two none is."""
_MOST_PAUSE_S = 40
_DAYS_BEFORE = (1, 30)
"""How long before the commit a file is written. A day is longer than any log lasts."""


class Decoy(NamedTuple):
    """A kind of real file that looks like junk, or is as new and small."""

    paths: tuple[str, ...]
    text: str
    weight: int
    suffixes: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    """Both as a kind of junk has them."""
    is_of_test: bool = False
    """Tests bring it about, else all other files."""
    type: str | None = None
    """The type of its own commit; None if it joins one."""
    subjects: str = ""
    """The list of that commit's subjects."""
    needs: str | None = None
    """The word of the file that the text is about, if it cannot do without."""


def _texts() -> dict[str, Any]:
    return read_table("split", "junk_texts.toml")


@cache
def decoys() -> tuple[Decoy, ...]:
    """Return all kinds of such files, in the order of the table."""
    return tuple(Decoy(**kind_fields(each)) for each in _texts()["decoys"])


class Surroundings:
    """What git knows of a repository, as far as its rows tell."""

    def __init__(self, rows: Iterable[Change]) -> None:
        """Take the paths of some changes and of their commits."""
        self.paths = frozenset(
            path
            for row in rows
            for paths in (
                *((file.path, file.old_path) for file in row.files),
                *(commit.files for commit in row.commits),
            )
            for path in paths
            if path
        )
        ordered = tuple(sorted(self.paths))
        self.hides: Callable[[str], bool] = cache(
            lambda pattern: bool(ignored([pattern], ordered))
        )
        """Tells whether a pattern of a .gitignore matches a file that git knows."""
        self._suffixes = Counter(PurePosixPath(path).suffix for path in self.paths)
        self._folders = {
            str(parent) for path in self.paths for parent in PurePosixPath(path).parents
        }

    @cached_property
    def test_command(self) -> str:
        """How tests are run in the language of most files."""
        commands: dict[str, str] = _texts()["test_commands"]
        usual = max(commands, key=lambda each: (self._suffixes[each], each))
        return commands[usual if self._suffixes[usual] else ".sh"]

    def collides(self, path: str) -> bool:
        """Tell whether a path is a known file, above one, or below one."""
        above = {str(parent) for parent in PurePosixPath(path).parents}
        return path in self._folders or not self.paths.isdisjoint({path, *above})

    def suits(self, kind: JunkKind | Decoy) -> bool:
        """Tell whether the repository has the language and the files of a kind."""
        files = sum(self._suffixes[suffix] for suffix in kind.suffixes)
        spoken = not kind.suffixes or files >= _LANGUAGE_SHARE * len(self.paths)
        return spoken and (not kind.near or any(map(self.hides, kind.near)))


class Writer:
    """Fills templates with words of a change and with what it draws."""

    def __init__(
        self,
        words: Mapping[str, str | Sequence[str]],
        draw: random.Random,
        before: datetime,
        for_test: bool,
    ) -> None:
        """Draw when the file is written.

        Args:
            words: what `$name` stands for, before the lists of the table are asked;
                of a list one is drawn.
            draw: decides all that is drawn.
            before: all times of the file are in the weeks before this.
            for_test: take forms that training never sees, where there are any.
        """
        self.words = dict(words)
        self._draw = draw
        self._for_test = for_test
        seconds = [days * 86_400 for days in _DAYS_BEFORE]
        self._count = 0
        self._moment = before - timedelta(seconds=draw.randint(*seconds))

    def text(self, name: str) -> str:
        """Return a text of the table, filled in."""
        forms = _texts()["texts"][name]
        kept = len(forms) - (-(-len(forms) // _HELD_OUT) if len(forms) > 2 else 0)
        forms = forms[kept:] or forms if self._for_test else forms[:kept]
        lines: list[str] = []
        for line in self._draw.choice(forms).removesuffix("\n").split("\n"):
            if not (repeated := _REPEATED.match(line)):
                lines.append(self.fill(line))
                continue
            mark, low, high = repeated.groups()
            times = self._draw.randint(int(low), int(high))
            filled = [self.fill(line[repeated.end() :]) for _ in range(times)]
            if mark == "=":
                filled = list({_NUMBER.sub("", each): each for each in filled}.values())
            lines += dict.fromkeys(filled)
        return "\n".join(lines).removesuffix("\n") + "\n"

    def fill(self, template: str) -> str:
        """Return a template with all its symbols filled in."""
        return _TEMPLATE.sub(self._symbol, template)

    def _symbol(self, symbol: re.Match[str]) -> str:
        if alphabet := symbol["alphabet"]:
            letters = self._draw.choices(_ALPHABETS[alphabet], k=int(symbol["count"]))
            return "".join(letters)
        if low := symbol["low"]:
            number = self._draw.randint(int(low), int(symbol["high"]))
            return f"{number:0{len(low) if low[0] == '0' else 1}}"
        if time := symbol["time"]:
            return self._moment.strftime(time)
        name = symbol["word"] or symbol["name"]
        if name == "clock":
            now = self._moment
            self._moment += timedelta(seconds=self._draw.randint(0, _MOST_PAUSE_S))
            return now.strftime("%H:%M:%S")
        if name == "count":
            self._count += 1
            return str(self._count)
        if name == "epoch":
            return str(int(self._moment.timestamp()))
        word = self.words.get(name)
        if isinstance(word, str):
            return word
        if word is not None:
            return self._draw.choice(word)
        table = _texts()
        of_the_file = table["of_a_file"].get(name)
        filled = self.fill(self._draw.choice(of_the_file or table["lists"][name]))
        if of_the_file:
            self.words[name] = filled
        return filled


class Vocabulary:
    """What a change has to say in texts and names of new files."""

    def __init__(self, change: CuratedChange) -> None:
        """Read the change's patches."""
        self.patches = parse_diff(change.diff)
        self.names = [
            file.path
            for file in change.files
            if file.status != FileStatus.DELETED and _PLAIN.fullmatch(file.path)
        ]
        self._change = change
        self._patch_of = {patch.path: patch for patch in self.patches}

    def words(self, cause: str, draw: random.Random) -> dict[str, str | Sequence[str]]:
        """Return the words that junk_texts.toml names, for one file of the change."""
        folder, slash, name = cause.rpartition("/")
        bare = name.removeprefix(".")
        base, dot, ext = name.rpartition(".")
        parts = cause.split("/")[:-1]
        above = parts[: draw.randint(0, len(parts))]
        patch = self._patch_of.get(cause)
        stem = bare.partition(".")[0] or bare
        module = _module([*parts, stem])
        words: dict[str, str | Sequence[str]] = {
            "name": name,
            "bare": bare,
            "stem": stem,
            "base": base or name,
            "ext": dot + ext if base else "",
            "folder": folder + slash,
            "above": "".join(f"{part}/" for part in above),
            "area": self._area,
            "module": module,
            "module_path": module.replace(".", "/") + dot + ext,
            "package": _package(patch, [self._area, *parts], stem),
            "minor": str(max(3, int(self._change.committed_at[:4]) - 2012)),
            "dollar": "$",
            "eol": "\n",
            "file": self.names,
            "source": [each for each in self.names if each.endswith(dot + ext)],
        }
        for word, line in _AT_THE_TOP.items():
            tops = [*line.finditer(patch.text)] if patch else []
            if tops:
                words[word] = draw.choice([each[each.lastindex or 0] for each in tops])
        # Where none is found, the table has words that fit any change.
        defined = dict.fromkeys(_DEFINED.findall(patch.text) if patch else ())
        names = [*defined][:_MOST_NAMES]
        identifiers = _identifiers([patch] if patch else []) or self._identifiers
        if either := identifiers or names:
            words["identifier"] = either
        for word, shape in (("topic", r"\w+"), ("function", "[a-z]"), ("type", _TYPE)):
            for found in (names, identifiers):
                if fitting := [each for each in found if re.match(shape, each)]:
                    words[word] = draw.choice(fitting)
                    break
        return words

    def old_text(self, cause: str) -> str:
        """Return the file as it was, as far as its hunks show it; '' without a hunk.

        Of a new file it is what the change adds.
        """
        lines = [line for hunk in self._hunks(cause) for line in hunk.lines]
        for signs in (" -", " +"):
            if side := [line[1:].rstrip("\n") for line in lines if line[0] in signs]:
                return "".join(f"{line}\n" for line in side[:_MOST_OLD_LINES])
        return ""

    def reject(self, cause: str, draw: random.Random) -> str:
        """Return what `patch` leaves of a hunk of the file that did not apply at first.

        '' if it has no short hunk, or is new.
        """
        hunks = [
            hunk
            for hunk in self._hunks(cause)
            if hunk.starts[0] and len(hunk.lines) <= _MOST_REJECTED_LINES
        ]
        return f"--- {cause}\n+++ {cause}\n{draw.choice(hunks).text}" if hunks else ""

    def patch(self, cause: str) -> str:
        """Return the file's patch, cut after some lines; '' if the file has none."""
        patch = self._patch_of.get(cause)
        text = _INDEX.sub(r"index \1..\2", patch.text) if patch else ""
        return "".join(lines_of(text)[:_MOST_PATCH_LINES]) if text else ""

    def _hunks(self, cause: str) -> tuple[Hunk, ...]:
        patch = self._patch_of.get(cause)
        return patch.hunks if patch else ()

    @cached_property
    def _area(self) -> str:
        """The repository's name, or a word for it that git prints without quotes."""
        repo = self._change.repo.rpartition("/")[2].removesuffix(".git")
        return repo if _PLAIN.fullmatch(repo) else "app"

    @cached_property
    def _identifiers(self) -> list[str]:
        return _identifiers(self.patches)


def lines_of(text: str) -> list[str]:
    """Return the lines of a text, each with its line feed."""
    return [f"{line}\n" for line in text.removesuffix("\n").split("\n")]


def _identifiers(patches: Iterable[FilePatch]) -> list[str]:
    """Return the names in changed lines that can be nothing else, in their order."""
    lines = (line for patch in patches for line in patch.lines if line[0] in "+-")
    found = dict.fromkeys(name for line in lines for name in _IDENTIFIER.findall(line))
    return [*found][:_MOST_NAMES]


def _module(parts: Sequence[str]) -> str:
    """Return the dotted name of a Python module with this path."""
    tail: list[str] = []
    for part in reversed(parts):
        if tail and (not part.isidentifier() or part in ("src", "lib", "python")):
            break
        tail.insert(0, part)
    return ".".join(tail).removesuffix(".__init__")


def _package(patch: FilePatch | None, folders: Sequence[str], stem: str) -> str:
    """Return the package of a file: as its patch has it, else as its folder says."""
    if patch and (found := _PACKAGE.search(patch.text)):
        return found[1]
    for root in ("java", "kotlin"):
        if root in folders[:-1]:
            return ".".join(folders[folders.index(root) + 1 :])
    if stem == "main" or folders[-2:-1] == ["cmd"]:
        return "main"
    named = [each for each in folders if not re.fullmatch(r"v\d+", each)]
    return _NO_LETTER.sub("", named[-1].lower()) or "main"
