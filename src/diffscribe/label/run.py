"""How the teacher of params is reached: one by one, or in batches."""

import contextlib
import time
from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from diffscribe.asking.budget import Bill, Price
from diffscribe.core.files import read_jsonl
from diffscribe.core.params import LabelParams, Params, PriceParams, TeacherParams
from diffscribe.core.records import Change, Label
from diffscribe.core.tracking import TrackedRun, tracked_run
from diffscribe.doors.endpoint import api_key_from
from diffscribe.doors.reply import Answer, Request
from diffscribe.label.label import LabelTally, labeled_change, recorded
from diffscribe.label.labeler import Outcome

if TYPE_CHECKING:
    from diffscribe.asking.ask import Counts
    from diffscribe.asking.budget import Budget
    from diffscribe.doors.endpoint import Endpoint
    from diffscribe.label.labeler import Labeler


@contextlib.contextmanager
def label_run(params: Params, tally: LabelTally) -> Iterator[TrackedRun]:
    """Give a run, which is told of all in the tally at the end, however that comes.

    Where no model is asked there is no run, and nothing is kept.
    """
    if not params.label.asks:
        yield TrackedRun()
        return
    started = time.monotonic()
    with tracked_run("label", params) as run:
        try:
            yield run
        finally:
            rows = tally.processed.total()
            speed = rows / (time.monotonic() - started)
            run.log_metrics({**tally.metrics(), "rows_per_s": speed})


def figures(
    counts: "Counts", bill: Bill, seconds: float, endpoint: "Endpoint | None"
) -> dict[str, Any]:
    """Return what asking took, as metrics.

    Args:
        counts: where the answers came from.
        bill: of those that were newly asked for.
        seconds: from the first question to the last answer.
        endpoint: None if the answers came by batches.
    """
    usage = bill.usage
    tokens = usage.prompt_tokens + usage.completion_tokens
    asked: dict[str, Any] = {
        **counts._asdict(),
        "tokens": tokens,
        "tokens_per_s": tokens / seconds,
        "usd": bill.usd,
    }
    if endpoint:
        questions = counts.asked + counts.failed
        asked["retries"] = max(0, endpoint.requests_sent - questions)
        asked["faults"] = dict(endpoint.faults)
    return {"asking": asked}


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
        from diffscribe.asking.ask import in_order
        from diffscribe.asking.batch import PendingError

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
    from diffscribe.asking.ask import Teacher
    from diffscribe.asking.batch import BatchService, BatchTeacher
    from diffscribe.asking.batch_files import batch_folder
    from diffscribe.asking.ledger import Ledger, ledger_path

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
    from diffscribe.doors.endpoint import Endpoint, Limiter

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
    from diffscribe.asking.budget import Budget

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


def outcomes(
    changes: Iterable[Change],
    harvested: Path,
    prompts: Path,
    params: LabelParams,
    run: TrackedRun,
    show: Callable[[str], None],
) -> Generator[Outcome]:
    """Yield what becomes of each change, in order.

    Args:
        changes: those of `harvested`, drawn as they are needed.
        harvested: where the changes of the gate are read from before all others.
        prompts: the folder of the teacher's; not read if no model is asked.
        params: who labels, and how.
        run: where it is traced, and told what asking took.
        show: told after each change what was asked and what it cost.

    Raises:
        ParamsError: if the key is missing, or a private change would be sent away.
        GateError: if too few labels of the gate's changes were accepted.
        BudgetError: before the budget is exceeded.
        ToolError: if the endpoint cannot be used.
    """
    if not params.asks:
        return recorded(changes, params)
    return _asked(changes, harvested, prompts, params, run, show)


def _asked(
    changes: Iterable[Change],
    harvested: Path,
    prompts: Path,
    params: LabelParams,
    run: TrackedRun,
    show: Callable[[str], None],
) -> Generator[Outcome]:
    from diffscribe.asking.ask import in_order
    from diffscribe.commits.prompt import load_teacher_prompts
    from diffscribe.label.labeler import Labeler

    texts = load_teacher_prompts(prompts, params.rules)
    window = ROWS_PER_SLOT * params.teacher.concurrency
    with connected(params, run) as connection:
        labeler = Labeler(connection.ask, texts, params)

        def labeled(rows: Iterable[Change]) -> Iterator[Outcome]:
            for outcome in in_order(labeler.label, rows, window, connection.close):
                show(connection.line())
                yield outcome

        if params.require_gate and row_count(harvested) > params.gate_rows:
            sample = _gate_sample(harvested, params.gate_rows)
            connection.bring(labeler, lambda: sample, show)
            _pass_gate(labeled(sample), params)
        connection.bring(labeler, lambda: read_jsonl(harvested, Change), show)
        yield from labeled(changes)


def _gate_sample(harvested: Path, rows: int) -> list[Change]:
    from diffscribe.label.gate import drawn

    ids = drawn(read_jsonl(harvested, Change), rows)
    return [each for each in read_jsonl(harvested, Change) if each.id in ids]


def _pass_gate(sample: Iterable[Outcome], params: LabelParams) -> None:
    from diffscribe.label.gate import require

    labels = [
        labeled_change(each.change, each.result)
        for each in sample
        if isinstance(each.result, Label)
    ]
    require(labels, params.gate_threshold)


def row_count(path: Path) -> int:
    """Return how many lines a file has; 0 if it cannot be read."""
    try:
        with path.open("rb") as lines:
            return sum(1 for _ in lines)
    except OSError:
        return 0
