"""The questions about a change (a plan, clean messages, a rating) and their answers.

Each question is a pure function of the change, the prompts and the params.
"""

import json
from collections.abc import Mapping, Sequence
from statistics import fmean
from string import Template
from typing import Annotated, Any

from pydantic import Field

from diffscribe.commits.plan import (
    array_schema,
    object_schema,
    plan_schema,
    read_record,
)
from diffscribe.commits.prompt import Prompts, TeacherPrompts, render_prompt
from diffscribe.core.draw import is_drawn
from diffscribe.core.params import LabelParams
from diffscribe.core.records import Change, Message, Record
from diffscribe.doors.reply import Question
from diffscribe.label.check import Flaw, FlawError, record_of


class CleanMessage(Record):
    """Subject and body of one commit; type and scope stay as they are."""

    subject: str
    body: str = ""


class _Answer(Record):
    messages: tuple[CleanMessage, ...]


def messages_schema(count: int) -> dict[str, Any]:
    """Return the JSON Schema of `count` subjects with their bodies."""
    subject = {"type": "string", "minLength": 1, "maxLength": 100}
    body = {"type": "string", "maxLength": 1000}
    message = object_schema({"subject": subject, "body": body}, ["subject"])
    messages = array_schema(message, count, minimum=count)
    return object_schema({"messages": messages}, ["messages"])


def parse_messages(text: str, count: int) -> tuple[CleanMessage, ...]:
    """Read `count` messages from an answer; text around the object is ignored.

    Raises:
        FlawError: in words that can be shown to the model.
    """
    messages = record_of(read_record(text, _Answer)).messages
    if len(messages) != count:
        words = f"there are {len(messages)} messages, and {count} are needed"
        raise FlawError(Flaw.NOT_JSON, words)
    return messages


_HIGHEST = 10
_Points = Annotated[int, Field(ge=0, le=_HIGHEST)]


class Rating(Record):
    """Points from 0 to 10 for the messages of a change."""

    format: _Points
    clarity: _Points
    imperative: _Points
    agreement: _Points
    """Agreement with the diff."""

    @property
    def score(self) -> float:
        """Return the mean of the four, from 0 to 1."""
        points = (self.format, self.clarity, self.imperative, self.agreement)
        return fmean(points) / _HIGHEST


def rating_schema() -> dict[str, Any]:
    """Return the JSON Schema of a rating."""
    points = {"type": "integer", "minimum": 0, "maximum": _HIGHEST}
    return object_schema(
        dict.fromkeys(Rating.model_fields, points), Rating.model_fields
    )


def parse_rating(text: str) -> Rating:
    """Read the first JSON object of an answer; points are never clamped or guessed.

    Raises:
        FlawError: in words that can be shown to the model.
    """
    return record_of(read_record(text, Rating))


_CONTEXT_LINES = 3
"""Everything that git shows; a teacher's context has room for it."""
_NOTHING = "(nothing)"
"""Stands in for an empty answer, as endpoints refuse a turn without words."""


def plan_question(
    change: Change, prompts: TeacherPrompts, params: LabelParams
) -> Question | None:
    """Return the question for a plan, or None if the file names alone are too long.

    The schema is in the prompt too: a server may refuse it, or use it as a grammar
    that the model never sees.
    """
    schema = plan_schema([file.path for file in change.files])
    return _question(change, prompts.plan, schema, (), params)


def clean_question(
    change: Change,
    messages: Sequence[str],
    prompts: TeacherPrompts,
    params: LabelParams,
) -> Question | None:
    """Return the question for clean versions of the messages, or None as above."""
    schema = messages_schema(len(messages))
    return _question(change, prompts.clean, schema, messages, params)


def rate_question(
    change: Change,
    messages: Sequence[str],
    rater: int,
    prompts: TeacherPrompts,
    params: LabelParams,
) -> Question | None:
    """Return the question of the rater with this number in params, or None as above.

    A second sample of a model has another seed, so that it is another question.
    """
    question = _question(change, prompts.rate, rating_schema(), messages, params)
    model = params.raters[rater]
    sample = params.raters[:rater].count(model)
    # At temperature 0 a second sample would be the first.
    is_same = sample > 0 and params.teacher.temperature == 0
    return question and question._replace(
        model=model,
        seed=params.teacher.seed + sample,
        temperature=1.0 if is_same else params.teacher.temperature,
    )


def reask_question(
    question: Question,
    answer: str,
    complaint: str,
    prompts: TeacherPrompts,
    max_prompt_chars: int,
) -> Question:
    """Return the question that shows the model its own answer and the complaint.

    A longer answer than max_prompt_chars is cut.
    """
    words = Template(prompts.reask).substitute(complaint=complaint)
    turns = (
        Message(role="assistant", content=answer[:max_prompt_chars] or _NOTHING),
        Message(role="user", content=words),
    )
    return question._replace(messages=(*question.messages, *turns))


def is_traced(change: Change, fraction: float) -> bool:
    """Tell whether MLflow may show the questions about a change; its id decides."""
    return not change.private and is_drawn(fraction, "trace", change.id)


def _question(
    change: Change,
    prompts: Prompts,
    schema: Mapping[str, Any],
    messages: Sequence[str],
    params: LabelParams,
) -> Question | None:
    teacher = params.teacher
    more = {
        "schema": json.dumps(schema, ensure_ascii=False, separators=(",", ":")),
        "messages": "\n\n".join(
            f"--- message {number}\n{message}"
            for number, message in enumerate(messages, 1)
        ),
    }
    rendered = render_prompt(
        change, prompts, teacher.max_prompt_chars, _CONTEXT_LINES, len, more
    )
    if rendered is None:
        return None
    return Question(
        model=teacher.model,
        messages=rendered.messages,
        schema=schema,
        max_tokens=teacher.max_answer_tokens,
        temperature=teacher.temperature,
        seed=teacher.seed,
        reasoning_effort=teacher.reasoning_effort,
        about=change.repo,
        private=change.private,
        traced=is_traced(change, params.trace_fraction),
    )
