"""A judge votes on the ballots that people vote on; each answer is paid for once."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from diffscribe.asking.ask import Asker
from diffscribe.asking.batch import BatchAsker
from diffscribe.commits.plan import FlawError, read_record
from diffscribe.commits.prompt import VARIABLES, Prompts, read_prompt, render_prompt
from diffscribe.core.errors import ParamsError, RecordError
from diffscribe.core.files import read_jsonl
from diffscribe.core.params import LabelParams, TeacherParams
from diffscribe.core.records import Change, Prediction, Record, SplitChange
from diffscribe.core.tracking import TrackedRun
from diffscribe.doors.endpoint import WithheldError
from diffscribe.doors.reply import AnswerError, Question
from diffscribe.eval.cases import read_cases
from diffscribe.label.label import connected_teacher
from diffscribe.review.report_page import answer_text, ballot_of
from diffscribe.review.votes import FORMAT, OVERALL, Axis, Ballot, Choice, Vote, Votes

_CONTEXT_LINES = 3
_MAX_PLAN_CHARS = 6000
"""Of an answer that is no plan, and so may be of any length."""


class _Said(StrEnum):
    A = "A"
    B = "B"
    TIE = "tie"


class JudgeVerdict(Record):
    """One answer of a judge."""

    overall: _Said
    accuracy: _Said
    specificity: _Said
    brevity: _Said
    type: _Said


def load_judge_prompts(folder: Path) -> Prompts:
    """Read the judge's prompts of a folder.

    Raises:
        InputError: if one cannot be read, or has an unknown $variable.
    """
    return Prompts(
        read_prompt(folder / "system.md", ()),
        read_prompt(folder / "user.md", VARIABLES | {"a", "b", "schema"}),
    )


def judge_request(
    change: Change, a: str, b: str, prompts: Prompts, model: str, teacher: TeacherParams
) -> Question | None:
    """Return the question, or None if not even the names of the files fit.

    Args:
        change: as it may be sent.
        a: the first plan, as its JSON.
        b: the second.
        prompts: the judge's.
        model: its name at the endpoint.
        teacher: how the endpoint is asked.
    """
    schema = verdict_schema()
    shown = {"a": _cut(a), "b": _cut(b), "schema": json.dumps(schema)}
    rendered = render_prompt(
        change, prompts, teacher.max_prompt_chars, _CONTEXT_LINES, len, shown
    )
    if rendered is None:
        return None
    return Question(
        model=model,
        messages=rendered.messages,
        schema=schema,
        max_tokens=teacher.max_answer_tokens,
        temperature=0.0,
        seed=teacher.seed,
        reasoning_effort=teacher.reasoning_effort,
        about=change.repo,
        private=change.private,
    )


def verdict_schema() -> dict[str, Any]:
    """Return the JSON Schema of a verdict."""
    names = list(JudgeVerdict.model_fields)
    said = {"type": "string", "enum": [*_Said]}
    return {
        "type": "object",
        "properties": dict.fromkeys(names, said),
        "required": names,
        "additionalProperties": False,
    }


def parse_verdict(text: str) -> JudgeVerdict:
    """Read the first JSON object of an answer.

    Raises:
        FlawError: if it is no verdict.
    """
    return read_record(text, JudgeVerdict, verdict_schema())


def agreed(straight: JudgeVerdict, turned: JudgeVerdict) -> dict[str, Choice]:
    """Return what two verdicts say together, by OVERALL and the axes.

    Args:
        straight: with the first answer as A.
        turned: with the second as A. Where the two do not prefer the same answer,
            it is a tie: what hangs on the order is no preference.
    """
    first = {_Said.A: Choice.FIRST, _Said.B: Choice.SECOND, _Said.TIE: Choice.TIE}
    second = {_Said.A: Choice.SECOND, _Said.B: Choice.FIRST, _Said.TIE: Choice.TIE}
    choices = {}
    for name in (OVERALL, *Axis):
        one, other = first[getattr(straight, name)], second[getattr(turned, name)]
        choices[name] = one if one == other else Choice.TIE
    return choices


def is_stable(straight: JudgeVerdict, turned: JudgeVerdict) -> bool:
    """Tell whether the overall verdict survived the other order."""
    turned_over = {_Said.A: _Said.B, _Said.B: _Said.A, _Said.TIE: _Said.TIE}
    return straight.overall == turned_over[turned.overall]


def _cut(plan: str) -> str:
    more = len(plan) - _MAX_PLAN_CHARS
    return plan[:_MAX_PLAN_CHARS] + (f" ({more} more characters)" if more > 0 else "")


class Missing(StrEnum):
    """Why a ballot has no vote."""

    WITHHELD = "withheld"
    """Its change may not be sent, or does not fit the prompt."""
    NO_ANSWER = "no_answer"
    UNREADABLE = "unreadable"
    """An answer that is no verdict."""


class Judgement(NamedTuple):
    """What became of the ballots."""

    votes: Votes
    missing: Counter[Missing]
    stable: int
    """Votes whose overall verdict survived the other order."""


class _Voted(NamedTuple):
    vote: Vote
    is_stable: bool


class _Question(NamedTuple):
    ballot: Ballot
    change: SplitChange
    first: str
    second: str


def judge(
    reports: Path,
    splits: Path,
    samples: Path,
    prompts: Path,
    model: str,
    params: LabelParams,
    show: Callable[[str], None],
) -> Judgement:
    """Ask a model about every ballot of a report, in both orders.

    Args:
        reports: what eval wrote: ballots and predictions.
        splits: the folder with the changes.
        samples: the samples that were asked.
        prompts: the judge's folder.
        model: its name at the endpoint of `label.teacher`.
        params: how that endpoint is asked, and what may be spent.
        show: told after each ballot what was asked and what it cost.

    Raises:
        ParamsError: if a private change would be sent away, the key is missing, or
            answers would come in batches.
        RecordError: if the report was made of other cases or answers, or if no
            ballot got a vote.
        BudgetError: before the budget is exceeded.
        ToolError: if the endpoint cannot be used.
    """
    if params.mode != "online":
        raise ParamsError(
            f"label.mode: {params.mode} answers later, and a judge is waited for; "
            "judge with label.mode: online"
        )
    questions = list(_questions(reports, splits / "test.jsonl", samples))
    texts = load_judge_prompts(prompts)
    missing: Counter[Missing] = Counter()
    voted: list[_Voted] = []
    # What no metric holds is in no run of MLflow either.
    with connected_teacher(params, TrackedRun()) as asker:

        async def ask(question: _Question) -> _Voted | Missing:
            return await _vote(question, texts, model, params, asker)

        for each in asker.in_order(ask, questions):
            if isinstance(each, Missing):
                missing[each] += 1
            else:
                voted.append(each)
            show(asker.line())
    if not voted:
        counts = ", ".join(f"{count} {reason}" for reason, count in missing.items())
        raise RecordError(
            f"{reports}: no ballot got a vote of {model} ({counts or 'no ballots'}); "
            "ask a model that answers by a JSON Schema"
        )
    votes = Votes(
        format=FORMAT,
        voter=f"judge: {model}",
        votes=tuple(each.vote for each in voted),
    )
    return Judgement(votes, missing, sum(each.is_stable for each in voted))


def judgement_line(judgement: Judgement) -> str:
    """Return what became of the ballots in one line."""
    votes, missing, stable = judgement
    n = len(votes.votes)
    reasons = ", ".join(f"{missing[reason]} {reason}" for reason in Missing)
    return (
        f"{n} votes of {votes.voter}, {stable} of them ({100 * stable / n:.0f} %) the "
        f"same in both orders, the others ties; without a vote: {reasons}"
    )


def _questions(reports: Path, changes: Path, samples: Path) -> Iterator[_Question]:
    rows = {row.id: row for row in read_jsonl(changes, SplitChange)}
    cases = {case.id: case for case in read_cases(samples, changes)}
    answers: dict[str, dict[str, Prediction]] = {}
    for each in read_jsonl(reports / "predictions.jsonl", Prediction):
        answers.setdefault(each.system, {})[each.sample_id] = each
    for ballot in read_jsonl(reports / "ballots.jsonl", Ballot):
        case = cases.get(ballot.sample_id)
        names = (ballot.first, ballot.second)
        if case is None or ballot_of(case, answers, names) != ballot:
            raise RecordError(
                f"{reports}: sample {ballot.sample_id} or the answers to it are not "
                "those that the ballots are of; run the stage eval again"
            )
        texts = [answer_text(case, answers, name) for name in names]
        yield _Question(ballot, rows[case.id], *texts)


async def _vote(
    question: _Question,
    prompts: Prompts,
    model: str,
    params: LabelParams,
    asker: Asker | BatchAsker,
) -> _Voted | Missing:
    ballot, change, first, second = question
    verdicts: list[JudgeVerdict] = []
    for a, b in ((first, second), (second, first)):
        request = judge_request(change, a, b, prompts, model, params.teacher)
        if request is None:
            return Missing.WITHHELD
        try:
            verdicts.append(parse_verdict((await asker.ask(request)).text))
        except WithheldError:
            return Missing.WITHHELD
        except AnswerError:
            return Missing.NO_ANSWER
        except FlawError:
            return Missing.UNREADABLE
    straight, turned = verdicts
    choices = agreed(straight, turned)
    axes = {axis: choices[axis] for axis in Axis}
    vote = Vote(**dict(ballot), choice=choices[OVERALL], axes=axes)
    return _Voted(vote, is_stable(straight, turned))
