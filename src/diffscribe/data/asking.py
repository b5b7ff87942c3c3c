"""What becomes of changes, by their history alone or with the models of params."""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from diffscribe.data.label import recorded
from diffscribe.data.label_outcome import Outcome
from diffscribe.errors import ParamsError
from diffscribe.llm.prices import Price
from diffscribe.params import LabelParams, TeacherParams
from diffscribe.records import Change

_ROWS_PER_SLOT = 4
"""So many changes are under way for each open request, so that none idles."""


def outcomes(
    changes: Iterable[Change],
    prompts: Path,
    params: LabelParams,
    show: Callable[[str], object],
) -> Iterator[Outcome]:
    """Yield what becomes of each change, in order.

    Args:
        changes: drawn as they are needed.
        prompts: the folder of the teacher's; not read if no model is asked.
        params: who labels, and how.
        show: told after each change what was asked and what it cost.

    Raises:
        ParamsError: if the key is missing, or a private change would be sent away.
        BudgetError: before the budget is exceeded.
        ToolError: if the endpoint cannot be used.
    """
    if not params.asks:
        return recorded(changes, params)
    return _asked(changes, prompts, params, show)


def _asked(
    changes: Iterable[Change],
    prompts: Path,
    params: LabelParams,
    show: Callable[[str], object],
) -> Iterator[Outcome]:
    from diffscribe.data.label_prompts import load_teacher_prompts
    from diffscribe.data.label_teacher import Labeler
    from diffscribe.llm.budget import Budget
    from diffscribe.llm.endpoint import Endpoint
    from diffscribe.llm.in_order import in_order
    from diffscribe.llm.ledger import Ledger, ledger_path
    from diffscribe.llm.limiter import Limiter
    from diffscribe.llm.teacher import Teacher

    teacher = params.teacher
    texts = load_teacher_prompts(prompts, params.rules)
    endpoint = Endpoint(
        teacher.base_url,
        api_key=_api_key(teacher),
        timeout_s=teacher.timeout_s,
        attempts=teacher.attempts,
        limiter=Limiter(
            teacher.concurrency,
            requests_per_minute=teacher.requests_per_minute,
            tokens_per_minute=teacher.tokens_per_minute,
        ),
    )
    budget = Budget(
        prices(params),
        max_usd=params.budget_usd,
        max_tokens=params.budget_tokens,
    )
    with Ledger(ledger_path()) as ledger:
        asking = Teacher(endpoint, ledger, budget)
        labeler = Labeler(asking.ask, texts, params)

        async def close() -> None:
            await asking.close()
            await endpoint.close()

        window = _ROWS_PER_SLOT * teacher.concurrency
        for outcome in in_order(labeler.label, changes, window, close):
            show(asking.line())
            yield outcome


def prices(params: LabelParams) -> tuple[Price, ...]:
    """Return what params say of prices."""
    return tuple(Price(**each.model_dump()) for each in params.prices)


def row_count(path: Path) -> int:
    """Return how many lines a file has; 0 if it cannot be read."""
    try:
        with path.open("rb") as lines:
            return sum(1 for _ in lines)
    except OSError:
        return 0


def _api_key(teacher: TeacherParams) -> str:
    name = teacher.api_key_variable
    if name is None:
        return "none"
    if not os.environ.get(name):
        raise ParamsError(
            f"the environment has no {name}, which label.teacher.api_key_variable "
            f"names; export {name} and run again"
        )
    return os.environ[name]
