"""A model votes on the ballots that people vote on, in both orders of each pair."""

import json
import logging
from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Literal, NamedTuple

from diffscribe.asking.ask import Asker
from diffscribe.asking.batch import BatchAsker
from diffscribe.commits.diff import read_changes
from diffscribe.commits.plan import object_schema, read_record
from diffscribe.commits.prompt import VARIABLES, Prompts, read_prompt, render_prompt
from diffscribe.core.ballots import CHOICES, FORMAT, Axis, Ballot, Choice, Vote, Votes
from diffscribe.core.errors import ParamsError, RecordError
from diffscribe.core.files import read_jsonl
from diffscribe.core.params import LabelParams, TeacherParams
from diffscribe.core.records import Change, Prediction, Record, SplitChange
from diffscribe.core.tracking import TrackedRun
from diffscribe.doors.endpoint import WithheldError
from diffscribe.doors.failure import AnswerError
from diffscribe.doors.reply import Question
from diffscribe.eval.cases import Case, read_cases
from diffscribe.label.check import FlawError, record_of
from diffscribe.label.label import connected_teacher
from diffscribe.review.report_page import (
    TARGET,
    Answers,
    answer_text,
    ballot_of_pair,
    by_system,
)
from diffscribe.review.votes import OVERALL

logger = logging.getLogger(__name__)

_CONTEXT_LINES = 3
_MAX_PLAN_CHARS = 6000
"""Of an answer that is no plan, and so may be of any length."""
_TURNED = {Choice.A: Choice.B, Choice.B: Choice.A, Choice.TIE: Choice.TIE}

PairChoice = Literal[Choice.A, Choice.TIE, Choice.B]


class JudgedPair(Record):
    """What a judge answers about one order of a pair."""

    overall: PairChoice
    accuracy: PairChoice
    specificity: PairChoice
    brevity: PairChoice
    type: PairChoice


class Missing(StrEnum):
    """Why a ballot has no vote."""

    WITHHELD = "withheld"
    """Its change may not be sent, or does not fit the prompt."""
    NO_ANSWER = "no_answer"
    UNREADABLE = "unreadable"
    """An answer that is no JudgedPair."""


class JudgeResult(NamedTuple):
    """What became of the ballots."""

    votes: Votes
    missing: Counter[Missing]
    stable: int
    """Votes whose overall choice survived the other order."""

    def __str__(self) -> str:
        """Return what became of the ballots in one line."""
        n = len(self.votes.votes)
        reasons = ", ".join(f"{self.missing[reason]} {reason}" for reason in Missing)
        return (
            f"{n} votes of {self.votes.voter}, {self.stable} of them "
            f"({100 * self.stable / n:.0f} %) the same in both orders, the others "
            f"ties; without a vote: {reasons}"
        )


class _Pair(NamedTuple):
    ballot: Ballot
    change: SplitChange
    plans: tuple[str, str]
    """A and B, as voters see them."""


def judge(
    reports: Path,
    splits: Path,
    samples: Path,
    prompts: Path,
    model: str,
    params: LabelParams,
) -> JudgeResult:
    """Ask a model at the endpoint of `label.teacher` about every ballot of `reports`.

    Each pair is asked about in both orders; eval wrote ballots and predictions.

    Raises:
        InputError: if a file is not there.
        ParamsError: if label.mode is not online, the key is missing, or a private
            change would be sent to another machine.
        RecordError: if the ballots are not of these predictions, or none got a vote.
        BudgetError: before the budget is exceeded.
        ToolError: if the endpoint cannot be used.
    """
    if params.mode != "online":
        raise ParamsError(
            f"label.mode: {params.mode} answers later, and a judge is waited for; "
            "judge with label.mode: online"
        )
    pairs = list(_pairs(reports, splits / "test.jsonl", samples))
    texts = Prompts(
        read_prompt(prompts / "system.md", ()),
        read_prompt(prompts / "user.md", VARIABLES | {"a", "b", "schema"}),
    )
    missing: Counter[Missing] = Counter()
    voted: list[tuple[Vote, bool]] = []
    # The votes are in no metric, so there is no run in MLflow to open.
    with connected_teacher(params, TrackedRun()) as asker:

        async def ask(pair: _Pair) -> tuple[Vote, bool] | Missing:
            return await _vote(pair, texts, model, params, asker)

        for pair, each in zip(pairs, asker.in_order(ask, pairs), strict=True):
            if isinstance(each, Missing):
                missing[each] += 1
                logger.info("%s: no vote, %s", pair.ballot.id[:12], each)
            else:
                voted.append(each)
        logger.info("%s", asker.line())
    if not voted:
        counts = ", ".join(f"{count} {reason}" for reason, count in missing.items())
        raise RecordError(
            f"{reports}: no ballot got a vote of {model} ({counts or 'no ballots'}); "
            "ask a model that answers by a JSON Schema"
        )
    votes, stable = zip(*voted, strict=True)
    return JudgeResult(
        Votes(format=FORMAT, voter=f"judge: {model}", votes=votes), missing, sum(stable)
    )


def _pairs(reports: Path, changes: Path, samples: Path) -> Iterator[_Pair]:
    rows = {row.id: row for row in read_changes(changes, SplitChange)}
    cases = {case.id: case for case in read_cases(samples, changes)}
    answers = by_system(read_jsonl(reports / "predictions.jsonl", Prediction))
    for ballot in read_jsonl(reports / "ballots.jsonl", Ballot):
        case = cases.get(ballot.id)
        if case is None or not _is_of(ballot, case, answers):
            raise RecordError(
                f"{reports}: sample {ballot.id} or the answers to it are not "
                "those that the ballots are of; run the stage eval again"
            )
        first, second = (answer_text(case, answers, name) for name in ballot.systems)
        yield _Pair(ballot, rows[case.id], (first, second))


def _is_of(ballot: Ballot, case: Case, answers: Answers) -> bool:
    """Tell whether a ballot puts just these answers to a case side by side."""
    known = [
        system
        for system in ballot.systems
        if system == TARGET or case.id in answers.get(system, {})
    ]
    return len(known) == 2 and ballot_of_pair(case, answers, known) == ballot


async def _vote(
    pair: _Pair,
    prompts: Prompts,
    model: str,
    params: LabelParams,
    asker: Asker | BatchAsker,
) -> tuple[Vote, bool] | Missing:
    """Return a vote, and whether its overall choice is the same in both orders."""
    ballot, change, plans = pair
    said: list[JudgedPair] = []
    for a, b in (plans, plans[::-1]):
        question = judge_question(change, a, b, prompts, model, params.teacher)
        if question is None:
            return Missing.WITHHELD
        try:
            answer = await asker.ask(question)
            if answer.is_cut_off:
                return Missing.UNREADABLE
            said.append(record_of(read_record(answer.text, JudgedPair)))
        except WithheldError:
            return Missing.WITHHELD
        except AnswerError:
            return Missing.NO_ANSWER
        except FlawError:
            return Missing.UNREADABLE
    straight, turned = said
    choices = agreed(straight, turned)
    axes = {axis: choices[axis] for axis in Axis}
    vote = Vote(**dict(ballot), choice=choices[OVERALL], axes=axes)
    return vote, straight.overall == _TURNED[turned.overall]


def agreed(straight: JudgedPair, turned: JudgedPair) -> dict[str, Choice]:
    """Return what a judge says in both orders, by OVERALL and the axes.

    In `turned` the second plan stood as A. Where the two do not prefer the same plan
    it is a tie, because what depends on the order is no preference.
    """
    choices: dict[str, Choice] = {}
    for name in (OVERALL, *Axis):
        one, other = getattr(straight, name), _TURNED[getattr(turned, name)]
        choices[name] = one if one == other else Choice.TIE
    return choices


def judge_question(
    change: Change, a: str, b: str, prompts: Prompts, model: str, teacher: TeacherParams
) -> Question | None:
    """Return the question on two answers, or None if not even the files' names fit."""
    choice = {"type": "string", "enum": list(CHOICES[2])}
    names = JudgedPair.model_fields
    schema = object_schema(dict.fromkeys(names, choice), names)
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
        temperature=teacher.temperature,
        seed=teacher.seed,
        reasoning_effort=teacher.reasoning_effort,
        about=change.repo,
        private=change.private,
    )


def _cut(plan: str) -> str:
    more = len(plan) - _MAX_PLAN_CHARS
    return plan[:_MAX_PLAN_CHARS] + (f" ({more} more characters)" if more > 0 else "")
