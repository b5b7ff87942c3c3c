"""A judge votes on the ballots that people vote on; each answer is paid for once."""

from collections import Counter
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from diffscribe.diffs.render import Prompts
from diffscribe.errors import ParamsError, RecordError
from diffscribe.evaluation.cases import read_cases
from diffscribe.evaluation.judge import (
    Verdict,
    agreed,
    is_stable,
    judge_request,
    load_judge_prompts,
    parse_verdict,
)
from diffscribe.evaluation.page.ballot import Ballot
from diffscribe.evaluation.page.side_by_side import answer_text, ballot_of
from diffscribe.evaluation.votes import FORMAT, OVERALL, Axis, Vote, Votes
from diffscribe.jsonl import read_jsonl
from diffscribe.labels.connection import ROWS_PER_SLOT, Connection, connected
from diffscribe.labels.flaws import FlawError
from diffscribe.labels.outcome import Withheld
from diffscribe.labels.outgoing import outgoing
from diffscribe.llm.failures import AnswerError
from diffscribe.llm.in_order import in_order
from diffscribe.params import LabelParams
from diffscribe.records import Prediction, SplitChange
from diffscribe.tracking import TrackedRun


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
    with connected(params, TrackedRun()) as connection:

        async def ask(question: _Question) -> _Voted | Missing:
            return await _vote(question, texts, model, params, connection)

        window = ROWS_PER_SLOT * params.teacher.concurrency
        for each in in_order(ask, questions, window, connection.close):
            if isinstance(each, Missing):
                missing[each] += 1
            else:
                voted.append(each)
            show(connection.line())
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
    connection: Connection,
) -> _Voted | Missing:
    ballot, change, first, second = question
    sent = outgoing(change, params.teacher.base_url)
    if isinstance(sent, Withheld):
        return Missing.WITHHELD
    verdicts: list[Verdict] = []
    for a, b in ((first, second), (second, first)):
        request = judge_request(sent, a, b, prompts, model, params.teacher)
        if request is None:
            return Missing.WITHHELD
        try:
            verdicts.append(parse_verdict((await connection.ask(request)).text))
        except AnswerError:
            return Missing.NO_ANSWER
        except FlawError:
            return Missing.UNREADABLE
    straight, turned = verdicts
    choices = agreed(straight, turned)
    axes = {axis: choices[axis] for axis in Axis}
    vote = Vote(**dict(ballot), choice=choices[OVERALL], axes=axes)
    return _Voted(vote, is_stable(straight, turned))
