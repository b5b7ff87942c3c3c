"""A labeling that asks a model, as a run in MLflow."""

import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from diffscribe.labels.label import Tally
from diffscribe.llm.prices import Bill
from diffscribe.params import Params
from diffscribe.tracking import TrackedRun, tracked_run

if TYPE_CHECKING:
    from diffscribe.llm.endpoint import Endpoint
    from diffscribe.llm.teacher import Counts


@contextlib.contextmanager
def label_run(params: Params, tally: Tally) -> Iterator[TrackedRun]:
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
