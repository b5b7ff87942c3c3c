"""How the teacher of params is reached: one by one, or in batches."""

import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, NamedTuple

from diffscribe.labels.label_run import figures
from diffscribe.llm.api_key import api_key_from
from diffscribe.llm.prices import Price
from diffscribe.llm.request import Answer, Request
from diffscribe.params import LabelParams, PriceParams, TeacherParams
from diffscribe.records import Change
from diffscribe.tracking import TrackedRun

if TYPE_CHECKING:
    from diffscribe.labels.labeler import Labeler
    from diffscribe.llm.budget import Budget
    from diffscribe.llm.endpoint import Endpoint
    from diffscribe.llm.teacher import Counts

ROWS_PER_SLOT = 4
"""So many changes are under way for each open request, so that none idles."""


class Connection(NamedTuple):
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
        from diffscribe.llm.batch.teacher import PendingError
        from diffscribe.llm.in_order import in_order

        async def want(change: Change) -> None:
            with contextlib.suppress(PendingError):
                await labeler.label(change)

        wanting = True
        while wanting:
            for _ in in_order(want, read(), ROWS_PER_SLOT):
                """Its answers are there, or written down."""
            wanting = self.run(show)


@contextlib.contextmanager
def connected(params: LabelParams, run: TrackedRun) -> Iterator[Connection]:
    """Give a way to the teacher, open until the context ends.

    Args:
        params: who is asked, and how.
        run: where questions are traced, and told at the end what asking took.

    Raises:
        ParamsError: if its key is not in the environment.
        ToolError: if another process works on the same batches.
    """
    from diffscribe.llm.batch.folder import batch_folder
    from diffscribe.llm.batch.service import BatchService
    from diffscribe.llm.batch.teacher import BatchTeacher
    from diffscribe.llm.ledger.answers import Ledger, ledger_path
    from diffscribe.llm.teacher import Teacher

    teacher, budget = params.teacher, _budget(params)
    started = time.monotonic()

    def tell(counts: "Counts", endpoint: "Endpoint | None") -> None:
        seconds = time.monotonic() - started
        run.log_metrics(figures(counts, budget.bill, seconds, endpoint))

    with contextlib.ExitStack() as opened:
        ledger = opened.enter_context(Ledger(ledger_path()))
        if params.mode == "online":
            endpoint = _endpoint(params, run)
            online = Teacher(endpoint, ledger, budget)
            opened.callback(lambda: tell(online.counts, endpoint))

            async def close() -> None:
                await online.close()
                await endpoint.close()

            yield Connection(online.ask, online.line, close, None)
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
        opened.callback(lambda: tell(batch.counts, None))
        yield Connection(batch.ask, batch.line, None, batch.run)


def _endpoint(params: LabelParams, run: TrackedRun) -> "Endpoint":
    from diffscribe.llm.endpoint import Endpoint
    from diffscribe.llm.limiter import Limiter

    teacher = params.teacher
    api_key = _api_key(teacher)
    if params.trace_fraction:
        run.trace_questions()

    def tracing(request: Request) -> AbstractContextManager[bool]:
        return run.traced(request.about) if request.traced else nullcontext(False)

    return Endpoint(
        teacher.base_url,
        api_key=api_key,
        timeout_s=teacher.timeout_s,
        attempts=teacher.attempts,
        limiter=Limiter(
            teacher.concurrency,
            requests_per_minute=teacher.requests_per_minute,
            tokens_per_minute=teacher.tokens_per_minute,
        ),
        tracing=tracing,
    )


def _budget(params: LabelParams) -> "Budget":
    from diffscribe.llm.budget import Budget

    return Budget(
        prices(params), max_usd=params.budget_usd, max_tokens=params.budget_tokens
    )


def prices(params: LabelParams) -> tuple[Price, ...]:
    """Return what params say of prices, for the mode that they ask in.

    A model whose discount is not known has no price in a batch.
    """
    if params.mode != "batch":
        return tuple(_price(each, 1.0) for each in params.prices)
    latest = {
        each.model: each for each in sorted(params.prices, key=lambda each: each.date)
    }
    return tuple(
        _price(each, 1.0 - each.batch_discount)
        for each in latest.values()
        if each.batch_discount is not None
    )


def _price(price: PriceParams, share: float) -> Price:
    return Price(
        model=price.model,
        date=price.date,
        prompt=share * price.prompt,
        cached=share * price.cached,
        completion=share * price.completion,
    )


def _api_key(teacher: TeacherParams) -> str:
    return api_key_from(teacher.api_key_variable, "label.teacher.api_key_variable")
