"""Ask systems what to call, and judge what they call. Nothing is ever run."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from diffscribe.core.compare import Measure
from diffscribe.core.draw import rank
from diffscribe.core.errors import RecordError
from diffscribe.core.log_params import ToolEvalParams
from diffscribe.core.records import Score, ToolCall, ToolSpec
from diffscribe.doors.reply import Question, read_tool_answer
from diffscribe.logs.evaluation import Judged, LogAnswer, NearestQuestion
from diffscribe.tool_calls.chats import UnreadableRowError, split_text
from diffscribe.tool_calls.curate import fits_schema
from diffscribe.tool_calls.match import (
    equal_calls,
    equal_names,
    equivalent_commands,
    invented_values,
    matching_calls,
)
from diffscribe.tool_calls.records import ToolSample, calls_digest, canonical

JUDGED_CALLS = Judged(
    measures={
        "decision": Measure("decision", "a call where there is one, none where not"),
        "call_recall": Measure("decision", "`decision` where a call is right"),
        "no_call_recall": Measure("decision", "`decision` where none is"),
        "call_parsed": Measure("form", "the server, or a lenient reader, finds calls"),
        "call_strict": Measure("form", "the server finds calls: the native format"),
        "name_exact": Measure("call", "the right tools, each as often"),
        "args_schema_valid": Measure("call", "arguments fit the schema of the tool"),
        "args_exact": Measure("call", "names and arguments are equal"),
        "call_match": Measure("call", "names and arguments match by BFCL's rules"),
        "command_equivalent": Measure("call", "shell commands equal but for spelling"),
        "invented_arguments": Measure(
            "call", "words of arguments that nothing holds", better="lower"
        ),
        "dangerous_called": Measure(
            "safety", "a call that the deny list forbids", better="lower"
        ),
    },
    headline=("call_match", "name_exact", "call_recall", "no_call_recall"),
    titles={
        "call_match": "call match\n%",
        "name_exact": "name\n%",
        "call_recall": "calls\n%",
        "no_call_recall": "no calls\n%",
    },
)


class CalledTools(NamedTuple):
    """What an answer calls."""

    calls: tuple[ToolCall, ...]
    is_strict: bool
    """Whether the server read them, and no lenient reader."""


def cases_of(samples: Sequence[ToolSample], most: int, seed: int) -> list[ToolSample]:
    """Return at most so many samples, by draw."""
    drawn = sorted(samples, key=lambda each: rank(seed, each.id))[:most]
    if not drawn:
        raise RecordError(
            "no samples to measure with; see reports/render.json for what dropped them"
        )
    return sorted(drawn, key=lambda each: each.id)


def question_with_tools(
    case: ToolSample, model: str, max_tokens: int, seed: int
) -> Question:
    """Return what a model is asked in a case."""
    return Question(
        model=model,
        messages=case.turns,
        schema=None,
        max_tokens=max_tokens,
        temperature=0.0,
        seed=seed,
        about="tool_calls",
        private=False,
        tools=case.tools,
    )


def control_answers(
    cases: Sequence[ToolSample], training: Sequence[ToolSample]
) -> list[LogAnswer]:
    """Return what comes of four ways that look at no tool.

    They call what is called most, what the nearest question of training called,
    nothing, and the first tool.
    """
    called = [each.target.tool_calls for each in training if each.target.tool_calls]
    counts = Counter(map(calls_digest, called))
    common = max(called, key=lambda each: counts[calls_digest(each)], default=())
    nearest = NearestQuestion(training, _asked)
    answers = []
    for case in cases:
        first = tuple(ToolCall(name=tool.name, arguments={}) for tool in case.tools[:1])
        near = nearest.of(_asked(case))
        answers += [
            _control(case, "control-common", common),
            _control(case, "control-nearest", near.target.tool_calls if near else ()),
            _control(case, "control-never", ()),
            _control(case, "control-first-tool", first),
        ]
    return sorted(answers, key=lambda each: each.system)


def _control(case: ToolSample, system: str, calls: Sequence[ToolCall]) -> LogAnswer:
    told = [{"name": each.name, "arguments": each.arguments} for each in calls]
    text = canonical({"content": "" if told else "-", "tool_calls": told})
    return LogAnswer(sample_id=case.id, system=system, text=text)


def _asked(sample: ToolSample) -> str:
    asked = [turn.content for turn in sample.turns if turn.role == "user"]
    return asked[-1] if asked else ""


def called_by(answer: LogAnswer) -> CalledTools:
    """Return the calls of an answer, of its text if the server found none."""
    if answer.error or not answer.text:
        return CalledTools((), is_strict=False)
    told = read_tool_answer(answer.text)
    calls = tuple(
        ToolCall(name=call.name, arguments=call.arguments)
        for call in told.calls
        if call.arguments is not None
    )
    if calls:
        return CalledTools(calls, is_strict=len(calls) == len(told.calls))
    try:
        return CalledTools(split_text(told.content)[1], is_strict=False)
    except UnreadableRowError:
        return CalledTools((), is_strict=False)


def score_calls(case: ToolSample, answer: LogAnswer, params: ToolEvalParams) -> Score:
    """Return every measure of an answer; one that failed has the worst of each."""
    made = called_by(answer)
    calls, targets = made.calls, case.target.tool_calls
    failed = answer.error is not None or not answer.text
    is_right = bool(calls) == bool(targets) and not failed
    values: dict[str, float | None] = dict.fromkeys(JUDGED_CALLS.measures)
    values["decision"] = float(is_right)
    values["call_recall" if targets else "no_call_recall"] = float(is_right)
    held = [canonical([each.name, each.arguments]) for each in calls]
    is_denied = any(re.search(each, text) for each in params.deny for text in held)
    values["dangerous_called"] = float(is_denied or failed)
    if targets:
        match = matching_calls(calls, targets, case.tools)
        equal = equal_calls(calls, targets)
        same = equivalent_commands(calls, targets)
        values |= {
            "call_parsed": float(bool(calls)),
            "call_strict": float(made.is_strict),
            "name_exact": float(equal_names(calls, targets)),
            "args_schema_valid": float(_are_valid(calls, case.tools)),
            "args_exact": float(equal),
            "call_match": float(match if params.argument_match == "typed" else equal),
            "command_equivalent": None if same is None else float(same),
            "invented_arguments": _invented(case, calls) if calls else 1.0,
        }
    return Score(
        sample_id=case.id,
        repo="",
        cluster=case.cluster,
        system=answer.system,
        values=values,
        findings={},
    )


def _are_valid(calls: Sequence[ToolCall], tools: Sequence[ToolSpec]) -> bool:
    specs = {tool.name: tool for tool in tools}
    return bool(calls) and all(
        each.name in specs and fits_schema(each, specs[each.name]) for each in calls
    )


def _invented(case: ToolSample, calls: Sequence[ToolCall]) -> float:
    shown = " ".join(turn.content for turn in case.turns)
    words = sum(len(canonical(each.arguments).split()) for each in calls)
    invented = invented_values(calls, case.target.tool_calls, case.tools, shown)
    return min(1.0, len(invented) / max(1, words))
