"""Compare calls of tools: by the rules of BFCL, by equality, as commands.

The rules are those of the Berkeley Function Calling Leaderboard's check of syntax
trees: names, required and unknown parameters, types, and values up to the case, spaces
and punctuation of strings. Nothing is ever run.
"""

import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from diffscribe.core.records import ToolCall, ToolSpec
from diffscribe.tool_calls.records import canonical

_IGNORED = re.compile(r"[ ,./\-_*^\"']")

_KINDS: Mapping[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: (
        isinstance(value, int | float) and not isinstance(value, bool)
    ),
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "null": lambda value: value is None,
}


def equal_calls(calls: Sequence[ToolCall], targets: Sequence[ToolCall]) -> bool:
    """Tell whether names and arguments are equal, whatever the order of the calls."""
    return _paired(
        calls,
        targets,
        lambda one, other: (
            one.name == other.name
            and canonical(one.arguments) == canonical(other.arguments)
        ),
    )


def equal_names(calls: Sequence[ToolCall], targets: Sequence[ToolCall]) -> bool:
    """Tell whether the same tools are called, each as often."""
    return sorted(each.name for each in calls) == sorted(each.name for each in targets)


def matching_calls(
    calls: Sequence[ToolCall], targets: Sequence[ToolCall], tools: Sequence[ToolSpec]
) -> bool:
    """Tell whether each call matches a target of its own, in any order."""
    specs = {tool.name: tool.parameters for tool in tools}
    return _paired(
        calls,
        targets,
        lambda call, target: (
            call.name == target.name
            and call.name in specs
            and _arguments_match(call.arguments, target.arguments, specs[call.name])
        ),
    )


def equivalent_commands(
    calls: Sequence[ToolCall], targets: Sequence[ToolCall]
) -> bool | None:
    """Tell whether the commands of calls do the same; None if no target has one.

    Flags of a command are a set: `ls -la` is `ls -a -l`.
    """
    if not any(isinstance(each.arguments.get("command"), str) for each in targets):
        return None
    return _paired(
        calls,
        targets,
        lambda one, other: (
            one.name == other.name
            and parsed_command(one.arguments.get("command"))
            == parsed_command(other.arguments.get("command"))
        ),
    )


_SEPARATORS = {"|", "||", "&&", "&", ";", "(", ")", "<", ">", ">>"}


def parsed_command(command: Any) -> Any:
    """Return a shell command as its parts: what separates, words, sets of flags.

    What is no command, or has an open quote, is returned as it is.
    """
    if not isinstance(command, str):
        return command
    try:
        lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        tokens = list(lexer)
    except ValueError:
        return command
    parts: list[Any] = []
    words: list[str] = []
    flags: set[str] = set()

    def close() -> None:
        if words or flags:
            parts.append((tuple(words), frozenset(flags)))
        words.clear()
        flags.clear()

    for token in tokens:
        if token in _SEPARATORS:
            close()
            parts.append(token)
        elif words and re.fullmatch(r"-[A-Za-z]+", token):
            flags |= set(token[1:])
        elif words and token.startswith("--") and len(token) > 2:
            flags.add(token)
        else:
            words.append(token)
    close()
    return parts


def invented_values(
    calls: Sequence[ToolCall],
    targets: Sequence[ToolCall],
    tools: Sequence[ToolSpec],
    shown: str,
) -> list[str]:
    """Return the arguments that neither the chat, the tools nor the target hold.

    Of a text each word counts; case and punctuation do not.
    """
    known = _folded(f"{shown} {canonical([tool.parameters for tool in tools])}")
    wanted = {word for target in targets for word in _words(target.arguments)}
    return [
        word
        for call in calls
        for word in _words(call.arguments)
        if word not in wanted and _folded(word) not in known
    ]


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _words(each)
    elif isinstance(value, str):
        yield from value.split()
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield canonical(value)


def _folded(text: str) -> str:
    return _IGNORED.sub("", text).casefold()


def _arguments_match(
    given: Mapping[str, Any], wanted: Mapping[str, Any], schema: Mapping[str, Any]
) -> bool:
    properties = schema.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    required = schema.get("required")
    required = required if isinstance(required, list) else []
    if any(each not in given for each in required):
        return False
    if properties and given.keys() - properties.keys():
        return False
    for name in given.keys() | wanted.keys():
        told = properties.get(name)
        told = told if isinstance(told, dict) else {}
        if name in given and not _has_type(given[name], told):
            return False
        if name in given and name in wanted:
            if not _values_match(given[name], wanted[name]):
                return False
        elif "default" not in told or not _values_match(
            (given if name in given else wanted)[name], told["default"]
        ):
            return False
    return True


def _has_type(value: Any, schema: Mapping[str, Any]) -> bool:
    kinds = schema.get("type")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    checks = [
        _KINDS[each] for each in kinds if isinstance(each, str) and each in _KINDS
    ]
    return not checks or any(check(value) for check in checks)


def _values_match(given: Any, wanted: Any) -> bool:
    if isinstance(given, str) and isinstance(wanted, str):
        return _folded(given) == _folded(wanted)
    if isinstance(given, list) and isinstance(wanted, list):
        return len(given) == len(wanted) and all(map(_values_match, given, wanted))
    if isinstance(given, dict) and isinstance(wanted, dict):
        return given.keys() == wanted.keys() and all(
            _values_match(given[key], wanted[key]) for key in given
        )
    if isinstance(given, bool) or isinstance(wanted, bool):
        return given is wanted
    return bool(given == wanted)


def _paired(
    calls: Sequence[ToolCall],
    targets: Sequence[ToolCall],
    fits: Callable[[ToolCall, ToolCall], bool],
) -> bool:
    """Tell whether calls and targets can be paired one to one, each pair fitting."""
    if len(calls) != len(targets):
        return False
    taken: dict[int, int] = {}

    def place(call: int, tried: set[int]) -> bool:
        for at, target in enumerate(targets):
            if at not in tried and fits(calls[call], target):
                tried.add(at)
                if at not in taken or place(taken[at], tried):
                    taken[at] = call
                    return True
        return False

    return all(place(call, set()) for call in range(len(calls)))
