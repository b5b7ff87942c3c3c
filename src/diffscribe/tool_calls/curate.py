"""Choose the interactions that teach something, and in each the turns that do."""

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from diffscribe.core.log_params import ToolCurateParams
from diffscribe.core.records import ToolCall, ToolSpec, Turn
from diffscribe.tool_calls.records import (
    Interaction,
    RejectedInteraction,
    calls_digest,
    canonical,
)


class CurateReason(StrEnum):
    """Why nothing of an interaction is learned."""

    NO_QUESTION = "no_question"
    """No turn of the user comes before."""
    TOO_MANY_TURNS = "too_many_turns"
    HAS_ERROR = "has_error"
    NOT_LEARNED = "not_learned"
    """The log excludes every turn of the assistant, or there is none."""
    DENIED = "denied"
    """The user refused the call."""
    FAILED_CALL = "failed_call"
    SECRET_IN_TARGET = "secret_in_target"  # noqa: S105 - no password
    """A placeholder would be taught."""
    MARK_IN_TARGET = "mark_in_target"
    """It holds a mark of a chat template, which would end the call."""
    UNKNOWN_TOOL = "unknown_tool"
    INVALID_ARGUMENTS = "invalid_arguments"
    """They do not fit the tool's schema."""
    DUPLICATE = "duplicate"
    REPEATED_CALL = "repeated_call"
    """More of the very same calls than max_per_call."""


class CuratedInteractions(NamedTuple):
    """What is kept, with `learn` narrowed to what teaches, and what is not."""

    kept: list[Interaction]
    rejected: list[RejectedInteraction]

    def metrics(self) -> dict[str, object]:
        """Return counts, zeros included."""
        counts = Counter(each.reason for each in self.rejected)
        return {
            "kept": len(self.kept),
            "targets": sum(len(each.learn) for each in self.kept),
            "reconstructed": sum(each.reconstructed for each in self.kept),
            "tools_inferred": sum(each.tools_inferred for each in self.kept),
            "rejected": {each.value: counts[each] for each in CurateReason},
        }


def failed_responses(interactions: Iterable[Interaction]) -> frozenset[str]:
    """Return `response_key` of the responses of which a call failed or was denied.

    A log of requests tells of a result in the row of the next one.
    """
    return frozenset(
        response_key(interaction.turns, at)
        for interaction in interactions
        for at, turn in enumerate(interaction.turns)
        if turn.tool_calls
        and {each.status for each in results_of(interaction.turns, at)} & FAILED
    )


FAILED = {"error", "denied"}


def response_key(turns: Sequence[Turn], at: int) -> str:
    """Return a digest of a chat up to a response; ids of calls play no part."""
    told = [
        [turn.role, turn.content, [[c.name, c.arguments] for c in turn.tool_calls]]
        for turn in turns[: at + 1]
    ]
    return hashlib.sha256(canonical(told).encode("utf-8", "surrogatepass")).hexdigest()


def curate_interactions(
    interactions: Iterable[Interaction],
    params: ToolCurateParams,
    failed: Collection[str] = (),
) -> CuratedInteractions:
    """Keep the interactions with something to learn; each other has its first reason.

    Of a failed call the turn is context, and what follows it is learned; what the user
    denied is never learned. `failed` are responses of which other rows tell that.
    """
    result = CuratedInteractions([], [])
    seen: set[str] = set()
    calls: Counter[str] = Counter()
    for interaction in interactions:
        learn, reason = _targets(interaction, params, failed)
        same = calls_digest(
            [call for at in learn for call in interaction.turns[at].tool_calls]
        )
        if learn and interaction.id in seen:
            reason = CurateReason.DUPLICATE
        elif learn and calls[same] >= params.max_per_call and same != calls_digest([]):
            reason = CurateReason.REPEATED_CALL
        elif learn:
            seen.add(interaction.id)
            calls[same] += 1
            kept = interaction.model_copy(update={"learn": learn})
            result.kept.append(kept)
            continue
        rejected = RejectedInteraction(reason=reason, interaction=interaction)
        result.rejected.append(rejected)
    return result


def _targets(
    interaction: Interaction, params: ToolCurateParams, failed: Collection[str]
) -> tuple[tuple[int, ...], CurateReason]:
    """Return the turns to learn, and why others are not."""
    turns = interaction.turns
    results = [turn.status for turn in turns if turn.role == "tool"]
    if all(turn.role != "user" for turn in turns):
        return (), CurateReason.NO_QUESTION
    if len(turns) > params.max_turns:
        return (), CurateReason.TOO_MANY_TURNS
    if params.errors == "drop" and "error" in results:
        return (), CurateReason.HAS_ERROR
    reasons = {at: _problem(interaction, at, failed) for at in interaction.learn}
    learn = tuple(at for at, reason in reasons.items() if reason is None)
    first = next(filter(None, reasons.values()), CurateReason.NOT_LEARNED)
    return learn, first


def _problem(
    interaction: Interaction, at: int, failed: Collection[str]
) -> CurateReason | None:
    turn = interaction.turns[at]
    statuses = {each.status for each in results_of(interaction.turns, at)}
    if "denied" in statuses:
        return CurateReason.DENIED
    if "error" in statuses or (
        failed and response_key(interaction.turns, at) in failed
    ):
        return CurateReason.FAILED_CALL
    if all(each.role != "user" for each in interaction.turns[:at]):
        return CurateReason.NO_QUESTION
    said = [turn.content, *(canonical(call.arguments) for call in turn.tool_calls)]
    if any(map(PLACEHOLDER.search, said)):
        return CurateReason.SECRET_IN_TARGET
    if any(map(TEMPLATE_MARK.search, said)):
        return CurateReason.MARK_IN_TARGET
    tools = {tool.name: tool for tool in interaction.tools}
    if any(call.name not in tools for call in turn.tool_calls):
        return CurateReason.UNKNOWN_TOOL
    if not all(fits_schema(call, tools[call.name]) for call in turn.tool_calls):
        return CurateReason.INVALID_ARGUMENTS
    return None


PLACEHOLDER = re.compile(r"<(?:secret|personal):[a-z0-9_]+(?::\d+)?>")
TEMPLATE_MARK = re.compile(
    r"<\|[^<>|\s]{1,40}\|>|</?(?:tool_call|tool_response|tools|think)>"
)
"""What templates of ChatML and Hermes mark turns and calls with."""


def results_of(turns: Sequence[Turn], at: int) -> list[Turn]:
    """Return the results of the calls of a turn: those up to the next other turn."""
    found = []
    for turn in turns[at + 1 :]:
        if turn.role != "tool":
            break
        found.append(turn)
    return found


def fits_schema(call: ToolCall, tool: ToolSpec) -> bool:
    """Tell whether arguments fit a tool's schema; a broken schema is none."""
    try:
        Draft202012Validator.check_schema(tool.parameters)
    except SchemaError:
        return True
    validator = Draft202012Validator(tool.parameters)
    return bool(validator.is_valid(call.arguments))
