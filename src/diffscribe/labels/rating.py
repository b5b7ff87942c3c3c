"""How good messages are, by the one rubric of prompts/teacher/rate_system.md."""

from statistics import fmean
from typing import Annotated, Any

from pydantic import Field

from diffscribe.labels.answers import read_record
from diffscribe.records import Record

_HIGHEST = 10
_Points = Annotated[int, Field(ge=0, le=_HIGHEST)]


class Rating(Record):
    """One judgement of the messages of a change, in points from 0 to 10."""

    format: _Points
    clarity: _Points
    imperative: _Points
    agreement: _Points
    """With the diff."""

    @property
    def score(self) -> float:
        """Return the mean of the four, from 0 to 1."""
        points = (self.format, self.clarity, self.imperative, self.agreement)
        return fmean(points) / _HIGHEST


def rating_schema() -> dict[str, Any]:
    """Return the JSON Schema of a rating."""
    points = {"type": "integer", "minimum": 0, "maximum": _HIGHEST}
    criteria = list(Rating.model_fields)
    return {
        "type": "object",
        "properties": dict.fromkeys(criteria, points),
        "required": criteria,
        "additionalProperties": False,
    }


def parse_rating(text: str) -> Rating:
    """Read the first JSON object of an answer; points are never clamped or guessed.

    Raises:
        FlawError: in words that can be shown to the model.
    """
    return read_record(text, Rating, rating_schema())


def agreement(scores: list[float]) -> float:
    """Return how near raters are: 1 if all say the same, 0 if two are poles apart."""
    return 1.0 - (max(scores) - min(scores))
