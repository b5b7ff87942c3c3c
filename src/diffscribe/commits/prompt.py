"""The prompts of a teacher, a judge and an untrained model: whole hunks in a budget.

The student is shown a change in another way, by `student_prompt`.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from string import Template
from typing import NamedTuple

import yaml

from diffscribe.commits.diff import Hunk, patches_by_path
from diffscribe.commits.path_rules import prompt_priority
from diffscribe.core.errors import InputError
from diffscribe.core.params import StyleParams
from diffscribe.core.records import Change, FileChange, Message

VARIABLES = frozenset({"diff", "files", "gitignore"})

CountTokens = Callable[[str], int]

MAX_GITIGNORE_FRACTION = 0.1
"""Share of the budget for patterns; the change itself is worth more."""


class Prompts(NamedTuple):
    """The texts a model is shown; $variables only, no logic."""

    system: str
    user: str

    def fill(self, **values: str) -> tuple[Message, ...]:
        """Return the chat that asks, with a value for each $variable of `user`."""
        user = Template(self.user).substitute(values)
        return (
            Message(role="system", content=self.system),
            Message(role="user", content=user),
        )


class Rendered(NamedTuple):
    """A prompt and what of the diff it could not hold."""

    messages: tuple[Message, ...]
    hunks: int
    cut_hunks: int
    hidden: frozenset[str]
    """Files with hunks of which none is shown; the list of files always names them."""


def load_prompts(folder: Path) -> Prompts:
    """Read the files system.md and user.md of a folder.

    Raises:
        InputError: if one cannot be read, or has an unknown $variable.
    """
    system = _text(folder / "system.md")
    return Prompts(system, read_prompt(folder / "user.md", VARIABLES))


def read_prompt(path: Path, variables: Collection[str]) -> str:
    """Return the text of a prompt in which only these $variables stand.

    Raises:
        InputError: if it cannot be read, or has an unknown $variable.
    """
    text = _text(path)
    template = Template(text)
    if not template.is_valid() or not set(template.get_identifiers()) <= set(variables):
        names = ", ".join(f"${name}" for name in sorted(variables)) or "nothing"
        raise InputError(
            f"{path}: only {names} can be filled in; write every other $ as $$"
        )
    return text


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"prompt '{path}' cannot be read: {error}; write it in UTF-8, or bring "
            "it back with 'git checkout prompts'"
        ) from error


def render_prompt(
    change: Change,
    prompts: Prompts,
    max_tokens: int,
    context_lines: int,
    count_tokens: CountTokens,
    more: Mapping[str, str] | None = None,
) -> Rendered | None:
    """Return the messages of a change, or None if not even its names fit.

    System text, file list and existing patterns come first. The rest of the budget
    goes to hunks: source before prose before files that no person writes, and each
    file's first hunk before any second one. The prompt says what was cut.

    Args:
        change: the change to show.
        prompts: texts with the VARIABLES, and those of `more`.
        max_tokens: the budget, in units of `count_tokens`.
        context_lines: unchanged lines to show around a change, 3 at most.
        count_tokens: is summed over pieces, so the sum may differ by a few tokens
            from the count of the whole.
        more: values of other variables.
    """
    names = [file_line(file) for file in change.files]
    gitignore = _gitignore_line(
        change.gitignore, int(max_tokens * MAX_GITIGNORE_FRACTION), count_tokens
    )
    fill = partial(
        prompts.fill, files="\n".join(names), gitignore=gitignore, **(more or {})
    )
    fixed = fill(diff="")
    headings = [
        f"=== {shown_path(file.path)}{' (binary)' if file.is_binary else ''}\n"
        for file in change.files
    ]
    budget = max_tokens - sum(count_tokens(each.content) for each in fixed)
    # Each file may also need its remark on hunks that were cut.
    reserve = count_tokens("(99 more hunks)\n")
    budget -= sum(count_tokens(heading) + reserve for heading in headings)
    if budget < 0:
        return None

    patches = patches_by_path(change.diff)
    hunks = {
        file.path: [
            _hunk_text(hunk, context_lines)
            for patch in patches.get(file.path, ())
            for hunk in patch.hunks
        ]
        for file in change.files
    }
    kept: dict[str, int] = dict.fromkeys(hunks, 0)
    every = [(path, at) for path, texts in hunks.items() for at in range(len(texts))]
    every.sort(key=lambda each: (prompt_priority(each[0]), each[1], each[0]))
    for path, position in every:
        cost = count_tokens(hunks[path][position])
        # A file's hunks are shown from its first on, without gaps.
        if cost <= budget and kept[path] == position:
            budget -= cost
            kept[path] += 1

    sections = []
    for file, heading in zip(change.files, headings, strict=True):
        shown = hunks[file.path][: kept[file.path]]
        cut = len(hunks[file.path]) - len(shown)
        hunks_cut = f"{'more ' if shown else ''}hunk{'s' if cut > 1 else ''}"
        remark = f"({cut} {hunks_cut})\n" if cut else ""
        sections.append(heading + "".join(shown) + remark)
    total = sum(map(len, hunks.values()))
    return Rendered(
        messages=fill(diff="".join(sections).rstrip("\n")),
        hunks=total,
        cut_hunks=total - sum(kept.values()),
        hidden=frozenset(path for path in hunks if hunks[path] and not kept[path]),
    )


def file_line(file: FileChange) -> str:
    """Return a file as the file list shows it: status, both paths, counts, modes."""
    path = shown_path(file.path)
    if file.old_path:
        path = f"{shown_path(file.old_path)} => {path}"
    counts = "binary" if file.is_binary else f"+{file.additions} -{file.deletions}"
    modes = f" mode {file.old_mode} => {file.mode}" if file.mode else ""
    return f"{file.status} {path} {counts}{modes}"


_ODD_NAME = re.compile(r"[\x00-\x1f\x7f\"\\\x85\u2028\u2029]|^\s|\s$")


def shown_path(path: str) -> str:
    """Return a path as a prompt shows it: on one line, as a string of JSON if odd."""
    return json.dumps(path, ensure_ascii=False) if _ODD_NAME.search(path) else path


def _gitignore_line(
    patterns: Sequence[str], max_tokens: int, count_tokens: CountTokens
) -> str:
    line = ""
    for number, pattern in enumerate(patterns):
        longer = f"{line} {pattern}".strip()
        if count_tokens(longer) > max_tokens:
            return f"{line} ({len(patterns) - number} more)".strip()
        line = longer
    return line or "nothing"


def _hunk_text(hunk: Hunk, context_lines: int) -> str:
    """Return a hunk; its header keeps the function and drops the line numbers."""
    changed = [at for at, line in enumerate(hunk.lines) if line[0] in "+-"]
    near = {
        at + offset
        for at in changed
        for offset in range(-context_lines, context_lines + 1)
    }
    lines = (
        line
        for at, line in enumerate(hunk.lines)
        # A missing line feed belongs to the line above it.
        if at in near or (line[0] == "\\" and at - 1 in near)
    )
    return f"@@{hunk.function}\n" + "".join(lines)


class TeacherPrompts(NamedTuple):
    """What a teacher can be asked, and the style that all of it tells of."""

    plan: Prompts
    clean: Prompts
    rate: Prompts
    reask: str
    style: StyleParams


def load_teacher_prompts(folder: Path, style: StyleParams) -> TeacherPrompts:
    """Read the teacher's prompts of a folder.

    Raises:
        InputError: if one cannot be read, or has an unknown $variable.
    """
    words = _style_words(folder, style)
    return TeacherPrompts(
        plan=load_plan_prompts(folder, style),
        clean=_prompts(folder, "clean", {"schema", "messages"}, words),
        rate=_prompts(folder, "rate", {"schema", "messages"}, words),
        reask=read_prompt(folder / "reask.md", {"complaint"}),
        style=style,
    )


def load_plan_prompts(folder: Path, style: StyleParams) -> Prompts:
    """Read the prompts that ask for a plan; $schema in them is still to be filled in.

    Raises:
        InputError: if one cannot be read, or has an unknown $variable.
    """
    return _prompts(folder, "plan", {"schema"}, _style_words(folder, style))


def _style_words(folder: Path, style: StyleParams) -> Mapping[str, str]:
    """Return the variables of the system prompts: the style in the words of style.yaml.

    Raises:
        InputError: if a line of style.yaml is missing or is no text.
    """
    path = folder / "style.yaml"
    try:
        words = yaml.safe_load(_text(path))
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not valid YAML: {error}") from error
    asked = {
        "imperative": style.imperative,
        "lower_case": style.lower_case,
        "no_full_stop": not style.full_stop,
        "english": style.english,
    }
    lines = [*(name for name, is_asked in asked.items() if is_asked)]
    lines.append(f"body_{style.body}")
    for line in lines:
        if not isinstance(words, dict) or not isinstance(words.get(line), str):
            raise InputError(f"{path}: needs a line '{line}: ...' with its words")
    return {
        "types": ", ".join(style.types),
        "max_header_chars": str(style.max_header_chars),
        "subject": "; ".join(words[line] for line in lines[:-1]),
        "body": words[lines[-1]],
    }


def _prompts(
    folder: Path, name: str, more: set[str], words: Mapping[str, str]
) -> Prompts:
    system = read_prompt(folder / f"{name}_system.md", words.keys())
    user = read_prompt(folder / f"{name}_user.md", VARIABLES | more)
    return Prompts(Template(system).substitute(words), user)
