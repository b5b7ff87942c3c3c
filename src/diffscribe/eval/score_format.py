"""Family format: does an answer have the form, as it stands and after repair.

`_valid` judges the raw text; `_repaired` what a lenient reader makes of it: the
JSON inside of fences or sentences, the plan the solver could read. The difference
is what a tool without repair would lose. Form says nothing of content: see the
controls, which are all valid.
"""

import json
from functools import lru_cache
from typing import Any

from diffscribe.commits.grammar import format_header, violation
from diffscribe.commits.plan import PlanError, extract_json, parse_plan, plan_schema
from diffscribe.commits.style import broken_rule
from diffscribe.core.params import HouseParams
from diffscribe.core.records import Plan, PlannedCommit, Prediction
from diffscribe.eval.cases import Case
from diffscribe.eval.measure import Measure

MEASURES = {
    "json_valid": Measure("format", "the whole answer is one JSON object"),
    "json_repaired": Measure("format", "a JSON object is in the answer"),
    "schema_valid": Measure("format", "the answer keeps to the schema of its request"),
    "schema_repaired": Measure("format", "the JSON in the answer keeps to the schema"),
    "cc_valid": Measure("format", "all messages are Conventional Commits 1.0.0"),
    "cc_repaired": Measure("format", "so are the messages that could be read"),
    "house_valid": Measure("format", "all messages keep to the rules of the house"),
    "house_repaired": Measure("format", "so do the messages that could be read"),
}


def scores(
    case: Case, prediction: Prediction, house: HouseParams
) -> dict[str, float | None]:
    """Return MEASURES of one answer, each 1 or 0; no JSON is asked of a message."""
    raw, read = raw_messages(case, prediction), read_messages(prediction)
    texts = {"valid": raw, "repaired": read}
    return {
        **_json_scores(case, prediction.text),
        **{f"cc_{end}": cc_valid(each) for end, each in texts.items()},
        **{f"house_{end}": house_valid(each, house) for end, each in texts.items()},
    }


def findings(prediction: Prediction, house: HouseParams) -> dict[str, tuple[str, ...]]:
    """Return which rules the messages break that could be read."""
    messages = read_messages(prediction)
    violations = [violation(each) for each in messages]
    rules = [broken_rule(each, house) for each in messages]
    return {
        "violations": tuple(each.value for each in violations if each),
        "house_rules": tuple(each.value for each in rules if each),
    }


def cc_valid(messages: list[str]) -> float:
    """Return 1 if there are messages and all keep to the specification, else 0."""
    return float(bool(messages) and not any(map(violation, messages)))


def house_valid(messages: list[str], house: HouseParams) -> float:
    """Return 1 if there are messages and none breaks a rule of the house, else 0."""
    broken = [broken_rule(each, house) for each in messages]
    return float(bool(messages) and not any(broken))


def raw_messages(case: Case, prediction: Prediction) -> list[str]:
    """Return the messages in an answer that needs no repair, else none."""
    if case.task == "message":
        return [prediction.text] if prediction.text.strip() else []
    try:
        is_bare = _loaded(prediction.text) is not None
        return _messages(parse_plan(prediction.text)) if is_bare else []
    except PlanError:
        return []


def read_messages(prediction: Prediction) -> list[str]:
    """Return the messages of the plan that the solver could read, else none."""
    return _messages(prediction.plan) if prediction.plan else []


def header_of(commit: PlannedCommit) -> str:
    """Return the first line; of a commit without a type that is its subject."""
    return format_header(commit) if commit.type else commit.subject


def message_of(commit: PlannedCommit) -> str:
    """Return header and body."""
    header = header_of(commit)
    return f"{header}\n\n{commit.body}" if commit.body.strip() else header


def _messages(plan: Plan) -> list[str]:
    return [message_of(commit) for commit in plan.commits]


def _json_scores(case: Case, text: str) -> dict[str, float | None]:
    names = ("json_valid", "json_repaired", "schema_valid", "schema_repaired")
    if case.task == "message":
        return dict.fromkeys(names)
    bare = _loaded(text)
    found = inside = bare
    if bare is None:
        found = _loaded(extract_json(text) or "")
        inside = _loaded(extract_json(text, plan_schema(case.files)) or "")
    keeps = float(inside is not None and _keeps(case.files, inside))
    return {
        "json_valid": float(bare is not None),
        "json_repaired": float(found is not None),
        "schema_valid": keeps if bare is not None else 0.0,
        "schema_repaired": keeps,
    }


def _loaded(text: str) -> dict[str, Any] | None:
    """Return the object that a text is, if it is one and no key is twice in it."""
    try:
        value = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("the same key twice")
    return fields


def _keeps(files: tuple[str, ...], value: dict[str, Any]) -> bool:
    try:
        return bool(_validator(files).is_valid(value))
    except RecursionError:
        return False


@lru_cache(maxsize=1024)
def _validator(files: tuple[str, ...]) -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(plan_schema(files))
