"""One system's answers to cases."""

import time
from collections.abc import Iterable, Iterator

from diffscribe.commits.plan import PlanError, parse_plan, plan_schema
from diffscribe.evaluation.cases import Case
from diffscribe.evaluation.prompts import TOO_LONG
from diffscribe.llm.client import Client
from diffscribe.llm.failures import AnswerError
from diffscribe.llm.request import Answer
from diffscribe.records import Plan, Prediction


def solve(
    client: Client, system: str, cases: Iterable[Case], max_tokens: int, seed: int
) -> Iterator[Prediction]:
    """Yield one prediction a case, in order.

    A request that fails, such as one that does not fit the context, an answer
    that holds no plan, and a case without a prompt are predictions without a
    plan, and say why.

    Raises:
        ToolError: if the endpoint cannot be used at all.
    """
    for case in cases:
        if not case.prompt:
            yield _without_answer(case, system, TOO_LONG, latency_s=0.0)
            continue
        schema = plan_schema(case.files)
        started = time.perf_counter()
        try:
            answer = client.complete(
                case.prompt, schema, max_tokens=max_tokens, seed=seed
            )
        except AnswerError as error:
            waited_s = time.perf_counter() - started
            yield _without_answer(case, system, str(error), waited_s)
        else:
            yield _with_answer(case, system, answer)


def _without_answer(
    case: Case, system: str, error: str, latency_s: float
) -> Prediction:
    return Prediction(
        sample_id=case.id,
        system=system,
        text="",
        plan=None,
        error=error,
        latency_s=latency_s,
        prompt_tokens=0,
        completion_tokens=0,
    )


def _with_answer(case: Case, system: str, answer: Answer) -> Prediction:
    plan, error = _plan_or_error(answer)
    return Prediction(
        sample_id=case.id,
        system=system,
        text=answer.text,
        plan=plan,
        error=error,
        latency_s=answer.latency_s,
        prompt_tokens=answer.usage.prompt_tokens,
        completion_tokens=answer.usage.completion_tokens,
    )


def _plan_or_error(answer: Answer) -> tuple[Plan | None, str | None]:
    try:
        return parse_plan(answer.text), None
    except PlanError as error:
        if answer.finish_reason == "length":
            tokens = answer.usage.completion_tokens
            return None, f"cut off after {tokens} tokens: {error}"
        return None, str(error)
