"""What a model is asked about two plans, in both orders, and what comes of it."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Any

from diffscribe.diffs.render import VARIABLES, Prompts, read_prompt, render_prompt
from diffscribe.evaluation.votes import OVERALL, Axis, Choice
from diffscribe.labels.answers import read_record
from diffscribe.llm.request import Request
from diffscribe.params import TeacherParams
from diffscribe.records import Change, Record

_CONTEXT_LINES = 3
_MAX_PLAN_CHARS = 6000
"""Of an answer that is no plan, and so may be of any length."""


class _Said(StrEnum):
    A = "A"
    B = "B"
    TIE = "tie"


class Verdict(Record):
    """One answer of a judge."""

    overall: _Said
    accuracy: _Said
    specificity: _Said
    brevity: _Said
    type: _Said


def load_judge_prompts(folder: Path) -> Prompts:
    """Read the judge's prompts of a folder.

    Raises:
        InputError: if one cannot be read, or has an unknown $variable.
    """
    return Prompts(
        read_prompt(folder / "system.md", ()),
        read_prompt(folder / "user.md", VARIABLES | {"a", "b", "schema"}),
    )


def judge_request(
    change: Change, a: str, b: str, prompts: Prompts, model: str, teacher: TeacherParams
) -> Request | None:
    """Return the question, or None if not even the names of the files fit.

    Args:
        change: as it may be sent.
        a: the first plan, as its JSON.
        b: the second.
        prompts: the judge's.
        model: its name at the endpoint.
        teacher: how the endpoint is asked.
    """
    schema = verdict_schema()
    shown = {"a": _cut(a), "b": _cut(b), "schema": json.dumps(schema)}
    rendered = render_prompt(
        change, prompts, teacher.max_prompt_chars, _CONTEXT_LINES, len, shown
    )
    if rendered is None:
        return None
    return Request(
        model=model,
        messages=rendered.messages,
        schema=schema,
        max_tokens=teacher.max_answer_tokens,
        temperature=0.0,
        seed=teacher.seed,
        reasoning_effort=teacher.reasoning_effort,
        about=change.repo,
    )


def verdict_schema() -> dict[str, Any]:
    """Return the JSON Schema of a verdict."""
    names = list(Verdict.model_fields)
    said = {"type": "string", "enum": [*_Said]}
    return {
        "type": "object",
        "properties": dict.fromkeys(names, said),
        "required": names,
        "additionalProperties": False,
    }


def parse_verdict(text: str) -> Verdict:
    """Read the first JSON object of an answer.

    Raises:
        FlawError: if it is no verdict.
    """
    return read_record(text, Verdict, verdict_schema())


def agreed(straight: Verdict, turned: Verdict) -> dict[str, Choice]:
    """Return what two verdicts say together, by OVERALL and the axes.

    Args:
        straight: with the first answer as A.
        turned: with the second as A. Where the two do not prefer the same answer,
            it is a tie: what hangs on the order is no preference.
    """
    first = {_Said.A: Choice.FIRST, _Said.B: Choice.SECOND, _Said.TIE: Choice.TIE}
    second = {_Said.A: Choice.SECOND, _Said.B: Choice.FIRST, _Said.TIE: Choice.TIE}
    choices = {}
    for name in (OVERALL, *Axis):
        one, other = first[getattr(straight, name)], second[getattr(turned, name)]
        choices[name] = one if one == other else Choice.TIE
    return choices


def is_stable(straight: Verdict, turned: Verdict) -> bool:
    """Tell whether the overall verdict survived the other order."""
    turned_over = {_Said.A: _Said.B, _Said.B: _Said.A, _Said.TIE: _Said.TIE}
    return straight.overall == turned_over[turned.overall]


def _cut(plan: str) -> str:
    more = len(plan) - _MAX_PLAN_CHARS
    return plan[:_MAX_PLAN_CHARS] + (f" ({more} more characters)" if more > 0 else "")
