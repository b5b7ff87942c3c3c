"""Turn what became of changes into rows, failures and counts."""

import contextlib
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from diffscribe.asking.budget import Bill, Price
from diffscribe.core.errors import StorageError, ToolError
from diffscribe.core.files import whole_file
from diffscribe.core.params import LabelParams
from diffscribe.core.records import Change, Label, LabeledChange
from diffscribe.core.tracking import Statistics
from diffscribe.label.from_history import LabelReason, history_plan
from diffscribe.label.labeler import FAILURES, LabelFailure, Outcome, Withheld

_ENOUGH_TO_JUDGE = 100
"""So many changes asked about tell whether the failures are a trend."""
_REASONS_SHOWN = 3


class TooManyFailuresError(ToolError):
    """A teacher labels too few of the changes it is asked about."""


class LabelTally:
    """What became of the changes; filled while they are labeled."""

    def __init__(self, prices: Sequence[Price] = ()) -> None:
        self.bill = Bill(prices)
        """All answers, those that the ledger held too."""
        self.processed: Counter[str] = Counter()
        self.approved: Counter[str] = Counter()
        self.sources: Counter[str] = Counter()
        self.rejected: Counter[LabelReason] = Counter()
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
        sent = isinstance(result, LabelFailure) and result.reason not in [*Withheld]
        self.asked["changes"] += bool(outcome.spent) or sent
        for model, usage, is_reask in outcome.spent:
            self.bill.add(model, usage)
            self.asked["reasks"] += is_reask

    @property
    def unlabeled(self) -> Counter[str]:
        """Return why changes that a model was asked about got no label."""
        withheld = set(map(str, Withheld))
        counts = {key: n for key, n in self.failed.items() if key not in withheld}
        return Counter(counts)

    def metrics(self) -> dict[str, Any]:
        """Return all counts, zeros included."""
        labeled, usage = self.approved.total(), self.bill.usage
        tokens = usage.prompt_tokens + usage.completion_tokens
        usd = self.bill.usd
        return {
            "changes": self.processed.total(),
            "labeled": labeled,
            "from_history": self.sources["history"],
            "from_teacher": self.sources["teacher"],
            "rejected": {reason.value: self.rejected[reason] for reason in LabelReason},
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
            "tokens_per_label": tokens / labeled if labeled else None,
        }


def recorded(changes: Iterable[Change], params: LabelParams) -> Generator[Outcome]:
    """Yield what becomes of each change by its own history, in order."""
    for change in changes:
        plan = history_plan(change, params)
        if isinstance(plan, LabelReason):
            yield Outcome(change, plan, ())
            continue
        label = Label(
            plan=plan,
            source="history",
            teacher=None,
            prompt_sha256=None,
            usage=None,
            ratings={},
        )
        yield Outcome(change, label, ())


def label_changes(
    outcomes: Iterable[Outcome],
    max_failure_fraction: float,
    tally: LabelTally,
    on_failure: Callable[[LabelFailure], object],
) -> Iterator[LabeledChange]:
    """Yield the changes that got a label, in order; count all, hand on failures.

    Raises:
        TooManyFailuresError: at the end, or once they are a trend.
    """
    for change, result, spent in outcomes:
        tally.count(Outcome(change, result, spent))
        if isinstance(result, LabelFailure):
            on_failure(result)
            if tally.asked["changes"] >= _ENOUGH_TO_JUDGE:
                _judge(tally, max_failure_fraction)
        elif isinstance(result, Label):
            yield labeled_change(change, result)
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


_FORMAT = orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE


@contextlib.contextmanager
def failures_file(path: Path) -> Iterator[Callable[[LabelFailure], object]]:
    """Give a function that writes failures to a file, which appears when whole.

    It also appears if there are too many of them, since it says why.
    """
    too_many: TooManyFailuresError | None = None
    told: StorageError | None = None
    try:
        with whole_file(path) as partial, partial.open("wb") as lines:
            try:
                yield lambda failure: lines.write(
                    orjson.dumps(failure.model_dump(mode="json"), option=_FORMAT)
                )
            except TooManyFailuresError as error:
                too_many = error
            except StorageError as error:
                told = error
                raise
    except StorageError as error:
        # The file that is written meanwhile has said itself what is wrong.
        raise told or error from None
    if too_many is not None:
        raise too_many
