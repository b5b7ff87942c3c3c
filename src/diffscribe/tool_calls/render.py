"""Turn interactions into samples: one a turn to learn, and some without a call."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from diffscribe.core.draw import is_drawn, rank
from diffscribe.core.log_params import ToolRenderParams
from diffscribe.core.records import ToolSpec, Turn
from diffscribe.logs.split import LogRow
from diffscribe.tool_calls.records import (
    ChatQuestion,
    Interaction,
    Kind,
    SplitInteraction,
    ToolSample,
    canonical,
)
from diffscribe.tool_calls.template import ChatTemplate, without_marks


class RenderedSamples(NamedTuple):
    """Samples of a split, and why others are none."""

    samples: list[ToolSample]
    dropped: Counter[str]

    def metrics(self) -> dict[str, object]:
        """Return counts by kind and reason."""
        kinds = Counter(each.kind for each in self.samples)
        return {"kinds": dict(kinds), "dropped": dict(self.dropped)}


class _Case(NamedTuple):
    id: str
    parent_id: str
    cluster: str
    kind: Kind
    turns: tuple[Turn, ...]
    target: Turn
    tools: tuple[ToolSpec, ...]


def log_row(interaction: Interaction) -> LogRow:
    """Return what decides in which split an interaction is."""
    asked = [turn.content for turn in interaction.turns if turn.role == "user"]
    calls = [
        canonical(call.arguments)
        for at in interaction.learn
        for call in interaction.turns[at].tool_calls
    ]
    return LogRow(
        interaction.id,
        interaction.session,
        " ".join([*asked, *calls]),
        interaction.at,
        only_train=interaction.reconstructed,
    )


def render_split(
    interactions: Sequence[SplitInteraction],
    chats: Sequence[ChatQuestion],
    system: str,
    no_tool: str,
    template: ChatTemplate,
    params: ToolRenderParams,
    seed: int,
) -> RenderedSamples:
    """Return the samples of a split's interactions, and of questions without a call.

    Of some calls there is a second sample without their tool, whose target says so.
    """
    result = RenderedSamples([], Counter())
    cases = list(_cases(interactions, system, params))
    first = [each for each in cases if each.kind in ("call", "parallel")]
    cases += _without_tool(first, no_tool, params.no_call_fraction, seed)
    tools = interactions[-1].tools if interactions else ()
    cases += _chats(chats, system, tools)
    for case in cases:
        turns = tuple(map(without_marks, case.turns))
        prompt = template.prompt(turns, case.tools)
        completion = template.completion(turns, case.target, case.tools)
        if template.count(prompt) > params.max_prompt_tokens:
            result.dropped["long_prompt"] += 1
        elif template.count(completion) > params.max_answer_tokens:
            result.dropped["long_answer"] += 1
        else:
            result.samples.append(
                ToolSample(
                    id=case.id,
                    parent_id=case.parent_id,
                    cluster=case.cluster,
                    kind=case.kind,
                    prompt=prompt,
                    completion=completion,
                    turns=turns,
                    target=case.target,
                    tools=case.tools,
                )
            )
    return result


def _cases(
    interactions: Iterable[SplitInteraction], system: str, params: ToolRenderParams
) -> Iterator[_Case]:
    for each in interactions:
        for at in each.learn:
            kind = kind_of(each.turns, at)
            if kind == "answer" and params.train_on == "call":
                continue
            before = each.turns[:at]
            if before[0].role != "system":
                # Without one, some templates put in a system text of their own.
                before = (Turn(role="system", content=system), *before)
            yield _Case(
                _digest(each.id, at),
                *(each.id, each.cluster, kind, before, each.turns[at], each.tools),
            )


def kind_of(turns: Sequence[Turn], at: int) -> Kind:
    """Return what a turn of the assistant does."""
    before = turns[at - 1]
    calls = turns[at].tool_calls
    if not calls:
        return "no_call" if before.role == "user" else "answer"
    if before.status in ("error", "denied"):
        return "recovery"
    return "parallel" if len(calls) > 1 else "call"


def _without_tool(
    cases: Iterable[_Case], no_tool: str, share: float, seed: int
) -> Iterator[_Case]:
    for case in cases:
        called = {call.name for call in case.target.tool_calls}
        left = tuple(tool for tool in case.tools if tool.name not in called)
        if left and is_drawn(share, seed, case.id, "no call"):
            yield case._replace(
                id=_digest(case.id, "no call"),
                kind="no_call",
                target=Turn(role="assistant", content=no_tool),
                tools=left,
            )


def _chats(
    chats: Iterable[ChatQuestion], system: str, tools: tuple[ToolSpec, ...]
) -> Iterator[_Case]:
    for chat in chats:
        id_ = _digest("chat", chat.question)
        turns = (
            Turn(role="system", content=system),
            Turn(role="user", content=chat.question),
        )
        target = Turn(role="assistant", content=chat.answer)
        yield _Case(id_, id_, id_, "no_call", turns, target, tools)


def halves(
    chats: Iterable[ChatQuestion], seed: int
) -> tuple[list[ChatQuestion], list[ChatQuestion]]:
    """Return the questions to learn from and those to measure with."""
    drawn = sorted(chats, key=lambda chat: rank(seed, chat.question))
    return drawn[::2], drawn[1::2]


def _digest(*key: object) -> str:
    return hashlib.sha256(repr(key).encode()).hexdigest()
