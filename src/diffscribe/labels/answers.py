"""Read what a model answered as a record."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from diffscribe.labels.flaws import Flaw, FlawError
from diffscribe.llm.json_text import extract_json
from diffscribe.records import Record

R = TypeVar("R", bound=Record)

_MAX_PROBLEMS_SHOWN = 5


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
            for each in error.errors()[:_MAX_PROBLEMS_SHOWN]
        ]
        raise FlawError(Flaw.NOT_JSON, "; ".join(problems)) from error
