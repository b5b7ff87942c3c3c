"""How a repository wants its messages: what its own files and its history say.

Files are read, never run: a configuration that is a program tells what it spells out.
"""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from diffscribe.commits.grammar import TYPES, parse_header
from diffscribe.commits.plan import MessageStyle
from diffscribe.core.errors import ParamsError
from diffscribe.core.records import Plan, PlannedCommit, Record

MAX_FILE_BYTES = 2**18
"""No configuration is larger, and what is larger may be anything."""
LEAST_SUBJECTS = 4
"""A history with fewer subjects tells no style."""
LEAST_TYPES = 3
"""A template that names fewer types at the start of lines does not list them."""
UNTOLD = (None, "", ())
"""Values of which a file says nothing; what is False was said."""
_NAME = re.compile(r"[\w./@+-]{1,40}")


class HouseStyle(Record):
    """How messages are written in one repository."""

    types: tuple[str, ...] = TYPES
    """Those that a message may have; of TYPES."""
    scopes: tuple[str, ...] = ()
    """Those that a message may have; empty if it may have any."""
    max_header_chars: int = 72
    message: MessageStyle = "conventional"
    is_capitalised: bool = False
    """Whether subjects begin with a capital."""


def read_house_style(
    top: Path, subjects: Sequence[str], config: Mapping[str, str]
) -> HouseStyle:
    """Return the style of a repository.

    What git's configuration says goes before a tool's, and this before a history.

    Args:
        top: the folder of the working tree.
        subjects: recent ones, newest first.
        config: git's configuration, with names in lower case: `diffscribe.types` and
            `diffscribe.scopes`, words with commas or blanks between them, and
            `diffscribe.message`, which is conventional or plain; `commit.template`.

    Raises:
        ParamsError: if one of the first two has another value.
    """
    found = _of_history(subjects)
    template = _of_template(top, config.get("commit.template") or ".gitmessage")
    for told in (*_of_tools(top), template, _of_config(config)):
        found |= {name: each for name, each in told.items() if each not in UNTOLD}
    types = tuple(each for each in found.get("types", TYPES) if each in TYPES)
    return HouseStyle.model_validate(found | {"types": types or TYPES})


def in_house_style(commit: PlannedCommit, house: HouseStyle) -> PlannedCommit:
    """Return a commit with its message as the house writes them."""
    if house.message == "plain":
        from diffscribe.commits.answer import in_style

        [commit] = in_style(Plan(commits=(commit,)), house.message).commits
    if house.is_capitalised and commit.subject[:1].isascii():
        subject = commit.subject[:1].upper() + commit.subject[1:]
        return commit.model_copy(update={"subject": subject})
    return commit


def _of_history(subjects: Sequence[str]) -> dict[str, Any]:
    if len(subjects) < LEAST_SUBJECTS:
        return {}
    headers = [header for header in map(parse_header, subjects) if header]
    if 2 * len(headers) < len(subjects):
        return {"message": "plain", "is_capitalised": True}
    capitals = sum(header.subject[:1].isupper() for header in headers)
    return {"is_capitalised": 2 * capitals > len(headers)}


def _of_config(config: Mapping[str, str]) -> dict[str, Any]:
    words = {
        name: tuple(re.findall(r"[^\s,]+", config.get(f"diffscribe.{name}", "")))
        for name in ("types", "scopes")
    }
    message = config.get("diffscribe.message", "")
    if message not in ("", *get_args(MessageStyle)):
        raise ParamsError(
            f"diffscribe.message: '{message}' is neither conventional nor plain"
        )
    unknown = [each for each in words["types"] if each not in TYPES]
    if unknown:
        raise ParamsError(
            f"diffscribe.types: '{unknown[0]}' is none of {', '.join(TYPES)}"
        )
    return words | {"message": message}


def _of_tools(top: Path) -> Iterator[dict[str, Any]]:
    """Yield what commitizen and commitlint are told, the latter last."""
    package = _json(_text(top / "package.json"))
    yield _of_commitizen(_at(package, "config", "commitizen"))
    yield _of_commitizen(_json(_text(top / ".czrc")))
    for name in ("pyproject.toml", ".cz.toml", "cz.toml"):
        yield _of_commitizen(_at(_toml(_text(top / name)), "tool", "commitizen"))
    for name in (".cz.json", "cz.json", ".cz.yaml", "cz.yaml"):
        yield _of_commitizen(_at(_yaml(_text(top / name)), "commitizen"))
    yield _of_commitlint(_at(package, "commitlint"))
    for suffix in ("", ".json", ".yaml", ".yml"):
        yield _of_commitlint(_yaml(_text(top / f".commitlintrc{suffix}")))
    for name in (".commitlintrc", "commitlint.config"):
        for suffix in ("js", "cjs", "mjs", "ts", "cts", "mts"):
            yield _of_commitlint(_program(_text(top / f"{name}.{suffix}")))


def _of_commitizen(config: Any) -> dict[str, Any]:
    """Return the types and scopes of either tool of that name."""
    types = _at(config, "types")
    questions = _at(config, "customize", "questions")
    for question in questions if isinstance(questions, list) else ():
        if _at(question, "name") in ("change_type", "prefix", "type"):
            choices = _at(question, "choices")
            types = choices if isinstance(choices, list) else types
    kind = str(_at(config, "name") or _at(config, "path"))
    return {
        "types": _names(types),
        "scopes": _names(_at(config, "scopes")),
        "max_header_chars": _limit(_at(config, "maxHeaderWidth")),
        "message": "conventional" if "conventional" in kind else None,
    }


def _of_commitlint(config: Any) -> dict[str, Any]:
    def rule(name: str, when: str = "always") -> Any:
        found = _at(config, "rules", name)
        is_on = isinstance(found, list) and len(found) == 3 and found[0] in (1, 2)
        return found[2] if is_on and found[1] == when else None

    types = _names(rule("type-enum"))
    is_conventional = "conventional" in str(_at(config, "extends"))
    cases = rule("subject-case")
    lower = rule("subject-case", "never") or is_conventional or cases == "lower-case"
    return {
        "types": types,
        "scopes": _names(rule("scope-enum")),
        "max_header_chars": _limit(rule("header-max-length")),
        "message": "conventional" if types or is_conventional else None,
        "is_capitalised": cases in ("sentence-case", ["sentence-case"])
        or (False if lower else None),
    }


_STRING = r"""(?:'[^'\n]{0,200}'|"[^"\n]{0,200}")"""
_COMMENT = re.compile(rf"({_STRING})|//[^\n]*|/\*(?:.*?\*/|.*)", re.DOTALL)
_VALUE = rf"\[[^\[\]]{{0,2000}}\]|{_STRING}|\d{{1,6}}"
_RULE = re.compile(
    rf"(?P<name>[a-z-]{{1,40}})['\"]?\s{{0,40}}:\s{{0,40}}\[\s{{0,40}}(?P<level>[012])\s{{0,40}},\s{{0,40}}"
    rf"['\"](?P<when>\w{{1,40}})['\"]\s{{0,40}},\s{{0,40}}(?P<value>{_VALUE})\s{{0,40}},?\s{{0,40}}\]"
)
_EXTENDS = re.compile(rf"\bextends['\"]?\s{{0,40}}:\s{{0,40}}({_VALUE})")


def _program(text: str) -> dict[str, Any]:
    """Return what a program spells out of commitlint's configuration.

    What it computes or imports stays unknown.
    """
    text = _COMMENT.sub(lambda found: found[1] or "", text)
    extends = _EXTENDS.search(text)
    return {
        "extends": extends and _literal(extends[1]),
        "rules": {
            each["name"]: [int(each["level"]), each["when"], _literal(each["value"])]
            for each in _RULE.finditer(text)
        },
    }


def _literal(text: str) -> Any:
    if text.isdecimal():
        return int(text)
    found = [each[1:-1] for each in re.findall(_STRING, text)]
    return found if text.startswith("[") else found[0]


_LIST = re.compile(r"\w{1,40}(?:[ `]{0,9}[|,/][ `]{0,9}\w{1,40}){1,40}")


def _of_template(top: Path, name: str) -> dict[str, Any]:
    """Return the types that a template lists in one line, or that begin its lines."""
    text = _text(top / Path(name).expanduser())
    lists = [
        [each for each in re.findall(r"\w+", line) if each in TYPES]
        for line in _LIST.findall(text)
    ]
    begun = re.findall(r"^#?[ \t]*(?:[-*][ \t]*)?`?(\w+)", text, re.M)
    found = max(lists, key=len, default=[])
    if len(found) < LEAST_TYPES:
        found = [each for each in begun if each in TYPES]
    types = tuple(dict.fromkeys(found))
    return {"types": types if len(types) >= LEAST_TYPES else ()}


def _names(found: Any) -> tuple[str, ...]:
    """Return the names in a list of names or of mappings, or the keys of a mapping."""
    told = (
        each if isinstance(each, str) else _at(each, "value") or _at(each, "name")
        for each in (found if isinstance(found, list | dict) else ())
    )
    names = (each for each in told if isinstance(each, str) and _NAME.fullmatch(each))
    return tuple(dict.fromkeys(names))


def _limit(found: Any) -> int | None:
    is_number = isinstance(found, int) and not isinstance(found, bool)
    return found if is_number and 20 <= found <= 200 else None


def _at(value: Any, *keys: str) -> Any:
    """Return what lies at keys of nested mappings, or None."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _text(path: Path) -> str:
    try:
        if path.is_file() and path.stat().st_size <= MAX_FILE_BYTES:
            return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        """What cannot be read says nothing."""
    return ""


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _toml(text: str) -> Any:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        return None


def _yaml(text: str) -> Any:
    if not text:
        return None
    import yaml

    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
