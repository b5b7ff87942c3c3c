"""What a measure is: its words, its direction and its range."""

import math
from typing import Literal, NamedTuple


class Measure(NamedTuple):
    """A number of one answer; the module of its family says how it is computed."""

    family: Literal["format", "plan", "types", "grounding", "text", "junk", "seeds"]
    meaning: str
    """In a line, for tables and pages."""
    better: Literal["higher", "lower"] = "higher"
    low: float = 0.0
    high: float = 1.0
    """inf for a count."""


COUNT = math.inf
