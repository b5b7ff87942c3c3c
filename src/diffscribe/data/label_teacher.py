"""Label a change with the help of models: plans, clean messages, ratings."""

from collections.abc import Awaitable, Callable
from statistics import fmean
from typing import TypeVar

from diffscribe.commits.conventional import format_header
from diffscribe.commits.plan import plan_schema
from diffscribe.data.answers import read_record
from diffscribe.data.clean_messages import parse_messages
from diffscribe.data.flaws import Flaw, FlawError
from diffscribe.data.history_plan import Reason, history_plan
from diffscribe.data.label_outcome import (
    NO_ANSWER,
    LabelFailure,
    Outcome,
    Spent,
    Withheld,
)
from diffscribe.data.label_prompts import (
    TeacherPrompts,
    clean_request,
    plan_request,
    rate_request,
    reask_request,
)
from diffscribe.data.outgoing import outgoing
from diffscribe.data.plan_check import check_messages, check_plan
from diffscribe.data.rating import agreement, parse_rating
from diffscribe.llm.failures import AnswerError
from diffscribe.llm.request import Answer, Request, request_key
from diffscribe.params import LabelParams
from diffscribe.records import Change, Label, Plan, PlannedCommit, Usage

T = TypeVar("T")

Ask = Callable[[Request], Awaitable[Answer]]


class _FailedError(Exception):
    """No label of this kind; says why, and what was answered last."""

    def __init__(self, reason: str, words: str, answer: str = "") -> None:
        super().__init__(words)
        self.reason = reason
        self.answer = answer


class Labeler:
    """Labels changes as params say; asks through one door."""

    def __init__(self, ask: Ask, prompts: TeacherPrompts, params: LabelParams) -> None:
        self._ask = ask
        self._prompts = prompts
        self._params = params

    async def label(self, change: Change) -> Outcome:
        """Return what becomes of a change; no other change matters.

        Raises:
            ParamsError: if it is private and the endpoint another machine.
            ToolError: if the endpoint cannot be used.
        """
        asking = _Asking(self._ask, self._prompts, self._params)
        result: Label | LabelFailure | Reason
        try:
            result = await _label(change, asking)
        except _FailedError as failure:
            result = LabelFailure(
                id=change.id,
                repo=change.repo,
                head=change.head,
                reason=failure.reason,
                words=str(failure),
                model=self._params.teacher.model,
                answer=failure.answer,
            )
        return Outcome(change, result, tuple(asking.spent))


class _Asking:
    """The questions about one change, and what they cost."""

    def __init__(self, ask: Ask, prompts: TeacherPrompts, params: LabelParams) -> None:
        self.prompts = prompts
        self.params = params
        self.spent: list[Spent] = []
        self._ask = ask

    async def about(
        self, request: Request | None, read: Callable[[str], T]
    ) -> tuple[T, Request, Answer]:
        """Return the first answer that can be read, and what was asked for it.

        What cannot be read is shown to the model with what is wrong with it.
        """
        if request is None:
            raise _FailedError(
                Withheld.LONG_FILE_LIST,
                "the names of its files alone exceed label.teacher.max_prompt_chars",
            )
        for reask in range(self.params.teacher.reasks + 1):
            try:
                answer = await self._ask(request)
            except AnswerError as error:
                raise _FailedError(NO_ANSWER, str(error)) from error
            self.spent.append(Spent(request.model, answer.usage, reask > 0))
            try:
                return read(answer.text), request, answer
            except FlawError as error:
                flaw = _cut_off(answer) or error
                last = answer.text
            request = reask_request(request, last, str(flaw), self.prompts)
        raise _FailedError(flaw.flaw, str(flaw), last)


def _cut_off(answer: Answer) -> FlawError | None:
    if answer.finish_reason != "length":
        return None
    tokens = answer.usage.completion_tokens
    return FlawError(Flaw.CUT_OFF, f"it was cut off after {tokens} tokens; be brief")


async def _label(change: Change, asking: _Asking) -> Label | Reason:
    if asking.params.source == "teacher":
        return await _taught(change, asking)
    if asking.params.source == "history":
        return await _recorded(change, asking)
    try:
        label = await _recorded(change, asking)
        if isinstance(label, Label) and _is_good(label, change, asking.params):
            return label
    except _FailedError:
        """Its messages cannot be cleaned or rated, so they are no good."""
    return await _taught(change, asking)


def _is_good(label: Label, change: Change, params: LabelParams) -> bool:
    """Tell whether blend takes the history's own messages."""
    try:
        check_plan(label.plan, change, params.rules)
    except FlawError:
        return False
    return label.ratings.get("cleaned", 1.0) >= params.min_rating


async def _taught(change: Change, asking: _Asking) -> Label:
    """Return the teacher's plan of a change, with the change's own paths."""
    sent = _sent(change, asking.params)
    schema = plan_schema([file.path for file in sent.files])

    def read(text: str) -> Plan:
        plan = read_record(text, Plan, schema)
        check_plan(plan, sent, asking.params.rules)
        return plan

    request = plan_request(sent, asking.prompts, asking.params)
    plan, asked, answer = await asking.about(request, read)
    return Label(
        plan=_with_paths_of(plan, sent, change),
        source="teacher",
        teacher=asked.model,
        prompt_sha256=request_key(asked),
        usage=Usage(
            prompt_tokens=answer.usage.prompt_tokens,
            completion_tokens=answer.usage.completion_tokens,
        ),
        ratings={},
    )


def _sent(change: Change, params: LabelParams) -> Change:
    sent = outgoing(change, params.teacher.base_url)
    if isinstance(sent, Withheld):
        raise _FailedError(sent, "it holds secrets that cannot be replaced")
    return sent


def _with_paths_of(plan: Plan, sent: Change, change: Change) -> Plan:
    """Return a plan with the paths as they are, not as they were sent."""
    own = {
        there.path: here.path
        for there, here in zip(sent.files, change.files, strict=True)
    }

    def restored(commit: PlannedCommit) -> PlannedCommit:
        issues = tuple(
            issue.model_copy(update={"path": own[issue.path]})
            for issue in commit.issues
        )
        files = tuple(own[path] for path in commit.files)
        return commit.model_copy(update={"files": files, "issues": issues})

    commits = tuple(map(restored, plan.commits))
    return plan.model_copy(update={"commits": commits})


async def _recorded(change: Change, asking: _Asking) -> Label | Reason:
    """Return the history's plan, cleaned and rated as params say."""
    params = asking.params
    plan = history_plan(change, params)
    if isinstance(plan, Reason):
        return plan
    ratings: dict[str, float] = {}
    if params.cleanup == "teacher" or params.raters:
        sent = _sent(change, params)
        shown = history_plan(sent, params)
        if isinstance(shown, Reason):
            return shown
        if params.cleanup == "teacher":
            shown = await _cleaned(shown, sent, asking)
            plan = _with_paths_of(shown, sent, change)
        if params.raters:
            ratings = await _rated(shown, sent, asking)
    return Label(
        plan=plan,
        source="history",
        teacher=None,
        prompt_sha256=None,
        usage=None,
        ratings=ratings,
    )


async def _cleaned(plan: Plan, sent: Change, asking: _Asking) -> Plan:
    """Return a plan whose subjects and bodies a model rewrote."""

    def read(text: str) -> Plan:
        messages = parse_messages(text, len(plan.commits))
        commits = tuple(
            commit.model_copy(update=message.model_dump())
            for commit, message in zip(plan.commits, messages, strict=True)
        )
        check_messages(commits, sent, asking.params.rules)
        return plan.model_copy(update={"commits": commits})

    request = clean_request(sent, _messages(plan), asking.prompts, asking.params)
    cleaned, _, _ = await asking.about(request, read)
    return cleaned


async def _rated(plan: Plan, sent: Change, asking: _Asking) -> dict[str, float]:
    """Return the mean score of the original messages and of those of the plan.

    From two raters on also how near they are, for the messages where they
    differ most.
    """
    originals = [commit.message for commit in sent.commits]
    ratings: dict[str, float] = {}
    agreed = []
    for kind, messages in (("message", originals), ("cleaned", _messages(plan))):
        scores = []
        for rater in range(len(asking.params.raters)):
            request = rate_request(sent, messages, rater, asking.prompts, asking.params)
            rating, _, _ = await asking.about(request, parse_rating)
            scores.append(rating.score)
        ratings[kind] = round(fmean(scores), 4)
        agreed.append(agreement(scores))
    if len(asking.params.raters) > 1:
        ratings["raters_agree"] = round(min(agreed), 4)
    return ratings


def _messages(plan: Plan) -> list[str]:
    return [
        f"{format_header(commit)}\n\n{commit.body}".strip() for commit in plan.commits
    ]
