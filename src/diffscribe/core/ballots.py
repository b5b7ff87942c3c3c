"""Ballots and votes: what is put before a voter, and what was said of it.

A *ballot* shows one plan of a change, to accept or reject, or two side by side, A and
B. A *vote* is a ballot with a choice. Pages export votes of people, the judge writes
those of a model.
"""

import hashlib
import json
from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from diffscribe.core.errors import InputError, RecordError
from diffscribe.core.files import first_problem, json_problem
from diffscribe.core.records import Record

FORMAT: Literal["diffscribe votes 2"] = "diffscribe votes 2"


class Choice(StrEnum):
    """What a voter says of one plan, or of two."""

    ACCEPT = "accept"
    REJECT = "reject"
    SKIP = "skip"
    A = "A"
    TIE = "tie"
    B = "B"


CHOICES = {
    1: (Choice.ACCEPT, Choice.REJECT, Choice.SKIP),
    2: (Choice.A, Choice.TIE, Choice.B),
}
"""The choices by the number of plans on the ballot."""


class Axis(StrEnum):
    """What one of two plans can be better in, apart from the whole."""

    ACCURACY = "accuracy"
    SPECIFICITY = "specificity"
    BREVITY = "brevity"
    TYPE = "type"


class Ballot(Record):
    """One or two plans of a change that are put before a voter, without content."""

    ballot: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """sha256 of the change and the plans in the order in which they are shown."""
    id: str
    """Id of the change."""
    repo: str
    systems: Annotated[tuple[str, ...], Field(min_length=1, max_length=2)]
    """Who made each plan: a teacher's model, `history`, `target` or a system."""


class Vote(Ballot):
    """A ballot and what was said of it."""

    choice: Choice
    axes: dict[Axis, Choice] = Field(default_factory=dict)
    """Only of two plans, and only the axes that the voter spoke of."""
    note: Annotated[str, Field(max_length=4000)] = ""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        allowed = CHOICES[len(self.systems)]
        if not {self.choice, *self.axes.values()} <= set(allowed):
            raise ValueError(f"choices are {', '.join(allowed)} here")
        return self


class Votes(Record):
    """The JSON file that a page exports, or that the judge writes."""

    format: Literal["diffscribe votes 2"]
    voter: str
    """`person`, or the model that judged."""
    votes: Annotated[tuple[Vote, ...], Field(min_length=1)]


def read_votes(path: Path) -> Votes:
    """Return the votes of a file.

    Raises:
        InputError: if it cannot be read.
        RecordError: if it holds no votes, or two on one ballot.
    """
    try:
        text = path.read_bytes()
        votes = Votes.model_validate_json(text)
    except OSError as error:
        raise InputError(
            f"votes '{path}' cannot be read: {error.strerror}; export them from a gate "
            "or evaluation page with the key e, and name that file"
        ) from error
    except ValidationError as error:
        raise RecordError(
            f"{path}: no votes of a gate or evaluation page: {first_problem(error)}; "
            "export them again, nothing was recorded"
        ) from error
    if problem := json_problem(text):
        raise RecordError(f"{path}: {problem}; export them again, nothing was recorded")
    ballot, number = Counter(vote.ballot for vote in votes.votes).most_common(1)[0]
    if number > 1:
        raise RecordError(
            f"{path}: ballot {ballot} is there twice; export them again, nothing was "
            "recorded"
        )
    return votes


def digest(*texts: str) -> str:
    """Return the sha256 of texts, in hex, such that their borders count."""
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()
