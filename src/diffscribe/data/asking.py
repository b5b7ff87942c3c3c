"""What becomes of changes, by their history alone or with the models of params."""

import contextlib
import os
from collections.abc import Awaitable, Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from diffscribe.data.label import labeled_change, recorded
from diffscribe.data.label_outcome import Outcome
from diffscribe.errors import ParamsError
from diffscribe.jsonl import read_jsonl
from diffscribe.llm.prices import Price
from diffscribe.llm.request import Answer, Request
from diffscribe.params import LabelParams, TeacherParams
from diffscribe.records import Change, Label

if TYPE_CHECKING:
    from diffscribe.data.label_teacher import Labeler
    from diffscribe.llm.budget import Budget
    from diffscribe.llm.endpoint import Endpoint

_ROWS_PER_SLOT = 4
"""So many changes are under way for each open request, so that none idles."""


def outcomes(
    changes: Iterable[Change],
    harvested: Path,
    prompts: Path,
    params: LabelParams,
    show: Callable[[str], None],
) -> Iterator[Outcome]:
    """Yield what becomes of each change, in order.

    Args:
        changes: those of `harvested`, drawn as they are needed.
        harvested: where the changes of the gate are read from before all others.
        prompts: the folder of the teacher's; not read if no model is asked.
        params: who labels, and how.
        show: told after each change what was asked and what it cost.

    Raises:
        ParamsError: if the key is missing, or a private change would be sent away.
        GateError: if too few labels of the gate's changes were accepted.
        BudgetError: before the budget is exceeded.
        ToolError: if the endpoint cannot be used.
    """
    if not params.asks:
        return recorded(changes, params)
    return _asked(changes, harvested, prompts, params, show)


def _asked(
    changes: Iterable[Change],
    harvested: Path,
    prompts: Path,
    params: LabelParams,
    show: Callable[[str], None],
) -> Iterator[Outcome]:
    from diffscribe.data.label_prompts import load_teacher_prompts
    from diffscribe.data.label_teacher import Labeler
    from diffscribe.llm.in_order import in_order

    texts = load_teacher_prompts(prompts, params.rules)
    window = _ROWS_PER_SLOT * params.teacher.concurrency
    with _door(params) as door:
        labeler = Labeler(door.ask, texts, params)

        def labeled(rows: Iterable[Change]) -> Iterator[Outcome]:
            for outcome in in_order(labeler.label, rows, window, door.close):
                show(door.line())
                yield outcome

        if params.require_gate and row_count(harvested) > params.gate_rows:
            sample = _gate_sample(harvested, params.gate_rows)
            door.bring(labeler, lambda: sample, show)
            _pass_gate(labeled(sample), params)
        door.bring(labeler, lambda: read_jsonl(harvested, Change), show)
        yield from labeled(changes)


class _Door(NamedTuple):
    """Where answers come from."""

    ask: Callable[[Request], Awaitable[Answer]]
    line: Callable[[], str]
    """Tells what was asked and what it cost."""
    close: Callable[[], Awaitable[None]] | None
    """For the event loop that asked, at its end."""
    run: Callable[[Callable[[str], None]], bool] | None
    """Brings the answers that are pending, if not each is waited for."""

    def bring(
        self,
        labeler: "Labeler",
        read: Callable[[], Iterable[Change]],
        show: Callable[[str], None],
    ) -> None:
        """Have all answers there that these changes need.

        An answer decides what is asked next, so the changes are gone over until
        nothing more is wanted.
        """
        if self.run is None:
            return
        from diffscribe.llm.batch import PendingError
        from diffscribe.llm.in_order import in_order

        async def want(change: Change) -> None:
            with contextlib.suppress(PendingError):
                await labeler.label(change)

        wanting = True
        while wanting:
            for _ in in_order(want, read(), _ROWS_PER_SLOT):
                """Its answers are there, or written down."""
            wanting = self.run(show)


@contextlib.contextmanager
def _door(params: LabelParams) -> Iterator[_Door]:
    from diffscribe.llm.batch import BatchTeacher, batch_folder
    from diffscribe.llm.batch_service import BatchService
    from diffscribe.llm.ledger import Ledger, ledger_path
    from diffscribe.llm.teacher import Teacher

    teacher, budget = params.teacher, _budget(params)
    with contextlib.ExitStack() as opened:
        ledger = opened.enter_context(Ledger(ledger_path()))
        if params.mode == "online":
            endpoint = _endpoint(teacher)
            online = Teacher(endpoint, ledger, budget)

            async def close() -> None:
                await online.close()
                await endpoint.close()

            yield _Door(online.ask, online.line, close, None)
            return
        service = None
        if params.mode == "batch":
            service = BatchService(
                teacher.base_url,
                api_key=_api_key(teacher),
                timeout_s=teacher.timeout_s,
                attempts=teacher.attempts,
            )
            opened.callback(service.close)
        folder = batch_folder(teacher.base_url if service else None)
        batch = opened.enter_context(BatchTeacher(ledger, budget, folder, service))
        yield _Door(batch.ask, batch.line, None, batch.run)


def _gate_sample(harvested: Path, rows: int) -> list[Change]:
    from diffscribe.gate.sample import drawn

    ids = drawn(read_jsonl(harvested, Change), rows)
    return [each for each in read_jsonl(harvested, Change) if each.id in ids]


def _pass_gate(sample: Iterable[Outcome], params: LabelParams) -> None:
    from diffscribe.gate.acceptance import require

    labels = [
        labeled_change(each.change, each.result)
        for each in sample
        if isinstance(each.result, Label)
    ]
    require(labels, params.gate_threshold)


def _endpoint(teacher: TeacherParams) -> "Endpoint":
    from diffscribe.llm.endpoint import Endpoint
    from diffscribe.llm.limiter import Limiter

    return Endpoint(
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


def _budget(params: LabelParams) -> "Budget":
    from diffscribe.llm.budget import Budget

    return Budget(
        prices(params), max_usd=params.budget_usd, max_tokens=params.budget_tokens
    )


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
