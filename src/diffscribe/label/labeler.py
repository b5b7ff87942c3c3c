"""Label a change with the help of models: plans, clean messages, ratings."""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from statistics import fmean
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

from diffscribe.commits.grammar import format_header
from diffscribe.commits.plan import FLAWS, Flaw, FlawError, plan_schema, read_record
from diffscribe.commits.prompt import TeacherPrompts
from diffscribe.core.errors import ParamsError
from diffscribe.core.params import LabelParams
from diffscribe.core.records import Change, Label, Plan, PlannedCommit, Record, Usage
from diffscribe.doors.endpoint import is_loopback
from diffscribe.doors.reply import Answer, AnswerError, Request, TokenUsage, request_key
from diffscribe.label.check import check_messages, check_plan
from diffscribe.label.from_history import LabelReason, history_plan
from diffscribe.label.questions import (
    agreement,
    clean_request,
    parse_messages,
    parse_rating,
    plan_request,
    rate_request,
    reask_request,
)
from diffscribe.secrets.redact import redact


class Withheld(StrEnum):
    """Why no model is asked about a change."""

    PRIVATE_KEY = "private_key"
    SECRETS_LEFT = "secrets_left"
    LONG_FILE_LIST = "long_file_list"
    """Not even the names of its files fit the prompt."""


NO_ANSWER = "no_answer"
FAILURES = (*Withheld, NO_ANSWER, *FLAWS)
"""Every reason that a failure can have, in the order of metrics/label.json."""


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
    """What it answered last; empty if nothing."""


class Spent(NamedTuple):
    """One answer that was asked for, whether it counted or not."""

    model: str
    usage: TokenUsage
    is_reask: bool


class Outcome(NamedTuple):
    """What became of a change: a label, a failure, or what history lacks."""

    change: Change
    result: Label | LabelFailure | LabelReason
    spent: tuple[Spent, ...]


C = TypeVar("C", bound=Change)


def outgoing(change: C, base_url: str) -> C | Withheld:
    """Return a change with typed placeholders for its secrets and people.

    Files keep their order, so that what is said of a replaced path can be
    taken back to the path itself. A row that curate would reject for its
    secrets is withheld: nothing should be paid for it.

    Raises:
        ParamsError: if the change is private, and the endpoint another machine.
    """
    if change.private and not is_loopback(base_url):
        raise ParamsError(
            f"{change.repo} is marked private and may not be sent to "
            f"{urlsplit(base_url).hostname}; name an endpoint on this machine in "
            "label.teacher.base_url, or leave the source out"
        )
    redacted = redact(change)
    return Withheld(redacted.problem) if redacted.problem else redacted.change


def with_paths_of(plan: Plan, sent: Change, change: Change) -> Plan:
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


T = TypeVar("T")

Ask = Callable[[Request], Awaitable[Answer]]


class NoLabelError(Exception):
    """There is no label of this kind; says why, and what was answered last."""

    def __init__(self, reason: str, words: str, answer: str = "") -> None:
        super().__init__(words)
        self.reason = reason
        self.answer = answer


class Talk:
    """What is asked about one change, and what that costs."""

    def __init__(self, ask: Ask, prompts: TeacherPrompts, params: LabelParams) -> None:
        """Ask nothing yet."""
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
            raise NoLabelError(
                Withheld.LONG_FILE_LIST,
                "the names of its files alone exceed label.teacher.max_prompt_chars",
            )
        for reask in range(self.params.teacher.reasks + 1):
            try:
                answer = await self._ask(request)
            except AnswerError as error:
                raise NoLabelError(NO_ANSWER, str(error)) from error
            self.spent.append(Spent(request.model, answer.usage, reask > 0))
            try:
                return read(answer.text), request, answer
            except FlawError as error:
                flaw = _cut_off(answer) or error
                last = answer.text
            request = reask_request(request, last, str(flaw), self.prompts)
        raise NoLabelError(flaw.flaw, str(flaw), last)


def _cut_off(answer: Answer) -> FlawError | None:
    if answer.finish_reason != "length":
        return None
    tokens = answer.usage.completion_tokens
    return FlawError(Flaw.CUT_OFF, f"it was cut off after {tokens} tokens; be brief")


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
        talk = Talk(self._ask, self._prompts, self._params)
        result: Label | LabelFailure | LabelReason
        try:
            result = await _label(change, talk)
        except NoLabelError as failure:
            result = LabelFailure(
                id=change.id,
                repo=change.repo,
                head=change.head,
                reason=failure.reason,
                words=str(failure),
                model=self._params.teacher.model,
                answer=failure.answer,
            )
        return Outcome(change, result, tuple(talk.spent))


async def _label(change: Change, talk: Talk) -> Label | LabelReason:
    if talk.params.source == "teacher":
        return await _taught(change, talk)
    if talk.params.source == "history":
        return await _recorded(change, talk)
    own = None
    try:
        own = await _recorded(change, talk)
    except NoLabelError:
        """Its messages cannot be cleaned or rated, so they are no good."""
    if not isinstance(own, Label):
        return await _taught(change, talk)
    if _is_good(own, change, talk.params):
        return own
    taught = await _taught(change, talk)
    return taught.model_copy(update={"history": own})


def _is_good(label: Label, change: Change, params: LabelParams) -> bool:
    """Tell whether blend takes the history's own messages."""
    try:
        check_plan(label.plan, change, params.rules)
    except FlawError:
        return False
    return label.ratings.get("cleaned", 1.0) >= params.min_rating


async def _taught(change: Change, talk: Talk) -> Label:
    """Return the teacher's plan of a change, with the change's own paths."""
    sent = _sent(change, talk.params)
    schema = plan_schema([file.path for file in sent.files])

    def read(text: str) -> Plan:
        plan = read_record(text, Plan, schema)
        check_plan(plan, sent, talk.params.rules)
        return plan

    request = plan_request(sent, talk.prompts, talk.params)
    plan, asked, answer = await talk.about(request, read)
    return Label(
        plan=with_paths_of(plan, sent, change),
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
        raise NoLabelError(sent, "it holds secrets that cannot be replaced")
    return sent


async def _recorded(change: Change, talk: Talk) -> Label | LabelReason:
    """Return the history's plan, cleaned and rated as params say."""
    params = talk.params
    plan = history_plan(change, params)
    if isinstance(plan, LabelReason):
        return plan
    ratings: dict[str, float] = {}
    if params.cleanup == "teacher" or params.raters:
        sent = _sent(change, params)
        shown = history_plan(sent, params)
        if isinstance(shown, LabelReason):
            return shown
        if params.cleanup == "teacher":
            shown = await _cleaned(shown, sent, talk)
            plan = with_paths_of(shown, sent, change)
        if params.raters:
            ratings = await _rated(shown, sent, talk)
    return Label(
        plan=plan,
        source="history",
        teacher=None,
        prompt_sha256=None,
        usage=None,
        ratings=ratings,
    )


async def _cleaned(plan: Plan, sent: Change, talk: Talk) -> Plan:
    """Return a plan whose subjects and bodies a model rewrote."""

    def read(text: str) -> Plan:
        messages = parse_messages(text, len(plan.commits))
        commits = tuple(
            commit.model_copy(update=message.model_dump())
            for commit, message in zip(plan.commits, messages, strict=True)
        )
        check_messages(commits, sent, talk.params.rules)
        return plan.model_copy(update={"commits": commits})

    request = clean_request(sent, _messages(plan), talk.prompts, talk.params)
    cleaned, _, _ = await talk.about(request, read)
    return cleaned


async def _rated(plan: Plan, sent: Change, talk: Talk) -> dict[str, float]:
    """Return the mean score of the original messages and of those of the plan.

    From two raters on also how near they are, for the messages where they
    differ most.
    """
    originals = [commit.message for commit in sent.commits]
    ratings: dict[str, float] = {}
    agreed = []
    for kind, messages in (("message", originals), ("cleaned", _messages(plan))):
        scores = []
        for rater in range(len(talk.params.raters)):
            request = rate_request(sent, messages, rater, talk.prompts, talk.params)
            rating, _, _ = await talk.about(request, parse_rating)
            scores.append(rating.score)
        ratings[kind] = round(fmean(scores), 4)
        agreed.append(agreement(scores))
    if len(talk.params.raters) > 1:
        ratings["raters_agree"] = round(min(agreed), 4)
    return ratings


def _messages(plan: Plan) -> list[str]:
    return [
        f"{format_header(commit)}\n\n{commit.body}".strip() for commit in plan.commits
    ]
