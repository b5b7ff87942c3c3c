"""The grammar of the answers to one change, as GBNF for llama.cpp.

It admits the texts that `write_plan_lines` gives for the valid plans of the change
within the limits, and no other text: what a model writes under it is a valid plan.

The first line is right-linear. A state is a file and how many commits have begun, so
that a number is one of those or the next; between the brackets of a split file it is
also whether all hunks so far are in one commit, which the last hunk must not complete.
In the messages a state is how many are to come and how many lines their bodies may
still have. Bounded texts are written out, a rule for each number of characters left.
llama.cpp parses such rules fast, and at each of their characters few of them apply.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache

from diffscribe.commits.grammar import TYPES
from diffscribe.commits.plan import (
    LIMITS,
    VISIBLE_ASCII,
    VISIBLE_OTHERS,
    Limits,
    MessageStyle,
)
from diffscribe.commits.units import (
    FileUnits,
    PlanLinesError,
    read_first_line,
    write_first_line,
)


def answer_grammar(
    files: Sequence[FileUnits],
    types: Collection[str] = TYPES,
    message: MessageStyle = "conventional",
    first_lines: Sequence[str] = (),
    limits: Limits = LIMITS,
) -> str:
    """Return the grammar of the answers for the files of a change.

    Args:
        files: at least one.
        types: those that a conventional message may have.
        message: the style of the messages.
        first_lines: those that the answer may begin with, see `first_line_of`; if it
            is one, only the messages are free. Empty leaves the grouping to the model.
        limits: see `Limits`; at least one subject character, and three in a line.

    Raises:
        PlanLinesError: if one of the lines fits no plan for the files, or has too many
            commits.
    """
    commits = min(limits.commits, sum(file.hunks for file in files))
    if first_lines:
        groups = [read_first_line(line, files) for line in first_lines]
        counts = [
            max((n for each in group for n in each), default=0) for group in groups
        ]
        commits = max(counts)
        if commits > limits.commits:
            raise PlanLinesError(
                f"{commits} commits; at most {limits.commits} can be written"
            )
        ways = (
            f'"{write_first_line(group)}" {_messages(count)}'
            for group, count in zip(groups, counts, strict=True)
        )
        rules = [f"root ::= {' | '.join(ways)}"]
    else:
        rules = list(_first_line_rules(files, commits))
    rules.append(_message_rules(commits, tuple(types), message, limits))
    return "\n".join(rules) + "\n"


def message_grammar(
    types: Collection[str] = TYPES,
    message: MessageStyle = "conventional",
    limits: Limits = LIMITS,
    scopes: Collection[str] = (),
) -> str:
    """Return the grammar of the answers that are one message alone.

    If scopes are given, a message has one of them or none.
    """
    rules = _message_rules(1, tuple(types), message, limits)
    if scopes and message == "conventional":
        ways = " | ".join(f'"{_escaped(each)}"' for each in scopes)
        scope = f'scope ::= "(" ({ways}) ")"'
        rules = re.sub("^scope ::= .*$", lambda _: scope, rules, flags=re.MULTILINE)
    return f"root ::= m1-{limits.body_lines}\n{rules}\n"


def _escaped(text: str) -> str:
    """Return a text as it stands between the quotes of a literal."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _messages(commits: int) -> str:
    """Return the rule for all messages after the first line."""
    return f"all-{commits}" if commits else '""'


# The first line.


def _first_line_rules(files: Sequence[FileUnits], commits: int) -> Iterator[str]:
    """Yield a rule for each state that can be reached.

    `f3-2` is: three files are done, two commits have begun.
    """
    has_brackets = commits > 1 and any(file.hunks > 1 for file in files)
    for begun in range(1, commits + 1):
        yield f"old-{begun} ::= {_one_of(range(1, begun + 1))}"
        for but in range(1, begun + 1) if begun > 1 and has_brackets else ():
            others = (each for each in range(1, begun + 1) if each != but)
            yield f"old-{begun}-but-{but} ::= {_one_of(others)}"
    begun_before = {0}
    yield "root ::= f0-0"
    for at, file in enumerate(files):
        blank = '" " ' if at else ""
        begun_after = set(begun_before) if file.may_be_junk else set()
        bracket: set[int] = set()
        for begun in sorted(begun_before):
            ways = []
            if begun:
                ways.append(f"old-{begun} f{at + 1}-{begun}")
                begun_after.add(begun)
            if begun < commits:
                ways.append(f'"{begun + 1}" f{at + 1}-{begun + 1}')
                begun_after.add(begun + 1)
            if file.may_be_junk:
                ways.append(f'"-" f{at + 1}-{begun}')
            if file.hunks > 1 and commits > 1:
                ways.append(f'"(" h{at}-1-{begun}')
                bracket.add(begun)
            yield f"f{at}-{begun} ::= {blank}({' | '.join(ways)})"
        if bracket:
            yield from _bracket_rules(at, file.hunks, bracket, commits, begun_after)
        begun_before = begun_after
    for begun in sorted(begun_before):
        yield f"f{len(files)}-{begun} ::= {_messages(begun)}"


def _bracket_rules(
    at: int, hunks: int, begun_before: Iterable[int], commits: int, after: set[int]
) -> Iterator[str]:
    """Yield the rules for a split file's hunks, and add to `after` what may follow.

    `h3-2-4` is: at the second hunk of the file after three, four commits have begun and
    the hunks so far are in more than one; `h3-2-4-1`: they are all in commit 1.
    """
    differ: set[int] = set()
    alike: set[tuple[int, int]] = set()
    for begun in sorted(begun_before):
        first = {(begun, number) for number in range(1, begun + 1)}
        first |= {(begun + 1, begun + 1)} if begun < commits else set()
        ways = [f'"{number}" h{at}-2-{now}-{number}' for now, number in sorted(first)]
        yield f"h{at}-1-{begun} ::= {' | '.join(ways)}"
        alike |= first
    for hunk in range(2, hunks + 1):
        then = f"h{at}-{hunk + 1}"
        next_differ: set[int] = set()
        for begun in sorted(differ):
            ways = [f"old-{begun} {then}-{begun}"]
            next_differ.add(begun)
            if begun < commits:
                ways.append(f'"{begun + 1}" {then}-{begun + 1}')
                next_differ.add(begun + 1)
            yield f'h{at}-{hunk}-{begun} ::= " " ({" | ".join(ways)})'
        for begun, number in sorted(alike):
            ways = [f'"{number}" {then}-{begun}-{number}'] if hunk < hunks else []
            if begun > 1:
                ways.append(f"old-{begun}-but-{number} {then}-{begun}")
                next_differ.add(begun)
            if begun < commits:
                ways.append(f'"{begun + 1}" {then}-{begun + 1}')
                next_differ.add(begun + 1)
            yield f'h{at}-{hunk}-{begun}-{number} ::= " " ({" | ".join(ways)})'
        differ = next_differ
    for begun in sorted(differ):
        yield f'h{at}-{hunks + 1}-{begun} ::= ")" f{at + 1}-{begun}'
    after |= differ


def _one_of(numbers: Iterable[int]) -> str:
    """Return an expression for the numbers, with those of one length in one class."""
    by_tens: dict[int, str] = {}
    for number in numbers:
        by_tens[number // 10] = by_tens.get(number // 10, "") + str(number % 10)
    return " | ".join(
        f'"{tens}" [{ones}]' if tens else f"[{ones}]" for tens, ones in by_tens.items()
    )


# The messages.


@lru_cache(maxsize=64)
def _message_rules(
    commits: int, types: tuple[str, ...], message: MessageStyle, limits: Limits
) -> str:
    """Return the rules for up to so many messages, one on each line.

    `m3-20` is: three messages are to come, whose bodies may have 20 lines; `b3-20` is
    the same where the header or a line of the body of the first of them has ended.
    """
    rules = []
    for left in range(1, commits + 1):
        rules.append(f'all-{left} ::= "\\n" m{left}-{limits.body_lines}')
        for lines in range(limits.body_lines + 1):
            end = f'"\\n%%\\n" m{left - 1}-{lines}' if left > 1 else '""'
            more = f"line b{left}-{lines - 1} | " if lines else ""
            first, next_ = (f'"\\n\\n" {more}', f"gap {more}") if lines else ("", "")
            rules.append(f"m{left}-{lines} ::= header ({first}{end})")
            rules.append(f"b{left}-{lines} ::= {next_}{end}")
    if not rules:
        return ""
    rules += ['gap ::= "\\n" "\\n"?', *_line_rules(limits.line_chars)]
    rules += [f"visible ::= [{VISIBLE_ASCII}{VISIBLE_OTHERS}]"]
    subject = limits.subject_chars - 1
    rules += _words("subject", "visible", subject)
    if message == "plain":
        rules += [f"header ::= [!-`{{-~{VISIBLE_OTHERS}] {_then('subject', subject)}"]
        return "\n".join(rules)
    scope = limits.scope_chars - 1
    return "\n".join(
        [
            *rules,
            f'header ::= type scope? "!"? ": " visible {_then("subject", subject)}',
            f"type ::= {' | '.join(f'{chr(34)}{each}{chr(34)}' for each in types)}",
            f'scope ::= "(" in-scope {_then("in-scope", scope)} ")"',
            f"in-scope ::= [!-'*-~{VISIBLE_OTHERS}]",
            *_words("in-scope", "in-scope", scope),
        ]
    )


def _words(name: str, letter: str, chars: int) -> Iterator[str]:
    """Yield rules `name-n` for up to n characters, blanks only between letters."""
    for left in range(1, chars + 1):
        after_blank = f' | " " {letter} {_then(name, left - 2)}' if left > 1 else ""
        yield f"{name}-{left} ::= ({letter} {_then(name, left - 1)}{after_blank})?"


def _line_rules(chars: int) -> Iterator[str]:
    """Yield the rules of a body's line: no blank at its end, and it is not `%%`.

    `may-end-n` and `goes-on-n` are: n characters are left, and the line may end here,
    or has to have a letter yet.
    """
    for left in range(1, chars):
        yield f"may-end-{left} ::= ({_ways('visible', left)})?"
        yield f"goes-on-{left} ::= {_ways('visible', left)}"
    no_percent = "no-percent"
    yield f"no-percent ::= [!-$&-~{VISIBLE_OTHERS}]"
    yield f'line ::= {_ways(no_percent, chars)} | "%" percent'
    yield f'percent ::= ({_ways(no_percent, chars - 1)} | "%" percents)?'
    then = _then("may-end", chars - 3)
    yield f'percents ::= {_ways(no_percent, chars - 2)} | "%" {then}'


def _ways(letter: str, left: int) -> str:
    """Return how a line goes on that may have `left` more characters and needs one."""
    after_blank = f' | " " goes-on-{left - 1}' if left > 1 else ""
    return f"{letter} {_then('may-end', left - 1)}{after_blank}"


def _then(name: str, left: int) -> str:
    """Return the rule for so many characters more, nothing if none are left."""
    return f"{name}-{left}" if left else ""
