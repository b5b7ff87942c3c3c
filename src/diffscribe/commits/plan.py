"""The plan contract: its JSON text, its JSON Schema, its reader, when it is valid.

Every answer of a model is read here, by `read_record`, whoever asked: label, eval,
bench and judge agree on what counts. An answer counts as it stands, or repaired:

| odd answer                                   | verdict  |
|----------------------------------------------|----------|
| sentences, fences, other objects around it   | repaired |
| several with its keys, as drafts have them   | the last |
| the whole answer is a JSON string of it      | repaired |
| a list or object inside it is a JSON string  | repaired |
| whole headers as subjects: git-smart-commit  | repaired |
| a key twice in one object                    | refused: two answers in one |
| cut off, nested too deep, over MAX_CHARS     | refused  |
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from pydantic import ValidationError

from diffscribe.commits.gitignore import ignored
from diffscribe.commits.grammar import TYPES, parse_header, split_message
from diffscribe.commits.units import FileUnits
from diffscribe.core.records import Issue, Plan, PlannedCommit, Record

R = TypeVar("R", bound=Record)

MAX_CHARS = 1_000_000
"""A longer answer is refused unread; the longest plan of 20 files has 30,000."""
MAX_BODY_CHARS = 1000
_BEGINS = re.compile(r'\{\s*"')
_MAX_TRIES = 1000
"""Places where an object may begin; thoughts hold pieces of code."""
_MAX_READINGS = 2
"""How often all tries together may read a text; keeps the time linear in its length."""
_MAX_LOCATION_CHARS = 80
"""A field's name is cut in a problem, as a model may invent a key of any length."""
_MAX_PROBLEMS_SHOWN = 5
_CONTAINERS = {"object": dict, "array": list}
_PROBE = "zq7/zq7.zq7"
"""A path of no real project: a pattern that matches it matches everything."""


class Reading(NamedTuple, Generic[R]):
    """What an answer says: a record, or the problem, and whether repair was needed."""

    record: R | None
    problem: str | None
    """One line that can be shown to the model; None with a record."""
    is_repaired: bool
    """Whether a reader that takes only a bare JSON object would have failed."""


class HeaderCommit(Record):
    """A commit in the contract of git-smart-commit, which has no type of its own."""

    subject: str
    """The whole header, `type(scope): text` if it is conventional."""
    files: tuple[str, ...]
    body: str = ""
    issues: tuple[Issue, ...] = ()


class HeaderPlan(Record):
    """A plan in the contract of git-smart-commit."""

    commits: tuple[HeaderCommit, ...]
    gitignore: tuple[str, ...] = ()


@lru_cache(maxsize=16)
def read_plan(text: str) -> Reading[Plan]:
    """Return the plan in an answer; whether it fits a change is plan_problem's."""
    reading = read_record(text, Plan)
    if reading.record is None and (other := read_record(text, HeaderPlan).record):
        return Reading(plan_of_headers(other), None, True)
    return reading


def plan_of_headers(answer: HeaderPlan) -> Plan:
    """Return a plan of git-smart-commit in our contract."""
    commits = [
        _commit_of(f"{each.subject}\n\n{each.body}", each.files, each.issues)
        for each in answer.commits
    ]
    return Plan(commits=tuple(commits), gitignore=answer.gitignore)


def plan_of_message(message: str, files: Iterable[str]) -> Plan:
    """Return one commit of these files with a message.

    If its header is not conventional, the type is empty and the subject is the header.
    """
    return Plan(commits=(_commit_of(message, files),))


def _commit_of(
    message: str, files: Iterable[str], issues: tuple[Issue, ...] = ()
) -> PlannedCommit:
    parts = split_message(message)
    header = parse_header(parts.header)
    notes = (f"BREAKING CHANGE: {note}" for note in parts.breaking_notes)
    return PlannedCommit(
        files=tuple(files),
        type=header.type if header else "",
        scope=header.scope if header else None,
        breaking=bool(parts.breaking_notes or (header and header.breaking)),
        subject=header.subject if header else parts.header,
        body="\n\n".join([parts.body, *notes]).strip(),
        issues=issues,
    )


def read_record(text: str, kind: type[R]) -> Reading[R]:
    """Return the record of one kind that an answer holds, or why it holds none.

    It is the last outermost JSON object with all keys that the kind requires: what
    stands before it may be drafts. Values inside of it are not guessed: an unknown key
    or another type is a problem.
    """
    if len(text) > MAX_CHARS:
        return Reading(None, f"the answer is longer than {MAX_CHARS} characters", False)
    schema = _schema_of(kind)
    keys = schema["required"]
    unwrapped = _loads(text, []) if text.lstrip().startswith('"') else None
    inner = unwrapped if isinstance(unwrapped, str) else text
    found = [each for each in _objects(inner) if each.value.keys() >= {*keys}]
    try:
        value, doubled, end = found[-1]
        rest = inner[end:]
        mended = _mend(value, schema, schema.get("$defs", {}), doubled)
        # What is cut off behind a draft would have been the answer.
        is_draft = _BEGINS.search(rest) and all(f'"{key}"' in rest for key in keys)
    except (IndexError, RecursionError):
        is_draft = True
    if is_draft:
        words = f"the answer holds no whole JSON object with the keys {', '.join(keys)}"
        return Reading(None, words, False)
    is_repaired = mended != value or _loads(text, []) != value
    if doubled:
        words = f"the key {json.dumps(doubled[0])[:80]} is twice in one object"
        return Reading(None, words, is_repaired)
    try:
        record = kind.model_validate_json(json.dumps(mended), strict=True)
    except ValidationError as error:
        problems = []
        for each in error.errors()[:_MAX_PROBLEMS_SHOWN]:
            place = " ".join(".".join(map(str, each["loc"])).split())
            place = place[:_MAX_LOCATION_CHARS] or "the JSON"
            problems.append(f"{place}: {each['msg']}")
        return Reading(None, "; ".join(problems), is_repaired)
    return Reading(record, None, is_repaired)


class _Object(NamedTuple):
    value: dict[str, Any]
    doubled: list[str]
    """Its keys that are twice in one object."""
    end: int
    """Where the text behind it begins."""


def _objects(text: str) -> Iterator[_Object]:
    """Yield the outermost objects that are not empty."""
    chars_read = 0
    begin = _BEGINS.search(text)
    for _ in range(_MAX_TRIES):
        if begin is None or chars_read > _MAX_READINGS * len(text):
            break
        start = begin.start()
        doubled: list[str] = []
        try:
            value, end = _decoder(doubled).raw_decode(text, start)
        except (ValueError, RecursionError) as error:
            failed_at, end = len(text), start + 1
            # A string that never ends was read to the end, and is named by its start.
            if isinstance(error, json.JSONDecodeError) and not error.msg.startswith(
                "Unterminated string"
            ):
                failed_at = error.pos
            chars_read += failed_at - start
        else:
            chars_read += end - start
            yield _Object(value, doubled, end)
        begin = _BEGINS.search(text, end)


def _loads(text: str, doubled: list[str]) -> Any:
    """Return the value of a text that is JSON, else None."""
    try:
        return _decoder(doubled).decode(text)
    except (ValueError, RecursionError):
        return None


def _decoder(doubled: list[str]) -> json.JSONDecoder:
    """Return a decoder that adds to a list each key that is twice in an object."""

    def make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        counts = Counter(key for key, _ in pairs)
        doubled.extend(key for key, count in counts.items() if count > 1)
        return dict(pairs)

    return json.JSONDecoder(object_pairs_hook=make_object)


def _mend(
    value: Any, schema: Mapping[str, Any], kinds: Mapping[str, Any], doubled: list[str]
) -> Any:
    """Return a value with the containers that strings of JSON stand for."""
    schema = kinds.get(schema.get("$ref", "").rpartition("/")[2], schema)
    wanted = _CONTAINERS.get(str(schema.get("type")))
    if isinstance(value, str) and wanted is not None:
        loaded = _loads(value, doubled)
        value = loaded if isinstance(loaded, wanted) else value
    if isinstance(value, dict):
        below = schema.get("properties", {})
        return {
            key: _mend(each, below.get(key, {}), kinds, doubled)
            for key, each in value.items()
        }
    if isinstance(value, list):
        items = schema.get("items", {})
        return [_mend(each, items, kinds, doubled) for each in value]
    return value


@lru_cache(maxsize=16)
def _schema_of(kind: type[Record]) -> dict[str, Any]:
    return kind.model_json_schema()


MessageStyle = Literal["conventional", "plain"]
"""Plain is a capitalised first line without type, scope and `!`."""


class Limits(NamedTuple):
    """The longest plan that an answer can hold.

    They bound the length of an answer, so that the limit of tokens can lie above it.
    """

    commits: int = 12
    subject_chars: int = 100
    scope_chars: int = 40
    body_lines: int = 24
    """Lines of all bodies together; blank ones do not count."""
    line_chars: int = 100
    """Length of a line of a body as it is written."""


LIMITS = Limits()

VISIBLE_ASCII = "!-~"
VISIBLE_OTHERS = (
    r"\u00a1-\u00ac\u00ae-\u061b\u061d-\u167f\u1681-\u180d\u180f-\u1fff"
    r"\u200c\u200d\u2010-\u2027\u2030-\u205e\u2070-\u2fff\u3001-\ud7ff"
    r"\ue000-\ufefe\uff00-\ufff8\ufffc-\U000dffff\U000e1000-\U0010ffff"
)
"""What a message is made of besides blanks and line feeds, as ranges of characters.

Left out are control characters, marks of direction and no width, lone surrogates, and
white space of every kind.
"""


class PlanProblem(StrEnum):
    """Why a plan is not valid, in the order of the checks."""

    EMPTY_COMMIT = "empty_commit"
    UNKNOWN_TYPE = "unknown_type"
    EMPTY_SUBJECT = "empty_subject"
    UNKNOWN_PATH = "unknown_path"
    STRAY_HUNKS = "stray_hunks"
    """A commit has hunks of a file that it does not list, or an empty list of them."""
    UNKNOWN_HUNK = "unknown_hunk"
    """A file has no hunk of this number, or is never split."""
    WHOLE_FILE_AS_HUNKS = "whole_file_as_hunks"
    """Hunks are named of a file that only one commit lists."""
    DUPLICATE_PATH = "duplicate_path"
    DUPLICATE_HUNK = "duplicate_hunk"
    MISSING_HUNK = "missing_hunk"
    IGNORES_EVERYTHING = "ignores_everything"
    IGNORES_COMMITTED_PATH = "ignores_committed_path"
    IGNORES_KNOWN_PATH = "ignores_known_path"
    """A file is no junk if HEAD has it: git goes on to track it."""
    MISSING_PATH = "missing_path"


def plan_problem(
    plan: Plan,
    files: Iterable[str | FileUnits],
    types: Collection[str] = TYPES,
) -> PlanProblem | None:
    """Name the first reason why a plan does not fit a change, or None.

    A plan is valid if every unit of the change is in exactly one commit, or its file
    in none and matched by the plan's gitignore; a rename counts by its new path. No
    commits at all is fine if everything is junk.

    Args:
        plan: what is judged.
        files: the changed files. A path alone stands for a file that is never split
            and that may be junk.
        types: those that a commit may have.
    """
    for commit in plan.commits:
        if not commit.files:
            return PlanProblem.EMPTY_COMMIT
        if commit.type not in types:
            return PlanProblem.UNKNOWN_TYPE
        if not commit.subject.strip():
            return PlanProblem.EMPTY_SUBJECT
    units = {
        file.path: file
        for each in files
        for file in [FileUnits(each) if isinstance(each, str) else each]
    }
    return _unit_problem(plan.commits, units) or _junk_problem(plan, units)


def _unit_problem(
    commits: Sequence[PlannedCommit], files: Mapping[str, FileUnits]
) -> PlanProblem | None:
    parts: dict[str, list[Collection[int]]] = defaultdict(list)
    for commit in commits:
        for path in commit.files:
            parts[path].append(commit.hunks.get(path, ()))
    if not parts.keys() <= files.keys():
        return PlanProblem.UNKNOWN_PATH
    if not all(
        each.hunks.keys() <= {*each.files} and all(each.hunks.values())
        for each in commits
    ):
        return PlanProblem.STRAY_HUNKS
    problems = (_hunk_problem(parts[path], files[path].hunks) for path in parts)
    return next(filter(None, problems), None)


def _hunk_problem(parts: list[Collection[int]], count: int) -> PlanProblem | None:
    """Name what is wrong with one file's hunks, by commit; empty is the whole file."""
    numbers = [number for part in parts for number in part]
    if not {*numbers} <= {*range(1, count + 1)} or (numbers and count == 1):
        return PlanProblem.UNKNOWN_HUNK
    if len(parts) == 1:
        return PlanProblem.WHOLE_FILE_AS_HUNKS if numbers else None
    if not all(parts):
        return PlanProblem.DUPLICATE_PATH
    if len({*numbers}) < len(numbers):
        return PlanProblem.DUPLICATE_HUNK
    return PlanProblem.MISSING_HUNK if len(numbers) < count else None


def _junk_problem(plan: Plan, files: Mapping[str, FileUnits]) -> PlanProblem | None:
    committed = {path for commit in plan.commits for path in commit.files}
    junk = ignored(plan.gitignore, [*files, _PROBE])
    if _PROBE in junk:
        return PlanProblem.IGNORES_EVERYTHING
    if committed & junk:
        return PlanProblem.IGNORES_COMMITTED_PATH
    if not all(files[path].may_be_junk for path in junk):
        return PlanProblem.IGNORES_KNOWN_PATH
    return None if files.keys() <= committed | junk else PlanProblem.MISSING_PATH


def plan_schema(files: Collection[str | FileUnits]) -> dict[str, Any]:
    """Return the JSON Schema of the plans for one change; a path alone is never split.

    llama.cpp compiles it to a grammar that puts required keys first, so they
    are first here, and plan_json writes the same order. What is junk comes
    before the commits, since no commit may list it; a commit's files come before
    its type and subject, since these say what the files have in common.
    """
    units = [FileUnits(each) if isinstance(each, str) else each for each in files]
    path = {"type": "string", "enum": sorted(each.path for each in units)}
    issue = object_schema({"path": path, "message": _string(200)}, ("path", "message"))
    hunks = {
        each.path: array_schema(
            {"type": "integer", "minimum": 1, "maximum": each.hunks}, each.hunks, 1
        )
        for each in sorted(units)
        if each.hunks > 1
    }
    commit = object_schema(
        {
            "files": array_schema(path, len(files), minimum=1),
            "type": {"type": "string", "enum": list(TYPES)},
            "subject": _string(LIMITS.subject_chars),
            **({"hunks": object_schema(hunks, ())} if hunks else {}),
            "scope": _string(LIMITS.scope_chars),
            "breaking": {"type": "boolean"},
            "body": _string(MAX_BODY_CHARS),
            "issues": array_schema(issue, 8),
        },
        ("files", "type", "subject"),
    )
    return object_schema(
        {
            "gitignore": array_schema(_string(100), len(files)),
            "commits": array_schema(commit, len(files)),
        },
        ("gitignore", "commits"),
    )


def object_schema(
    properties: Mapping[str, Any], required: Iterable[str]
) -> dict[str, Any]:
    """Return the JSON Schema of an object with these properties and no other."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def array_schema(
    items: dict[str, Any], maximum: int, minimum: int = 0
) -> dict[str, Any]:
    """Return the JSON Schema of an array whose items are of one kind."""
    return {"type": "array", "items": items, "minItems": minimum, "maxItems": maximum}


def _string(max_chars: int) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, "maxLength": max_chars}


def plan_json(plan: Plan) -> str:
    """Return a plan as the text a model should answer, on one line.

    Keys are in the order of plan_schema; what equals its default is left out.
    """
    commits = []
    for commit in plan.commits:
        fields: dict[str, Any] = {
            "files": commit.files,
            "type": commit.type,
            "subject": commit.subject,
            "hunks": dict(sorted(commit.hunks.items())),
            "scope": commit.scope,
            "breaking": commit.breaking,
            "body": commit.body,
            "issues": [issue.model_dump() for issue in commit.issues],
        }
        optional = ("hunks", "scope", "breaking", "body", "issues")
        commits.append({k: v for k, v in fields.items() if v or k not in optional})
    answer = {"gitignore": plan.gitignore, "commits": commits}
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":"))


def restore_paths(plan: Plan, replaced: Mapping[str, str]) -> Plan:
    """Return a plan with its real paths, where a model was shown placeholders.

    Subjects and bodies keep their placeholders, which no message may have.

    Args:
        plan: as the model answered it.
        replaced: what each placeholder stands for.
    """

    def restore(path: str) -> str:
        for placeholder, original in replaced.items():
            path = path.replace(placeholder, original)
        return path

    commits = tuple(
        commit.model_copy(
            update={
                "files": tuple(map(restore, commit.files)),
                "hunks": {restore(path): each for path, each in commit.hunks.items()},
                "issues": tuple(
                    Issue(path=restore(each.path), message=each.message)
                    for each in commit.issues
                ),
            }
        )
        for commit in plan.commits
    )
    return Plan(commits=commits, gitignore=tuple(map(restore, plan.gitignore)))
