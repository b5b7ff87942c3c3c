"""Estimate what labeling would ask of a teacher, and cost, before anything is sent.

The label stage runs on the ledger alone. A question that the ledger does not know is
counted, and an answer is supposed that leads to all questions that may follow.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
from tabulate import tabulate

from diffscribe.asking.ask import in_order
from diffscribe.asking.batch import SOMEBODY
from diffscribe.asking.budget import NOTHING, Bill, dollars, is_counted
from diffscribe.asking.ledger import Ledger
from diffscribe.asking.upkeep import Totals
from diffscribe.commits.prompt import TeacherPrompts
from diffscribe.core.params import LabelParams, StyleParams, TeacherParams
from diffscribe.core.records import Change, Plan, PlannedCommit
from diffscribe.doors.endpoint import host_of, prepare
from diffscribe.doors.failure import AnswerError
from diffscribe.doors.reply import Answer, Question, TokenUsage, question_key
from diffscribe.label.from_history import LabelReason, history_plan
from diffscribe.label.label import prices
from diffscribe.label.labeler import label_change
from diffscribe.label.questions import Rating

CHARS_PER_TOKEN = 3.1
"""Measured on prompts that are mostly diff; for a model without counted answers."""

_POOR = orjson.dumps(dict.fromkeys(Rating.model_fields, 0)).decode()
_SUBJECT = "add a test"


class LabelEstimate(NamedTuple):
    """Questions to one teacher; re-asks are included where their share is known."""

    model: str
    rows: int
    """Changes with a question that the ledger does not answer."""
    known: int
    """Answers from the ledger."""
    requests: int
    usage: TokenUsage
    usd: float | None
    """None if a model that is asked has no price."""
    time_s: float | None
    """None if neither an answer's time nor a limit is known."""
    basis: tuple[str, ...]
    """A line for each model with what was measured and what is supposed."""


def teachers(params: LabelParams) -> list[LabelParams]:
    """Return the params once for each model of the price table, their own model first.

    Params that ask no model are taken to ask for all plans.
    """
    asking = params if params.asks else params.model_copy(update={"source": "teacher"})
    models = dict.fromkeys(
        [params.teacher.model, *(each.model for each in params.prices)]
    )
    return [
        asking.model_copy(
            update={"teacher": params.teacher.model_copy(update={"model": model})}
        )
        for model in models
    ]


def estimate_labeling(
    changes: Iterable[Change],
    texts: TeacherPrompts,
    params: LabelParams,
    ledger: Ledger,
    totals: Iterable[Totals],
) -> LabelEstimate:
    """Return what labeling these changes would take; nothing is sent.

    Every unknown rating is supposed to be poor, so `blend` never costs more than its
    estimate.

    Raises:
        ParamsError: if a private change would be sent away.
    """
    rehearsal = _Rehearsal(texts, params, ledger)
    rows = sum(in_order(rehearsal.wants, changes, window=1))
    counted = {each.model: each for each in totals if each.counted}
    expected = [
        _expected(model, asked, counted.get(model))
        for model, asked in sorted(rehearsal.asked.items())
        if asked.wanted
    ]
    bill = Bill(prices(params))
    for each in expected:
        bill.add(each.model, each.usage)
    return LabelEstimate(
        model=params.teacher.model,
        rows=rows,
        known=sum(each.firsts + each.reasks for each in rehearsal.asked.values()),
        requests=sum(each.requests for each in expected),
        usage=bill.usage,
        usd=bill.usd,
        time_s=_time_s(expected, params.teacher) if params.mode == "online" else None,
        basis=tuple(each.basis for each in expected),
    )


def estimate_table(estimates: Sequence[LabelEstimate]) -> str:
    """Return the estimates as a table, with their bases below it."""
    rows = [
        {
            "teacher": each.model,
            "rows": each.rows,
            "known": each.known,
            "requests": each.requests,
            "prompt tokens": each.usage.prompt_tokens,
            "completion tokens": each.usage.completion_tokens,
            "cost": "-" if each.usd is None else dollars(each.usd),
            "time": "-" if each.time_s is None else duration(each.time_s),
        }
        for each in estimates
    ]
    alignment = ("left", *["right"] * 7)
    text = tabulate(rows, headers="keys", intfmt=",", colalign=alignment)
    notes = dict.fromkeys(line for each in estimates for line in each.basis)
    return "\n".join([text, *notes])


def duration(seconds: float) -> str:
    """Return `45 s`, `12 min` or `3.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


@dataclass
class _Asked:
    """The questions to one model: answers that are known, and those that are wanted."""

    firsts: int = 0
    reasks: int = 0
    counted_chars: int = 0
    """Characters of the known prompts whose tokens were counted."""
    counted_tokens: int = 0
    wanted: int = 0
    prompt_chars: int = 0
    answer_chars: int = 0


class _Rehearsal:
    """Runs the stage on the ledger alone, and counts what is missing."""

    def __init__(
        self, texts: TeacherPrompts, params: LabelParams, ledger: Ledger
    ) -> None:
        self.asked: defaultdict[str, _Asked] = defaultdict(_Asked)
        """Counts by model."""
        self._texts, self._params = texts, params
        is_sent = params.mode != "batch_files"
        self._host = host_of(params.teacher.base_url) if is_sent else SOMEBODY
        self._ledger = ledger
        self._plan_chars = 0
        self._wanted: set[str] = set()

    async def wants(self, change: Change) -> bool:
        """Tell whether the ledger lacks an answer about a change."""
        before = len(self._wanted)
        self._plan_chars = _plan_chars(change, self._params, self._texts.style)
        await label_change(self._ask, self._texts, self._params, change)
        return len(self._wanted) > before

    async def _ask(self, asked: Question) -> Answer:
        sent = prepare(asked, self._host)
        request = sent.question
        counts = self.asked[request.model]
        chars = sum(len(message.content) for message in request.messages)
        key = question_key(request)
        answer = self._ledger.get(key)
        if answer is None:
            if key not in self._wanted:
                self._wanted.add(key)
                # A plan is supposed to be as long as the history's.
                is_rating = set(Rating.model_fields) == _properties(request).keys()
                counts.wanted += 1
                counts.prompt_chars += chars
                counts.answer_chars += len(_POOR) if is_rating else self._plan_chars
            return _supposed(request)
        is_reask = any(message.role == "assistant" for message in request.messages)
        counts.reasks += is_reask
        counts.firsts += not is_reask
        if is_counted(answer.usage):
            counts.counted_chars += chars
            counts.counted_tokens += answer.usage.prompt_tokens
        return answer._replace(key=key, replaced=sent.replaced)


def _supposed(request: Question) -> Answer:
    """Return an answer that counts, and leads to all questions that may follow.

    Raises:
        AnswerError: in place of a plan, which no further question follows.
    """
    properties = _properties(request)
    if "commits" in properties:
        raise AnswerError("a plan is not needed to know what is asked")
    text = _POOR
    if "messages" in properties:
        subjects = [{"subject": _SUBJECT}] * properties["messages"]["minItems"]
        text = orjson.dumps({"messages": subjects}).decode()
    return Answer(text, NOTHING, 0.0, "stop")


def _properties(request: Question) -> Mapping[str, Any]:
    found: Mapping[str, Any] = (request.schema or {})["properties"]
    return found


def _plan_chars(change: Change, params: LabelParams, style: StyleParams) -> int:
    """Return the length of the history's plan as JSON, or one like it."""
    plan = history_plan(change, params, style)
    if isinstance(plan, LabelReason):
        subjects = (each.message.partition("\n")[0] for each in change.commits)
        commits = (
            PlannedCommit(files=each.files, type="chore", subject=subject)
            for each, subject in zip(change.commits, subjects, strict=True)
        )
        plan = Plan(commits=tuple(commits))
    return len(plan.model_dump_json())


class _Expected(NamedTuple):
    model: str
    requests: int
    usage: TokenUsage
    latency_s: float | None
    basis: str


def _expected(model: str, asked: _Asked, known: Totals | None) -> _Expected:
    """Return what a model will be asked, by its known answers where it has any."""
    share = asked.reasks / asked.firsts if asked.firsts else 0.0
    chars_per_token = CHARS_PER_TOKEN
    if asked.counted_tokens:
        chars_per_token = asked.counted_chars / asked.counted_tokens
    requests = asked.wanted * (1 + share)
    prompt = asked.prompt_chars / chars_per_token * (1 + share)
    answer = asked.answer_chars / chars_per_token * (1 + share)
    reasks, answers = "no re-asks, supposed", "answers as long as the history's plans"
    answers += ", without thoughts, supposed"
    if asked.firsts:
        reasks = f"{share:.2f} re-asks, as in {asked.firsts} known answers here"
    if known:
        mean = known.mean_completion_tokens
        answer = requests * mean
        answers = f"{mean:.0f} tokens an answer, as in {known.counted} of the ledger"
    latency_s = known.mean_latency_s if known else None
    return _Expected(
        model,
        round(requests),
        TokenUsage(round(prompt), 0, round(answer), 0),
        latency_s,
        f"{model}: {chars_per_token:.2f} characters a token and {reasks}; {answers}"
        + (f"; {latency_s:.2f} s each" if latency_s else ""),
    )


def _time_s(expected: Sequence[_Expected], teacher: TeacherParams) -> float | None:
    """Return the time of the answers, or that of the rate limits if it is longer."""
    requests = sum(each.requests for each in expected)
    tokens = sum(each.usage.total for each in expected)
    needed = []
    if teacher.requests_per_minute:
        needed.append(60 * requests / teacher.requests_per_minute)
    if teacher.tokens_per_minute:
        needed.append(60 * tokens / teacher.tokens_per_minute)
    times = [each.requests * each.latency_s for each in expected if each.latency_s]
    if len(times) == len(expected):
        needed.append(sum(times) / teacher.concurrency)
    return max(needed, default=None)
