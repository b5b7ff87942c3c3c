"""What becomes of a change that should get a label."""

from enum import StrEnum
from typing import NamedTuple

from diffscribe.labels.flaws import FLAWS
from diffscribe.labels.history_plan import Reason
from diffscribe.llm.request import TokenUsage
from diffscribe.records import Change, Label, Record


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
    result: Label | LabelFailure | Reason
    spent: tuple[Spent, ...]
