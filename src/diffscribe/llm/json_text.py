"""The JSON in a model's answer, whatever it is wrapped in."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

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
