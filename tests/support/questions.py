"""Questions to ask in tests."""

from typing import Any

from diffscribe.core.records import Message
from diffscribe.doors.endpoint import Outgoing, prepare
from diffscribe.doors.reply import Question

HOST = "127.0.0.1"


def question(words: object = "hello", **changes: Any) -> Question:
    """Return a question that differs from others by its words."""
    asked = Question(
        model="m",
        messages=(Message(role="user", content=str(words)),),
        schema=None,
        max_tokens=50,
        temperature=0.0,
        seed=7,
        about="acme/app",
        private=False,
    )
    return asked._replace(**changes)


def outgoing(words: object = "hello", **changes: Any) -> Outgoing:
    """Return a question as it may be sent to this machine."""
    return prepare(question(words, **changes), HOST)
