"""Label one change: ask for a plan, clean messages and ratings; check the answers."""

import contextlib
from collections.abc import Awaitable, Callable
from statistics import fmean
from typing import NamedTuple, TypeVar

from diffscribe.commits.cleanup import wrap_long_lines
from diffscribe.commits.grammar import format_message
from diffscribe.commits.plan import read_plan, restore_paths
from diffscribe.commits.prompt import TeacherPrompts
from diffscribe.commits.proposals import proposed_as
from diffscribe.core.params import LabelParams, StyleParams
from diffscribe.core.records import Change, Label, Plan, Record, Usage, Verdict
from diffscribe.doors.endpoint import WithheldError
from diffscribe.doors.failure import AnswerError, RefusalError
from diffscribe.doors.reply import CUT, Answer, Question, TokenUsage
from diffscribe.label.check import (
    FLAWS,
    Flaw,
    FlawError,
    check_messages,
    check_plan,
    record_of,
)
from diffscribe.label.from_history import LabelReason, history_plan
from diffscribe.label.questions import (
    clean_question,
    parse_messages,
    parse_rating,
    plan_question,
    rate_question,
    reask_question,
)
from diffscribe.secrets.redact import Problem, redact_texts

T = TypeVar("T")

LONG_FILE_LIST = "long_file_list"
NO_ANSWER = "no_answer"
REFUSED = "refused"
"""By the endpoint: too long, or nothing that its filters let pass."""
WITHHELD = (*Problem, LONG_FILE_LIST)
"""Reasons of changes that no model is asked about."""
FAILURES = (*WITHHELD, NO_ANSWER, REFUSED, *FLAWS)
"""Every reason that a failure can have, in the order of reports/label.json."""

Ask = Callable[[Question], Awaitable[Answer]]


class LabelFailure(Record):
    """A change without a label, and why."""

    id: str
    repo: str
    head: str
    reason: str
    words: str
    """What the model was told last, or what its endpoint said."""
    model: str
    answer: str
    """What it answered last; empty without an answer."""


class Spent(NamedTuple):
    """One answer that was asked for, whether it counted or not."""

    model: str
    usage: TokenUsage
    is_reask: bool


class Outcome(NamedTuple):
    """What became of a change: a label, a failure, or what its history lacks."""

    change: Change
    result: Label | LabelFailure | LabelReason
    spent: tuple[Spent, ...]


class NoLabelError(Exception):
    """There is no label of this kind; says why, and what was answered last."""

    def __init__(self, reason: str, words: str, answer: str = "") -> None:
        super().__init__(words)
        self.reason = reason
        self.answer = answer


async def label_change(
    ask: Ask, prompts: TeacherPrompts, params: LabelParams, change: Change
) -> Outcome:
    """Return what becomes of a change; others play no part.

    Raises:
        ParamsError: if it is private, and the endpoint another machine.
        ToolError: if the endpoint cannot be used.
    """
    talk = _Talk(change, ask, prompts, params)
    result: Label | LabelFailure | LabelReason
    try:
        result = await talk.label()
    except NoLabelError as failure:
        words, answer = redact_texts([str(failure), failure.answer]).texts
        result = LabelFailure(
            id=change.id,
            repo=change.repo,
            head=change.head,
            reason=failure.reason,
            words=words,
            model=params.teacher.model,
            answer=answer,
        )
    return Outcome(change, result, tuple(talk.spent))


class _Talk:
    """Everything that is asked about one change."""

    def __init__(
        self, change: Change, ask: Ask, prompts: TeacherPrompts, params: LabelParams
    ) -> None:
        self.spent: list[Spent] = []
        self._change = change
        self._ask = ask
        self._prompts = prompts
        self._params = params

    async def label(self) -> Label | LabelReason:
        """Return the label of the source that params name.

        Raises:
            NoLabelError: if the models that were asked gave none.
        """
        messages = [commit.message for commit in self._change.commits]
        if messages and all(proposed_as(each) is Verdict.EDITED for each in messages):
            # No teacher knows better than the person who corrected a proposal.
            plan = history_plan(self._change, self._params, self._prompts.style)
            if isinstance(plan, Plan):
                return Label(plan=plan, source="history")
            return plan
        if self._params.source == "teacher":
            return await self._from_teacher()
        if self._params.source == "history":
            return await self._from_history()
        own = None
        with contextlib.suppress(NoLabelError):
            own = await self._from_history()
        if not isinstance(own, Label):
            return await self._from_teacher()
        with contextlib.suppress(FlawError):
            check_plan(own.plan, self._change, self._prompts.style)
            if own.ratings.get("cleaned", 1.0) >= self._params.min_rating:
                return own
        taught = await self._from_teacher()
        return taught.model_copy(update={"history": own})

    async def _from_teacher(self) -> Label:
        change = self._change

        def read(answer: Answer) -> Plan:
            plan = restore_paths(record_of(read_plan(answer.text)), answer.replaced)
            plan = _wrap(plan, self._prompts.style)
            check_plan(plan, change, self._prompts.style)
            return plan

        question = plan_question(change, self._prompts, self._params)
        plan, answer = await self._read(question, read)
        return Label(
            plan=plan,
            source="teacher",
            teacher=self._params.teacher.model,
            prompt_sha256=answer.key,
            usage=Usage(
                prompt_tokens=answer.usage.prompt_tokens,
                completion_tokens=answer.usage.completion_tokens,
            ),
        )

    async def _from_history(self) -> Label | LabelReason:
        """Return the history's plan, cleaned and rated as params say."""
        plan = history_plan(self._change, self._params, self._prompts.style)
        if isinstance(plan, LabelReason):
            return plan
        ratings: dict[str, float] = {}
        if self._params.cleanup == "teacher":
            plan = await self._clean(plan)
        if self._params.raters:
            ratings = await self._rate(plan)
        return Label(plan=plan, source="history", ratings=ratings)

    async def _clean(self, plan: Plan) -> Plan:
        """Return a plan whose subjects and bodies a model rewrote."""

        def read(answer: Answer) -> Plan:
            messages = parse_messages(answer.text, len(plan.commits))
            commits = tuple(
                commit.model_copy(update=message.model_dump())
                for commit, message in zip(plan.commits, messages, strict=True)
            )
            style = self._prompts.style
            cleaned = _wrap(plan.model_copy(update={"commits": commits}), style)
            check_messages(cleaned.commits, self._change, style)
            return cleaned

        question = clean_question(
            self._change, _messages(plan), self._prompts, self._params
        )
        return (await self._read(question, read))[0]

    async def _rate(self, plan: Plan) -> dict[str, float]:
        """Return the mean score of the original messages and of those of the plan.

        From two raters on also 1 less their widest difference, for the messages where
        they differ most.
        """
        originals = [commit.message for commit in self._change.commits]
        ratings: dict[str, float] = {}
        agreed = []
        for kind, messages in (("message", originals), ("cleaned", _messages(plan))):
            scores = []
            for rater in range(len(self._params.raters)):
                question = rate_question(
                    self._change, messages, rater, self._prompts, self._params
                )
                rating, _ = await self._read(
                    question, lambda answer: parse_rating(answer.text)
                )
                scores.append(rating.score)
            ratings[kind] = round(fmean(scores), 4)
            agreed.append(1.0 - (max(scores) - min(scores)))
        if len(self._params.raters) > 1:
            ratings["raters_agree"] = round(min(agreed), 4)
        return ratings

    async def _read(
        self, question: Question | None, read: Callable[[Answer], T]
    ) -> tuple[T, Answer]:
        """Return the first answer that can be read, and what it was read from.

        A model is shown an answer that cannot be read with what is wrong with it.
        """
        if question is None:
            raise NoLabelError(
                LONG_FILE_LIST,
                "the names of its files alone exceed label.teacher.max_prompt_chars",
            )
        for reask in range(self._params.teacher.reasks + 1):
            try:
                answer = await self._ask(question)
            except WithheldError as error:
                raise NoLabelError(error.problem, str(error)) from error
            except AnswerError as error:
                reason = REFUSED if isinstance(error, RefusalError) else NO_ANSWER
                raise NoLabelError(reason, str(error)) from error
            self.spent.append(Spent(question.model, answer.usage, reask > 0))
            tokens = answer.usage.completion_tokens
            words = f"it was cut off after {tokens} tokens; be brief"
            cut = FlawError(Flaw.CUT_OFF, words)
            try:
                if answer.is_cut_off:
                    raise cut
                return read(answer), answer
            except FlawError as error:
                flaw = cut if answer.finish_reason == CUT else error
            question = reask_question(
                question,
                answer.text,
                str(flaw),
                self._prompts,
                self._params.teacher.max_prompt_chars,
            )
        raise NoLabelError(flaw.flaw, str(flaw), answer.text)


def _wrap(plan: Plan, style: StyleParams) -> Plan:
    """Return a plan with bodies wrapped: models write a paragraph as one line."""
    commits = tuple(
        each.model_copy(
            update={"body": wrap_long_lines(each.body, style.max_line_chars)}
        )
        for each in plan.commits
    )
    return plan.model_copy(update={"commits": commits})


def _messages(plan: Plan) -> list[str]:
    return [format_message(commit) for commit in plan.commits]
