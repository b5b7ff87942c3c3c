"""Cases as what is sent to a model."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import orjson

from diffscribe.commits.plan import plan_schema
from diffscribe.commits.prompt import Prompts, load_plan_prompts, load_prompts
from diffscribe.core.params import LabelRulesParams
from diffscribe.doors.reply import Request, request_key
from diffscribe.eval.cases import Case, prompt_of

SOLVER = 1
"""Raise it with a change of code that asks the same cases otherwise, or reads a
reply otherwise: then old answers are not mixed with new ones."""

PromptName = Literal["own", "teacher", "student"]
PROMPTS: tuple[PromptName, ...] = get_args(PromptName)


class Asking(NamedTuple):
    """How the cases of a run are asked."""

    prompt: PromptName
    """`own` is what the case holds, if it holds one; else, and for the others, plans
    are asked for with those of prompts/teacher or prompts/student."""
    with_schema: bool
    """Whether the server is to hold plans to their JSON Schema."""
    max_prompt_chars: int
    """Of a prompt that is rendered here; hunks are cut to fit."""
    max_tokens: int
    temperature: float
    seed: int
    reasoning_effort: str | None


class Question(NamedTuple):
    """A case and what is sent for it; None if not even its names fit."""

    case: Case
    request: Request | None


def questions(
    cases: Iterable[Case],
    model: str,
    asking: Asking,
    prompts: Path,
    rules: LabelRulesParams,
) -> list[Question]:
    """Return each case with what is sent to a model.

    Args:
        cases: in the order of the answer.
        model: its name at the endpoint.
        asking: how.
        prompts: the folder with `teacher`, `student` and `message` in it.
        rules: what the teacher's prompt tells of the house.

    Raises:
        InputError: if a prompt cannot be read.
    """
    plan = (
        load_prompts(prompts / "student")
        if asking.prompt == "student"
        else load_plan_prompts(prompts / "teacher", rules.max_header_chars, rules.body)
    )
    texts = {"plan": plan, "message": load_prompts(prompts / "message")}
    return [
        Question(case, _request(case, model, asking, texts[case.task]))
        for case in cases
    ]


def requests_digest(asked: Iterable[Question]) -> str:
    """Return the sha256 of all that is sent, whatever the model is called."""
    digest = hashlib.sha256()
    for _, request in asked:
        key = request_key(request._replace(model="")) if request else "too long"
        digest.update(f"{key}\n".encode())
    return digest.hexdigest()


def cases_digest(cases: Iterable[Case]) -> str:
    """Return the sha256 of cases as write_jsonl writes them."""
    digest = hashlib.sha256()
    option = orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
    for case in cases:
        digest.update(orjson.dumps(case.model_dump(mode="json"), option=option))
    return digest.hexdigest()


def digest_of(value: object) -> str:
    """Return the sha256 of what is JSON."""
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _request(case: Case, model: str, asking: Asking, texts: Prompts) -> Request | None:
    is_plan = case.task == "plan"
    schema = plan_schema(case.files) if is_plan and case.files else None
    keeps_own = case.prompt and (asking.prompt == "own" or not is_plan)
    messages = (
        case.prompt if keeps_own else prompt_of(case, texts, asking.max_prompt_chars)
    )
    if not messages:
        return None
    return Request(
        model=model,
        messages=messages,
        schema=schema if asking.with_schema else None,
        max_tokens=asking.max_tokens,
        temperature=asking.temperature,
        seed=asking.seed,
        reasoning_effort=asking.reasoning_effort,
    )
