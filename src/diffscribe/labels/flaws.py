"""Why an answer is no label, and the words to ask again with."""

from enum import StrEnum

from diffscribe.commits.plan import PlanProblem
from diffscribe.commits.wording import WordingProblem


class Flaw(StrEnum):
    """What can be wrong with an answer, beside its plan and its wording."""

    CUT_OFF = "cut_off"
    NOT_JSON = "not_json"
    UNKNOWN_ISSUE_PATH = "unknown_issue_path"
    NOT_CONVENTIONAL = "not_conventional"
    REPEATED_TYPE = "repeated_type"
    LONG_HEADER = "long_header"
    FULL_STOP = "full_stop"
    BODY_MISSING = "body_missing"
    FENCE = "fence"
    PLACEHOLDER = "placeholder"
    PERSON = "person"
    REFERENCE = "reference"
    UNGROUNDED = "ungrounded"


FLAWS = (*Flaw, *PlanProblem, *WordingProblem)
"""Everything that can be wrong with an answer."""


class FlawError(ValueError):
    """An answer that is no label; the message can be shown to the model."""

    def __init__(self, flaw: Flaw | PlanProblem | WordingProblem, words: str) -> None:
        super().__init__(words)
        self.flaw = flaw
