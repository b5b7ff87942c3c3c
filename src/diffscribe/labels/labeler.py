"""Label a change with the help of models: plans, clean messages, ratings."""

from statistics import fmean

from diffscribe.commits.conventional import format_header
from diffscribe.commits.plan import plan_schema
from diffscribe.labels.answers import read_record
from diffscribe.labels.clean_messages import parse_messages
from diffscribe.labels.flaws import FlawError
from diffscribe.labels.history_plan import Reason, history_plan
from diffscribe.labels.outcome import LabelFailure, Outcome, Withheld
from diffscribe.labels.outgoing import outgoing, with_paths_of
from diffscribe.labels.plan_check import check_messages, check_plan
from diffscribe.labels.prompts import TeacherPrompts
from diffscribe.labels.questions import clean_request, plan_request, rate_request
from diffscribe.labels.rating import agreement, parse_rating
from diffscribe.labels.talk import Ask, NoLabelError, Talk
from diffscribe.llm.request import request_key
from diffscribe.params import LabelParams
from diffscribe.records import Change, Label, Plan, Usage


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
        result: Label | LabelFailure | Reason
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


async def _label(change: Change, talk: Talk) -> Label | Reason:
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


async def _recorded(change: Change, talk: Talk) -> Label | Reason:
    """Return the history's plan, cleaned and rated as params say."""
    params = talk.params
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
