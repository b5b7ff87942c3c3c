"""The plan contract: its JSON text, its JSON Schema, and when it is valid."""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import ValidationError

from diffscribe.commits.gitignore import ignored, is_too_wild
from diffscribe.commits.grammar import TYPES
from diffscribe.commits.style import WordingProblem
from diffscribe.core.records import Plan, PlannedCommit, Record

MAX_TRIES = 100
"""Braces where an object may begin; an answer with more is no answer."""
CONTAINERS = {"object": dict, "array": list}


def extract_json(text: str, schema: Mapping[str, Any] | None = None) -> str | None:
    """Return the text of the JSON object that an answer holds, or None.

    That is the first balanced one, in whatever fences or sentences, that has all
    keys which the schema requires, if there is a schema. JSON that is itself a
    JSON string is unwrapped, and so is each value that is a string of JSON where
    the schema wants an object or array.
    """
    required = set(schema.get("required", ())) if schema else set()
    for source, value in _objects(_unwrapped(text)):
        if required <= value.keys():
            try:
                repaired = _repaired(value, schema or {})
                is_good = repaired == value
                return source if is_good else json.dumps(repaired, ensure_ascii=False)
            except RecursionError:
                continue  # nested deeper than any answer that is meant
    return None


def _unwrapped(text: str) -> str:
    """Return what a JSON string says, if the whole answer is one."""
    if text.strip().startswith('"'):
        said = _loaded(text)
        if isinstance(said, str):
            return said
    return text


def _objects(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the outermost objects, as text and value."""
    decoder = json.JSONDecoder()
    start = text.find("{")
    for _ in range(MAX_TRIES):
        if start < 0:
            break
        try:
            value, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            end = start + 1
        else:
            yield text[start:end], value
        start = text.find("{", end)


def _repaired(value: Any, schema: Mapping[str, Any]) -> Any:
    """Return a value with strings of JSON replaced where they cannot be meant."""
    wanted = CONTAINERS.get(str(schema.get("type")))
    if isinstance(value, str) and wanted is not None:
        loaded = _loaded(value)
        value = loaded if isinstance(loaded, wanted) else value
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        return {
            key: _repaired(each, properties.get(key, {})) for key, each in value.items()
        }
    if isinstance(value, list):
        return [_repaired(each, schema.get("items", {})) for each in value]
    return value


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


_PROBE = "zq7/zq7.zq7"
"""A path no real pattern is about; what matches it matches everything."""
_OBJECT = re.compile(r'\{\s*"')
_MAX_PROBLEMS_SHOWN = 5


class PlanProblem(StrEnum):
    """Why a plan is not valid, in the order of the checks."""

    EMPTY_COMMIT = "empty_commit"
    UNKNOWN_TYPE = "unknown_type"
    EMPTY_SUBJECT = "empty_subject"
    UNKNOWN_PATH = "unknown_path"
    DUPLICATE_PATH = "duplicate_path"
    IGNORES_EVERYTHING = "ignores_everything"
    IGNORES_COMMITTED_PATH = "ignores_committed_path"
    MISSING_PATH = "missing_path"


class PlanError(ValueError):
    """A text holds no plan; the message can be shown to the model."""


def plan_problem(plan: Plan, paths: Collection[str]) -> PlanProblem | None:
    """Name the first reason why a plan does not fit a change, or None.

    A plan is valid if every changed path is in exactly one commit, or in none
    and matched by its gitignore; a rename counts by its new path. No commits
    at all is fine if everything is junk.
    """
    for commit in plan.commits:
        if not commit.files:
            return PlanProblem.EMPTY_COMMIT
        if commit.type not in TYPES:
            return PlanProblem.UNKNOWN_TYPE
        if not commit.subject.strip():
            return PlanProblem.EMPTY_SUBJECT
    return _path_problem(plan, paths)


def _path_problem(plan: Plan, paths: Collection[str]) -> PlanProblem | None:
    listed = [path for commit in plan.commits for path in commit.files]
    committed = set(listed)
    if not committed <= set(paths):
        return PlanProblem.UNKNOWN_PATH
    if len(committed) < len(listed):
        return PlanProblem.DUPLICATE_PATH
    junk = ignored(plan.gitignore, [*paths, _PROBE])
    if _PROBE in junk or any(map(is_too_wild, plan.gitignore)):
        return PlanProblem.IGNORES_EVERYTHING
    if committed & junk:
        return PlanProblem.IGNORES_COMMITTED_PATH
    if not set(paths) <= committed | junk:
        return PlanProblem.MISSING_PATH
    return None


def plan_schema(paths: Collection[str]) -> dict[str, Any]:
    """Return the JSON Schema of the plans for one change.

    llama.cpp compiles it to a grammar that puts required keys first, so they
    are first here, and plan_json writes the same order. What is junk comes
    before the commits, since no commit may list it; a commit's files come before
    its type and subject, since these say what the files have in common.
    """
    path = {"type": "string", "enum": sorted(paths)}
    issue = _object({"path": path, "message": _string(200)}, ("path", "message"))
    commit = _object(
        {
            "files": _array(path, len(paths), minimum=1),
            "type": {"type": "string", "enum": list(TYPES)},
            "subject": _string(100),
            "scope": _string(40),
            "breaking": {"type": "boolean"},
            "body": _string(1000),
            "issues": _array(issue, 8),
        },
        ("files", "type", "subject"),
    )
    return _object(
        {
            "gitignore": _array(_string(100), len(paths)),
            "commits": _array(commit, len(paths)),
        },
        ("gitignore", "commits"),
    )


def _object(properties: dict[str, Any], required: Iterable[str]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def _array(items: dict[str, Any], maximum: int, minimum: int = 0) -> dict[str, Any]:
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
            "scope": commit.scope,
            "breaking": commit.breaking,
            "body": commit.body,
            "issues": [issue.model_dump() for issue in commit.issues],
        }
        optional = ("scope", "breaking", "body", "issues")
        commits.append({k: v for k, v in fields.items() if v or k not in optional})
    answer = {"gitignore": plan.gitignore, "commits": commits}
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":"))


@lru_cache(maxsize=16)
def parse_plan(text: str) -> Plan:
    """Read the plan in a model's answer: its first JSON object, strictly.

    Text and code fences around the object are passed over.

    Raises:
        PlanError: in words that can be shown to the model.
    """
    start = _OBJECT.search(text)
    if start is None:
        raise PlanError("the answer holds no JSON object")
    rest = text[start.start() :]
    try:
        _, end = json.JSONDecoder(object_pairs_hook=_unique_keys).raw_decode(rest)
        return Plan.model_validate_json(rest[:end], strict=True)
    except json.JSONDecodeError as error:
        raise PlanError(f"the JSON is broken or cut off: {error}") from error
    except RecursionError as error:
        raise PlanError("the JSON is nested too deeply") from error
    except PlanError:
        raise
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, each['loc'])) or 'the JSON'}: {each['msg']}"
            for each in error.errors()[:_MAX_PROBLEMS_SHOWN]
        ]
        raise PlanError("not a plan: " + "; ".join(problems)) from error
    except ValueError as error:
        raise PlanError(f"the JSON holds what no plan does: {error}") from error


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise PlanError("the JSON has the same key twice in one object")
    return fields


class Flaw(StrEnum):
    """What can be wrong with an answer, beside its plan and its wording."""

    CUT_OFF = "cut_off"
    NOT_JSON = "not_json"
    UNKNOWN_ISSUE_PATH = "unknown_issue_path"
    NOT_CONVENTIONAL = "not_conventional"
    REPEATED_TYPE = "repeated_type"
    LONG_HEADER = "long_header"
    FULL_STOP = "full_stop"
    BODY_MISSING = "body_missing"
    FENCE = "fence"
    PLACEHOLDER = "placeholder"
    PERSON = "person"
    REFERENCE = "reference"
    UNGROUNDED = "ungrounded"


FLAWS = (*Flaw, *PlanProblem, *WordingProblem)
"""Everything that can be wrong with an answer."""


class FlawError(ValueError):
    """An answer that is no label; the message can be shown to the model."""

    def __init__(self, flaw: Flaw | PlanProblem | WordingProblem, words: str) -> None:
        super().__init__(words)
        self.flaw = flaw


R = TypeVar("R", bound=Record)

_MAX_FIELD_PROBLEMS_SHOWN = 5


def read_record(text: str, kind: type[R], schema: Mapping[str, Any]) -> R:
    """Return the JSON object of an answer as a record, strictly.

    Raises:
        FlawError: in words that can be shown to the model.
    """
    found = extract_json(text, schema)
    if found is None:
        keys = ", ".join(schema["required"])
        words = f"the answer holds no whole JSON object with the keys {keys}"
        raise FlawError(Flaw.NOT_JSON, words)
    try:
        return kind.model_validate_json(found, strict=True)
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, each['loc'])) or 'the JSON'}: {each['msg']}"
            for each in error.errors()[:_MAX_FIELD_PROBLEMS_SHOWN]
        ]
        raise FlawError(Flaw.NOT_JSON, "; ".join(problems)) from error


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

    def restore_commit(commit: PlannedCommit) -> PlannedCommit:
        issues = tuple(
            issue.model_copy(update={"path": restore(issue.path)})
            for issue in commit.issues
        )
        files = tuple(map(restore, commit.files))
        return commit.model_copy(update={"files": files, "issues": issues})

    if not replaced:
        return plan
    update = {
        "commits": tuple(map(restore_commit, plan.commits)),
        "gitignore": tuple(map(restore, plan.gitignore)),
    }
    return plan.model_copy(update=update)
