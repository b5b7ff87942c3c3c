"""Give each change a commit plan: from its history, from a teacher, or a blend.

`outcomes` yields what becomes of each change, in order: a label, a failure, or the
reason why its history holds no plan. `label_changes` turns outcomes into rows,
collects failures, and counts everything in a LabelTally.
"""

import contextlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diffscribe.asking.budget import Bill, Budget, Price, Prices
from diffscribe.commits.diff import read_changes
from diffscribe.commits.lesson import LessonReason
from diffscribe.commits.prompt import load_teacher_prompts
from diffscribe.core.errors import ToolError
from diffscribe.core.params import LabelParams, Params, StyleParams
from diffscribe.core.records import Change, Label, LabeledChange, Plan
from diffscribe.core.tracking import Refusals, Statistics, TrackedRun, tracked_run
from diffscribe.label import gate
from diffscribe.label.from_history import (
    DivisionReason,
    LabelReason,
    history_plan,
)
from diffscribe.label.labeler import (
    FAILURES,
    WITHHELD,
    LabelFailure,
    Outcome,
    label_change,
)

if TYPE_CHECKING:
    from diffscribe.asking.ask import Asker
    from diffscribe.asking.batch import BatchAsker

logger = logging.getLogger(__name__)


def outcomes(
    changes: Iterable[Change],
    harvested: Path,
    prompts: Path,
    params: LabelParams,
    style: StyleParams,
    run: TrackedRun,
    show: Callable[[str], None],
) -> Generator[Outcome]:
    """Yield what becomes of each change, in order.

    Args:
        changes: those of `harvested`, drawn as they are needed.
        harvested: read for the changes of the gate, before all others.
        prompts: the folder of the teacher's, read before the first change even if
            no model is asked, so that a bad one is known before rows are written.
        params: who labels, and how.
        style: what messages keep to.
        run: where questions are traced and the figures of asking go.
        show: called after each change with what was asked and what it cost.

    Raises:
        InputError: if a prompt cannot be read, or has an unknown $variable.
        ParamsError: if the key is missing, or a private change would be sent away.
        GateError: if too few labels of the gate's changes were accepted.
        BudgetError: before the budget is exceeded.
        ToolError: if the endpoint cannot be used.
    """
    texts = load_teacher_prompts(prompts, style)
    if not params.asks:
        for change in changes:
            plan = history_plan(change, params, style)
            if isinstance(plan, Plan):
                yield Outcome(change, Label(plan=plan, source="history"), ())
            else:
                yield Outcome(change, plan, ())
        return
    with connected_teacher(params, run) as asker:
        label = partial(label_change, asker.ask, texts, params)

        def labeled(rows: Iterable[Change]) -> Iterator[Outcome]:
            for outcome in asker.in_order(label, rows):
                show(asker.line())
                yield outcome

        if params.gate_threshold and row_count(harvested) > params.gate_rows:
            sample = gate.sampled(harvested, params.gate_rows, Change)
            asker.bring(label, lambda: sample, show)
            labels = [
                labeled_change(change, result)
                for change, result, _ in labeled(sample)
                if isinstance(result, Label)
            ]
            gate.require(labels, params.gate_threshold)
        asker.bring(label, lambda: read_changes(harvested, Change), show)
        yield from labeled(changes)


@contextlib.contextmanager
def connected_teacher(
    params: LabelParams, run: TrackedRun
) -> "Iterator[Asker | BatchAsker]":
    """Give the asker of the teacher until the context ends."""
    from diffscribe.asking.connect import Remote, connected, connected_batches

    teacher = params.teacher
    model = Remote(
        teacher.base_url,
        teacher.model,
        api_key_variable=teacher.api_key_variable,
        timeout_s=teacher.timeout_s,
        concurrency=teacher.concurrency,
        requests_per_minute=teacher.requests_per_minute,
        tokens_per_minute=teacher.tokens_per_minute,
    )
    budget = Budget(
        prices(params), max_usd=params.budget_usd, max_tokens=params.budget_tokens
    )
    if params.mode == "online":
        if params.trace_fraction:
            run.trace_questions()
        with connected(model, budget=budget, run=run) as asker:
            yield asker
    else:
        sends = params.mode == "batch"
        with connected_batches(model, sends=sends, budget=budget, run=run) as batches:
            yield batches


def prices(params: LabelParams) -> Prices:
    """Return the latest price of each model, for the mode that params ask in.

    A model whose discount is not known has no price in a batch.
    """
    ordered = sorted(params.prices, key=lambda each: each.date)
    latest = {each.model: each for each in ordered}
    found = {}
    for model, each in latest.items():
        discount = each.batch_discount if params.mode == "batch" else 0.0
        if discount is not None:
            usd = (each.prompt, each.cached, each.completion)
            found[model] = Price(*(price * (1.0 - discount) for price in usd))
    return found


def row_count(path: Path) -> int:
    """Return the number of lines of a file; 0 if it cannot be read."""
    try:
        with path.open("rb") as lines:
            return sum(1 for _ in lines)
    except OSError:
        return 0


# Rows, failures and counts.

_ENOUGH_TO_JUDGE = 100
"""Changes asked about, after which too many failures end the run early."""
_REASONS_SHOWN = 3


class TooManyFailuresError(ToolError):
    """A teacher labels too few of the changes it is asked about."""


class LabelTally:
    """What became of the changes; filled while they are labeled."""

    def __init__(self, prices: Prices) -> None:
        self.bill = Bill(prices)
        """All answers, those that the ledger held too."""
        self.processed: Counter[str] = Counter()
        self.approved: Counter[str] = Counter()
        self.sources: Counter[str] = Counter()
        self.rejected: Counter[LabelReason] = Counter()
        self.refused = Refusals()
        self.failed: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()

    @property
    def statistics(self) -> Statistics:
        """All changes and those labeled, by repository."""
        return Statistics({"processed": self.processed, "approved": self.approved})

    def count(self, outcome: Outcome) -> None:
        """Add what became of one change."""
        result, repo = outcome.result, outcome.change.repo
        self.processed[repo] += 1
        if isinstance(result, Label):
            self.approved[repo] += 1
            self.sources[result.source] += 1
        elif isinstance(result, LabelFailure):
            self.failed[result.reason] += 1
        else:
            self.rejected[result] += 1
            self.refused.add(repo, result, outcome.change.head)
        was_sent = isinstance(result, LabelFailure) and result.reason not in WITHHELD
        self.asked["changes"] += bool(outcome.spent) or was_sent
        for model, usage, is_reask in outcome.spent:
            self.bill.add(model, usage)
            self.asked["reasks"] += is_reask

    @property
    def unlabeled(self) -> Counter[str]:
        """Return why changes that a model was asked about got no label."""
        return Counter(
            {key: count for key, count in self.failed.items() if key not in WITHHELD}
        )

    def metrics(self) -> dict[str, Any]:
        """Return all counts, zeros included."""
        labeled, usage = self.approved.total(), self.bill.usage
        usd = self.bill.usd
        return {
            "changes": self.processed.total(),
            "labeled": labeled,
            "from_history": self.sources["history"],
            "from_teacher": self.sources["teacher"],
            "rejected": {
                reason.value: self.rejected[reason]
                for reason in (*DivisionReason, *LessonReason)
            },
            "refused": self.refused.table(),
            "failed": {str(reason): self.failed[reason] for reason in FAILURES},
            "asked": {
                "changes": self.asked["changes"],
                "answers": self.bill.answers,
                "reasks": self.asked["reasks"],
            },
            "tokens": usage._asdict(),
            "cost_usd": usd,
            "cost_usd_per_label": usd / labeled
            if labeled and usd is not None
            else None,
            "tokens_per_label": usage.total / labeled if labeled else None,
        }


@contextlib.contextmanager
def label_run(params: Params, tally: LabelTally) -> Iterator[TrackedRun]:
    """Give a run that is told the tally at the end, however that comes.

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
            counts = {**tally.metrics(), "rows_per_s": speed}
            # It names repositories, private ones too, and examples.
            del counts["refused"]
            run.log_metrics(counts)


def label_changes(
    outcomes: Iterable[Outcome],
    max_failure_fraction: float,
    tally: LabelTally,
    failures: list[LabelFailure],
) -> Iterator[LabeledChange]:
    """Yield the changes that got a label, in order; count all, collect failures.

    Raises:
        TooManyFailuresError: at the end, or once they are a trend.
    """
    for outcome in outcomes:
        tally.count(outcome)
        if isinstance(outcome.result, LabelFailure):
            failures.append(outcome.result)
            logger.info("%s: no label", outcome.change.id[:12])
            if tally.asked["changes"] >= _ENOUGH_TO_JUDGE:
                _judge(tally, max_failure_fraction)
        elif isinstance(outcome.result, Label):
            logger.info(
                "%s: labeled from %s", outcome.change.id[:12], outcome.result.source
            )
            yield labeled_change(outcome.change, outcome.result)
    _judge(tally, max_failure_fraction)


def labeled_change(change: Change, label: Label) -> LabeledChange:
    """Return a change with its label."""
    return LabeledChange.model_validate({**dict(change), "label": label})


def _judge(tally: LabelTally, max_failure_fraction: float) -> None:
    failed, asked = tally.unlabeled.total(), tally.asked["changes"]
    if failed <= max_failure_fraction * asked:
        return
    most = tally.unlabeled.most_common(_REASONS_SHOWN)
    reasons = ", ".join(f"{count} {reason}" for reason, count in most)
    raise TooManyFailuresError(
        f"{failed} of {asked} changes got no label ({reasons}), more than "
        "label.max_failure_fraction allows; data/label_failures.jsonl says why of "
        "each; mend the prompt, the model or the limits and run again: no answer is "
        "paid for twice"
    )
