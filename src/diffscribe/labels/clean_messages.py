"""Messages that a model rewrote: what is asked for, and how it is read."""

from typing import Any

from diffscribe.labels.answers import read_record
from diffscribe.labels.flaws import Flaw, FlawError
from diffscribe.records import Record


class CleanMessage(Record):
    """The words of one commit; type and scope are known."""

    subject: str
    body: str = ""


class _Answer(Record):
    messages: tuple[CleanMessage, ...]


def messages_schema(count: int) -> dict[str, Any]:
    """Return the JSON Schema of so many subjects with their bodies."""
    message = {
        "type": "object",
        "properties": {
            "subject": {"type": "string", "minLength": 1, "maxLength": 100},
            "body": {"type": "string", "maxLength": 1000},
        },
        "required": ["subject"],
        "additionalProperties": False,
    }
    messages = {
        "type": "array",
        "items": message,
        "minItems": count,
        "maxItems": count,
    }
    return {
        "type": "object",
        "properties": {"messages": messages},
        "required": ["messages"],
        "additionalProperties": False,
    }


def parse_messages(text: str, count: int) -> tuple[CleanMessage, ...]:
    """Read so many messages from an answer; text around the object is passed over.

    Raises:
        FlawError: in words that can be shown to the model.
    """
    messages = read_record(text, _Answer, messages_schema(count)).messages
    if len(messages) != count:
        words = f"there are {len(messages)} messages, and {count} are needed"
        raise FlawError(Flaw.NOT_JSON, words)
    return messages
