"""What travels between the stages of the pipeline for tool calls.

logs ─ Interaction ─► curate ─► split ─ SplitInteraction ─► render ─ ToolSample
─► train, eval
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Literal

from diffscribe.core.records import Record, ToolCall, ToolSpec, Turn

Kind = Literal["call", "parallel", "recovery", "answer", "no_call"]


class Interaction(Record):
    """A chat of an assistant with its user and its tools, as far as it was logged."""

    id: str
    """sha256 of turns and tools, in hex."""
    source: str
    """Name of the log, without its folder."""
    line: int
    """Where it begins in the log, from 1."""
    at: str
    """When it was logged, as the log says it; empty if it does not."""
    session: str
    """What the log calls the chat; the id if it has no name for it."""
    model: str
    turns: tuple[Turn, ...]
    tools: tuple[ToolSpec, ...]
    tools_inferred: bool
    """Whether the tools were guessed from calls, as nothing describes them."""
    rating: int | None
    """From 1 to 5, of the last response; None if nobody gave one."""
    learn: tuple[int, ...]
    """Positions of the assistant's turns that the log does not exclude."""
    reconstructed: bool
    """Whether the question was guessed from the call."""


class SplitInteraction(Interaction):
    """An interaction in a split, and what it is much like."""

    cluster: str
    """Smallest id among those of one session, or that ask and call nearly the same."""


class RejectedInteraction(Record):
    """An interaction with nothing to learn, and the first reason for that."""

    reason: str
    interaction: Interaction


class ChatQuestion(Record):
    """A question that no tool answers."""

    question: str
    answer: str


class ToolSample(Record):
    """What the student is shown, and one turn that it should say."""

    id: str
    parent_id: str
    """The interaction that it comes from, or the question it was made of."""
    cluster: str
    kind: Kind
    prompt: str
    """The turns and tools as the base's template spells them."""
    completion: str
    """The target as the template spells it, up to the end of the turn."""
    turns: tuple[Turn, ...]
    target: Turn
    tools: tuple[ToolSpec, ...]


def canonical(value: Any) -> str:
    """Return a JSON value in its one spelling: sorted keys, no spaces."""
    return json.dumps(
        value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str
    )


def interaction_id(turns: Sequence[Turn], tools: Sequence[ToolSpec]) -> str:
    """Return the id of an interaction with these turns and tools."""
    told = [
        [each.model_dump() for each in turns],
        [each.model_dump() for each in tools],
    ]
    return hashlib.sha256(canonical(told).encode("utf-8", "surrogatepass")).hexdigest()


def calls_digest(calls: Sequence[ToolCall]) -> str:
    """Return names and arguments of calls, whatever their order."""
    return canonical(sorted(canonical([each.name, each.arguments]) for each in calls))
