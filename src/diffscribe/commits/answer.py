"""The answer as lines: how a student writes a plan, and how its answer is read.

    1 1 2 (1 3 3) -
    feat(api): retry requests that time out

    The client gives up after five attempts.
    %%
    docs: tell how retries work
    %%
    fix(cli): close the log

The first line has an entry for each file in the order of the prompt: the number of its
commit, `-` for junk, or in brackets the commits of its hunks. Numbers appear in the
order of their first use. The messages follow in the order of the numbers, with a line
`%%` between two. A line of a body that is two or more `%` and nothing else has one `%`
more. If all files are junk, no message follows. Nothing stands after the last message.

Every plan has one canonical form (`canonical_plan`), and that has one spelling. Of a
change that is known to be one commit the answer is the message alone: its first line
would be all 1.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from diffscribe.commits.cleanup import wrap_long_lines
from diffscribe.commits.grammar import TYPES, format_header, parse_header
from diffscribe.commits.junk_kinds import junk_patterns
from diffscribe.commits.plan import (
    LIMITS,
    MAX_CHARS,
    VISIBLE_ASCII,
    VISIBLE_OTHERS,
    Limits,
    MessageStyle,
    Reading,
    plan_problem,
)
from diffscribe.commits.units import (
    FileUnits,
    Group,
    PlanLinesError,
    read_first_line,
    write_first_line,
)
from diffscribe.core.records import Plan, PlannedCommit

_REFUSED = re.compile(rf"[^{VISIBLE_ASCII}{VISIBLE_OTHERS}\s]")
_SEPARATOR = "%%"
_SEPARATOR_LINE = re.compile(f"^{_SEPARATOR}$", re.MULTILINE)
_LIKE_SEPARATOR = re.compile("^%%+$", re.MULTILINE)
_ESCAPED_LINE = re.compile("^%(%%+)$", re.MULTILINE)
_TAB_CHARS = 4


# The canonical form.


def canonical_plan(
    plan: Plan, files: Sequence[FileUnits], message: MessageStyle = "conventional"
) -> Plan:
    """Return a valid plan in the form in which an answer is read.

    - Commits come in the order of the first unit that each has, files in the order of
      the list, and hunks ascend. Hunks that are all in one commit are left out.
    - A header has no blanks but single ones inside. In the style `plain` it begins
      with a capital, and type, scope and `!` are left out.
    - A body is as `git stripspace` leaves it: no blanks at the end of a line, no two
      blank lines together, none at either end. Tabs become blanks, other white space
      one blank, control characters go, and lines of over 100 characters are wrapped.
    - The patterns for .gitignore are those of `junk_patterns`.
    - Issues are left out: the lines have no place for them.

    Raises:
        PlanLinesError: if the plan does not fit the files.
    """
    every = {file.path: tuple(range(1, file.hunks + 1)) for file in files}
    commits = []
    for commit in plan.commits:
        hunks = {
            path: numbers
            for path, numbers in commit.hunks.items()
            if tuple(sorted(numbers)) != every.get(path)
        }
        whole = commit.model_copy(update={"hunks": hunks})
        commits.append(_canonical_message(whole, message))
    plan = _valid(plan.model_copy(update={"commits": tuple(commits)}), files, message)
    groups = _groups(plan, files)
    order = list(dict.fromkeys(number for group in groups for number in group))
    place = {number: at for at, number in enumerate(order, start=1)}
    groups = [tuple(place[number] for number in group) for group in groups]
    return _joined(files, groups, [plan.commits[number - 1] for number in order])


def _valid(plan: Plan, files: Sequence[FileUnits], message: MessageStyle) -> Plan:
    problem = plan_problem(plan, files, TYPES if message == "conventional" else ("",))
    if problem is not None:
        raise PlanLinesError(f"the plan does not fit the change: {problem}")
    return plan


def in_style(plan: Plan, message: MessageStyle) -> Plan:
    """Return a plan as it is learned: plain messages are a first line alone."""
    if message == "conventional":
        return plan
    commits = [
        _canonical_message(each, message).model_copy(update={"body": ""})
        for each in plan.commits
    ]
    return plan.model_copy(update={"commits": tuple(commits)})


def _canonical_message(commit: PlannedCommit, message: MessageStyle) -> PlannedCommit:
    subject = _one_line(commit.subject)
    lines = "\n".join(map(_plain_line, commit.body.splitlines()))
    wrapped = wrap_long_lines(lines, LIMITS.line_chars).split("\n")
    body = "\n".join(map(str.rstrip, wrapped)).strip("\n")
    update: dict[str, Any] = {
        "subject": subject,
        "scope": _one_line(commit.scope or "") or None,
        "body": re.sub("\n{3,}", "\n\n", body),
        "issues": (),
    }
    if message == "plain":
        capital = subject[:1].upper() if subject[:1].isascii() else subject[:1]
        update |= {"subject": capital + subject[1:], "type": "", "scope": None}
        update |= {"breaking": False}
    return commit.model_copy(update=update)


def _one_line(text: str) -> str:
    return " ".join(_REFUSED.sub("", text).split())


def _plain_line(line: str) -> str:
    return re.sub(r"\s", " ", _REFUSED.sub("", line.expandtabs(_TAB_CHARS))).rstrip()


def _groups(plan: Plan, files: Sequence[FileUnits]) -> list[Group]:
    """Return the commits, counted from 1, that each file of a valid plan is in."""
    commits_of: dict[str, dict[int, int]] = {}
    for number, commit in enumerate(plan.commits, start=1):
        for path in commit.files:
            hunks = commits_of.setdefault(path, {})
            hunks.update(dict.fromkeys(commit.hunks.get(path, (1,)), number))
    found = (commits_of.get(file.path, {}) for file in files)
    return [tuple(hunks[at] for at in sorted(hunks)) for hunks in found]


def _joined(
    files: Sequence[FileUnits],
    groups: Sequence[Group],
    messages: Sequence[PlannedCommit],
) -> Plan:
    """Return the plan of groups that count from 1, one message for each number."""
    paths: list[list[str]] = [[] for _ in messages]
    hunks: list[dict[str, tuple[int, ...]]] = [{} for _ in messages]
    for file, group in zip(files, groups, strict=True):
        for number in dict.fromkeys(group):
            paths[number - 1].append(file.path)
            if len(group) > 1:
                here = tuple(at for at, each in enumerate(group, 1) if each == number)
                hunks[number - 1][file.path] = here
    pairs = list(zip(files, groups, strict=True))
    return Plan(
        commits=tuple(
            message.model_copy(update={"files": tuple(paths[at]), "hunks": hunks[at]})
            for at, message in enumerate(messages)
        ),
        gitignore=junk_patterns(
            [file.path for file, group in pairs if not group],
            [file.path for file, group in pairs if group],
        ),
    )


# Writing.


def write_plan_lines(
    plan: Plan,
    files: Sequence[FileUnits],
    message: MessageStyle = "conventional",
    limits: Limits = LIMITS,
) -> str:
    """Return the answer that gives a plan for the files of a change.

    `read_plan_lines` reads it as the plan's canonical form.

    Raises:
        PlanLinesError: if the plan does not fit the files, or is over a limit.
    """
    plan = canonical_plan(plan, files, message)
    problem = next(_over_limits(plan, limits), None)
    if problem is not None:
        raise PlanLinesError(problem)
    return _text(plan, files)


def _text(plan: Plan, files: Sequence[FileUnits]) -> str:
    messages = (
        f"{format_header(each)}\n\n{_escape(each.body)}".rstrip("\n")
        for each in plan.commits
    )
    first = write_first_line(_groups(plan, files))
    return "\n".join(filter(None, [first, f"\n{_SEPARATOR}\n".join(messages)]))


def _escape(body: str) -> str:
    """Return a body as it is written: no line of it is a separator."""
    return _LIKE_SEPARATOR.sub(r"%\g<0>", body)


def write_message_lines(
    plan: Plan, files: Sequence[FileUnits], message: MessageStyle = "conventional"
) -> str:
    """Return the one message of a plan whose commit has all files.

    It is the answer in lines without the first line, which is given: all files are in
    commit 1. `read_message_lines` reads it.

    Raises:
        PlanLinesError: if the plan does not fit the files, has another commit or junk,
            or is over a limit.
    """
    first, _, text = write_plan_lines(plan, files, message).partition("\n")
    if first != _first_line_of_one(files):
        raise PlanLinesError(f"the plan {first} is not one commit of all files")
    return text


def _first_line_of_one(files: Sequence[FileUnits]) -> str:
    return write_first_line([(1,)] * len(files))


def first_line_of(
    plan: Plan, files: Sequence[FileUnits], limits: Limits = LIMITS
) -> str:
    """Return the first line of a plan's answer, whatever its messages are.

    Raises:
        PlanLinesError: if the plan does not fit the files, or has too many commits.
    """
    if len(plan.commits) > limits.commits:
        raise PlanLinesError(_too_many_commits(len(plan.commits), limits))
    named = [
        commit.model_copy(update={"type": TYPES[0], "subject": "-"})
        for commit in plan.commits
    ]
    plan = plan.model_copy(update={"commits": tuple(named)})
    return write_first_line(_groups(canonical_plan(plan, files), files))


def _over_limits(plan: Plan, limits: Limits) -> Iterator[str]:
    """Yield what a canonical plan has too much of."""
    if len(plan.commits) > limits.commits:
        yield _too_many_commits(len(plan.commits), limits)
    for number, commit in enumerate(plan.commits, start=1):
        for part, text, most in (
            ("subject", commit.subject, limits.subject_chars),
            ("scope", commit.scope or "", limits.scope_chars),
        ):
            if len(text) > most:
                yield f"message {number}: the {part} has over {most} characters"
        if re.search("[()]", commit.scope or ""):
            yield f"message {number}: the scope has brackets"
    bodies = "\n".join(_escape(each.body) for each in plan.commits)
    lines = list(filter(None, bodies.split("\n")))
    if len(lines) > limits.body_lines:
        yield (
            f"bodies of {len(lines)} lines; at most {limits.body_lines} can be written"
        )
    if any(len(line) > limits.line_chars for line in lines):
        yield f"a word of a body has over {limits.line_chars} characters"


def _too_many_commits(commits: int, limits: Limits) -> str:
    return f"{commits} commits; at most {limits.commits} can be written"


def longest_answer_chars(
    files: Sequence[FileUnits],
    message: MessageStyle = "conventional",
    limits: Limits = LIMITS,
) -> int:
    """Return how many characters no answer for these files is longer than.

    A tokenizer of bytes needs no more tokens than an answer has bytes, which are as
    many as its characters if these are ASCII, and four times as many at most.
    """
    commits = min(limits.commits, sum(file.hunks for file in files))
    width = len(str(commits))
    entries = sum(
        width if file.hunks == 1 else file.hunks * (width + 1) + 1 for file in files
    )
    header = limits.subject_chars
    if message == "conventional":
        header += max(map(len, TYPES)) + len("()!: ") + limits.scope_chars
    between = len(f"\n{_SEPARATOR}\n")
    line = limits.line_chars + len("\n\n")  # with the line feeds before it
    bodies = limits.body_lines * line if commits else 0
    return entries + max(0, len(files) - 1) + commits * (header + between) + bodies


def fitting_limits(
    files: Sequence[FileUnits],
    max_chars: int,
    message: MessageStyle = "conventional",
    limits: Limits = LIMITS,
) -> Limits:
    """Return limits under which no answer has more than max_chars.

    Bodies have fewer lines; with none left an answer may still be longer.
    """
    excess = longest_answer_chars(files, message, limits) - max_chars
    lines = -(-max(0, excess) // (limits.line_chars + len("\n\n")))
    return limits._replace(body_lines=max(0, limits.body_lines - lines))


# Reading.


def read_plan_lines(
    text: str, files: Sequence[FileUnits], message: MessageStyle = "conventional"
) -> Reading[Plan]:
    """Return the canonical plan in an answer, or in one line why there is none.

    An answer in another spelling than that of `write_plan_lines` is repaired if it has
    one meaning: blanks and blank lines too many, a type in capitals, `(2 2)` for `2`.
    All else is refused. Limits are not checked: a plan over them is valid too.
    """
    if len(text) > MAX_CHARS:
        return Reading(None, f"the answer is longer than {MAX_CHARS} characters", False)
    first, *rest = text.strip().splitlines() or [""]
    try:
        groups = read_first_line(first, files)
        messages = _read_messages(rest, message)
        count = max((number for group in groups for number in group), default=0)
        if len(messages) != count:
            raise PlanLinesError(f"{len(messages)} messages for {count} commits")
        commits = [_canonical_message(each, message) for each in messages]
        plan = _valid(_joined(files, groups, commits), files, message)
    except PlanLinesError as error:
        return Reading(None, str(error), False)
    return Reading(plan, None, text != _text(plan, files))


def read_message_lines(
    text: str, files: Sequence[FileUnits], message: MessageStyle = "conventional"
) -> Reading[Plan]:
    """Return the plan of one commit of all files that a message alone stands for."""
    return read_plan_lines(f"{_first_line_of_one(files)}\n{text}", files, message)


def _read_messages(lines: Sequence[str], style: MessageStyle) -> list[PlannedCommit]:
    """Return the messages below the first line, each as a commit without files."""
    parts = _SEPARATOR_LINE.split("\n".join(map(_plain_line, lines)))
    if len(parts) == 1 and not parts[0].strip("\n"):
        return []
    return [_read_message(part, style, at) for at, part in enumerate(parts, start=1)]


def _read_message(text: str, style: MessageStyle, number: int) -> PlannedCommit:
    header, *below = _ESCAPED_LINE.sub(r"\1", text).strip("\n").split("\n")
    if below and below[0]:
        raise PlanLinesError(
            f"message {number}: the line below its header is not blank"
        )
    body = "\n".join(below)
    if style == "plain":
        if not header:
            raise PlanLinesError(f"message {number} is empty")
        return PlannedCommit(files=(), type="", subject=header, body=body)
    parsed = parse_header(header)
    if parsed is None:
        words = f"message {number} begins with no `type(scope): subject`"
        raise PlanLinesError(words)
    return PlannedCommit(
        files=(),
        type=parsed.type,
        scope=parsed.scope,
        breaking=parsed.breaking,
        subject=parsed.subject,
        body=body,
    )
