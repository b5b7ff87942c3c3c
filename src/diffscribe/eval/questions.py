"""What a model is asked about a case, and how its answer is read."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from diffscribe.commits.answer import read_message_lines, read_plan_lines
from diffscribe.commits.answer_grammar import answer_grammar, message_grammar
from diffscribe.commits.plan import plan_of_message, read_plan
from diffscribe.core.records import Plan, Prediction
from diffscribe.doors.reply import Question, without_thoughts
from diffscribe.eval.cases import Case, case_units, held_limits, schema_of

_FENCE = "```"
CANDIDATE_TEMPERATURE = 0.4
"""Above it candidates agree in less: at 0.7 and 1.0 the best of them said no more."""


class Decoding(NamedTuple):
    """How answers are drawn."""

    max_tokens: int
    """The limit of an answer, thoughts included."""
    seed: int
    temperature: float = 0.0
    with_schema: bool = True
    """Whether the server holds plans to their JSON Schema or grammar."""
    with_bodies: bool = True
    """Whether the grammar leaves room for bodies of messages."""
    reasoning_effort: str | None = None
    """Such as `low`, where the model knows it."""
    candidates: int = 1
    """Messages that are asked for where a commit is asked for alone; one is kept."""

    def of_candidates(self, case: Case) -> Iterator["Decoding"]:
        """Yield how each answer to a case is drawn; the first is as without others."""
        yield self
        for number in range(1, self.candidates if case.task == "message" else 1):
            yield self._replace(
                temperature=CANDIDATE_TEMPERATURE, seed=self.seed + number
            )


def question_of(case: Case, model: str, decoding: Decoding) -> Question:
    """Return the question that a case is to a model."""
    is_held = decoding.with_schema
    return Question(
        model=model,
        messages=case.prompt,
        schema=schema_of(case) if is_held else None,
        max_tokens=decoding.max_tokens,
        temperature=decoding.temperature,
        seed=decoding.seed,
        reasoning_effort=decoding.reasoning_effort,
        about=case.repo,
        private=case.private,
        grammar=_grammar(case, decoding) if is_held and case.answer == "lines" else "",
    )


def _grammar(case: Case, decoding: Decoding) -> str:
    """Return the grammar of the answers in lines to a case."""
    limits = held_limits(case, decoding.max_tokens, decoding.with_bodies)
    if case.task == "message":
        return message_grammar(case.types, case.message, limits, case.scopes)
    units, lines = case_units(case), case.first_lines
    return answer_grammar(units, message=case.message, first_lines=lines, limits=limits)


def read_answer(case: Case, text: str) -> tuple[Plan | None, str | None]:
    """Return the plan in an answer, or None and why there is none.

    An answer to a message case is the message; its plan is one commit of all files.
    """
    if case.answer == "lines":
        reader = read_plan_lines if case.task == "plan" else read_message_lines
        read = reader(text, case_units(case), case.message)
        return read.record, read.problem
    if case.task == "message":
        message = bare_message(text)
        if not message:
            return None, "the answer holds no message"
        return plan_of_message(message, case.files), None
    plan, problem, _ = read_plan(text)
    return plan, problem


def bare_message(text: str) -> str:
    """Return a message without thoughts, the fence around it, and outer blanks."""
    message = without_thoughts(text).strip()
    if message.startswith(_FENCE) and message.endswith(_FENCE) and "\n" in message:
        message = message.partition("\n")[2].removesuffix(_FENCE).strip()
    return message


def with_words(plan: Plan, answers: Iterable[Prediction]) -> Plan:
    """Return a plan with the messages of answers, which are plans of one commit."""
    messages = [each.plan.commits[0] for each in answers if each.plan]
    commits = (
        message.model_copy(update={"files": commit.files, "hunks": commit.hunks})
        for commit, message in zip(plan.commits, messages, strict=True)
    )
    return plan.model_copy(update={"commits": tuple(commits)})
