"""Estimate what labeling would ask of a teacher, and cost, before anything is sent.

The label stage runs on the ledger alone. A question that the ledger does not know is
counted, and an answer is supposed that leads to all questions that may follow.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from tabulate import tabulate

from diffscribe.asking.ask import in_order
from diffscribe.asking.batch import SOMEBODY
from diffscribe.asking.budget import NOTHING, Bill, dollars, is_counted
from diffscribe.asking.ledger import Ledger
from diffscribe.asking.upkeep import Totals
from diffscribe.commits.prompt import TeacherPrompts
from diffscribe.core.params import LabelParams, TeacherParams
from diffscribe.core.records import Change
from diffscribe.doors.endpoint import host_of, prepare
from diffscribe.doors.reply import (
    Answer,
    AnswerError,
    Question,
    TokenUsage,
    question_key,
)
from diffscribe.label.from_history import LabelReason, history_plan
from diffscribe.label.label import prices
from diffscribe.label.labeler import Labeler
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
    """For each model, a line with what was measured and what is supposed."""


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


def estimate(
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
    models = sorted({model for model, what in rehearsal.counts if what == "wanted"})
    counted = {each.model: each for each in totals if each.counted}
    expected = [
        _expected(model, rehearsal.counts, counted.get(model)) for model in models
    ]
    bill = Bill(prices(params))
    for each in expected:
        bill.add(each.model, each.usage)
    return LabelEstimate(
        model=params.teacher.model,
        rows=rows,
        known=rehearsal.known,
        requests=sum(each.requests for each in expected),
        usage=bill.usage,
        usd=bill.usd,
        time_s=_time_s(expected, params.teacher) if params.mode == "online" else None,
        basis=tuple(each.basis for each in expected),
    )


def table(estimates: Sequence[LabelEstimate]) -> str:
    """Return the estimates as a table, with their bases below it."""
    rows = [
        (
            each.model,
            each.rows,
            each.known,
            each.requests,
            each.usage.prompt_tokens,
            each.usage.completion_tokens,
            "-" if each.usd is None else dollars(each.usd),
            "-" if each.time_s is None else duration(each.time_s),
        )
        for each in estimates
    ]
    headers = ["teacher", "rows", "known", "requests"]
    headers += ["prompt tokens", "completion tokens", "cost", "time"]
    text = tabulate(
        rows,
        headers=headers,
        intfmt=",",
        colalign=("left", *["right"] * (len(headers) - 1)),
    )
    notes = dict.fromkeys(line for each in estimates for line in each.basis)
    return "\n".join([text, *notes])


def duration(seconds: float) -> str:
    """Return `45 s`, `12 min` or `3.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class _Rehearsal:
    """Runs the stage on the ledger alone, and counts what is missing."""

    def __init__(
        self, texts: TeacherPrompts, params: LabelParams, ledger: Ledger
    ) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        """By model and what is counted."""
        self.known = 0
        self._labeler = Labeler(self._ask, texts, params)
        self._params = params
        is_sent = params.mode != "batch_files"
        self._host = host_of(params.teacher.base_url) if is_sent else SOMEBODY
        self._ledger = ledger
        self._plan_chars = 0
        self._wanted: set[str] = set()

    async def wants(self, change: Change) -> bool:
        """Tell whether the ledger lacks an answer about a change."""
        before = len(self._wanted)
        self._plan_chars = _plan_chars(change, self._params)
        await self._labeler.label(change)
        return len(self._wanted) > before

    async def _ask(self, asked: Question) -> Answer:
        sent = prepare(asked, self._host)
        request = sent.question
        chars = sum(len(message.content) for message in request.messages)
        key = question_key(request)
        answer = self._ledger.get(key)
        if answer is None:
            self._want(key, request, chars)
            return _supposed(request)
        self.known += 1
        is_reask = any(message.role == "assistant" for message in request.messages)
        self._count(request.model, {"reasks" if is_reask else "firsts": 1})
        if is_counted(answer.usage):
            counted = {"chars": chars, "tokens": answer.usage.prompt_tokens}
            self._count(request.model, counted)
        return answer._replace(key=key, replaced=sent.replaced)

    def _want(self, key: str, request: Question, prompt_chars: int) -> None:
        if key in self._wanted:
            return
        self._wanted.add(key)
        # An answer with a plan or messages is about as long as the history's plan.
        is_rating = set(Rating.model_fields) == _properties(request).keys()
        answer_chars = len(_POOR) if is_rating else self._plan_chars
        more = {"prompt_chars": prompt_chars, "answer_chars": answer_chars}
        self._count(request.model, {"wanted": 1, **more})

    def _count(self, model: str, more: Mapping[str, int]) -> None:
        for what, count in more.items():
            self.counts[model, what] += count


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


def _plan_chars(change: Change, params: LabelParams) -> int:
    """Return the length of the history's plan as JSON."""
    plan = history_plan(
        change, params.model_copy(update={"nonconventional": "path_rules"})
    )
    return 0 if isinstance(plan, LabelReason) else len(plan.model_dump_json())


class _Expected(NamedTuple):
    model: str
    requests: int
    usage: TokenUsage
    latency_s: float | None
    basis: str


def _expected(
    model: str, counts: Counter[tuple[str, str]], known: Totals | None
) -> _Expected:
    """Return what a model will be asked, by its known answers where it has any."""
    firsts, reasks = counts[model, "firsts"], counts[model, "reasks"]
    share = reasks / firsts if firsts else 0.0
    tokens = counts[model, "tokens"]
    chars_per_token = counts[model, "chars"] / tokens if tokens else CHARS_PER_TOKEN
    requests = counts[model, "wanted"] * (1 + share)
    prompt = counts[model, "prompt_chars"] / chars_per_token * (1 + share)
    answer = counts[model, "answer_chars"] / chars_per_token * (1 + share)
    if known:
        answer = requests * known.mean_completion_tokens
    usage = TokenUsage(
        prompt_tokens=round(prompt),
        cached_tokens=0,
        completion_tokens=round(answer),
        reasoning_tokens=0,
    )
    basis = f"{model}: {chars_per_token:.2f} characters a token"
    if firsts:
        basis += f" and {share:.2f} re-asks, as in {firsts} known answers here; "
    else:
        basis += " and no re-asks, supposed; "
    if known:
        basis += f"{known.mean_completion_tokens:.0f} tokens an answer"
        basis += f", as in {known.counted} of the ledger"
    else:
        basis += "answers as long as the history's plans, without thoughts, supposed"
    latency_s = known and known.mean_latency_s
    if latency_s:
        basis += f"; {latency_s:.2f} s each"
    return _Expected(model, round(requests), usage, latency_s, basis)


def _time_s(expected: Sequence[_Expected], teacher: TeacherParams) -> float | None:
    """Return the time of the answers, or that of the rate limits if it is longer."""
    requests = sum(each.requests for each in expected)
    tokens = sum(
        each.usage.prompt_tokens + each.usage.completion_tokens for each in expected
    )
    needed = []
    if teacher.requests_per_minute:
        needed.append(60 * requests / teacher.requests_per_minute)
    if teacher.tokens_per_minute:
        needed.append(60 * tokens / teacher.tokens_per_minute)
    times = [each.requests * each.latency_s for each in expected if each.latency_s]
    if len(times) == len(expected):
        needed.append(sum(times) / teacher.concurrency)
    return max(needed, default=None)
