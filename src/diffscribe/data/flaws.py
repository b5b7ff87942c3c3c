"""Why an answer is no label, and the words to ask again with."""

from enum import StrEnum


class Flaw(StrEnum):
    """Why an answer is no label, in the order of the checks."""

    CUT_OFF = "cut_off"
    NOT_JSON = "not_json"
    EMPTY_COMMIT = "empty_commit"
    UNKNOWN_TYPE = "unknown_type"
    EMPTY_SUBJECT = "empty_subject"
    UNKNOWN_PATH = "unknown_path"
    DUPLICATE_PATH = "duplicate_path"
    IGNORES_EVERYTHING = "ignores_everything"
    IGNORES_COMMITTED_PATH = "ignores_committed_path"
    MISSING_PATH = "missing_path"
    UNKNOWN_ISSUE_PATH = "unknown_issue_path"
    NOT_CONVENTIONAL = "not_conventional"
    REPEATED_TYPE = "repeated_type"
    LONG_HEADER = "long_header"
    FULL_STOP = "full_stop"
    TRIVIAL_MESSAGE = "trivial_message"
    TICKET_ONLY = "ticket_only"
    NOT_ENGLISH = "not_english"
    NOT_IMPERATIVE = "not_imperative"
    BODY_MISSING = "body_missing"
    FENCE = "fence"
    PLACEHOLDER = "placeholder"
    PERSON = "person"
    REFERENCE = "reference"
    UNGROUNDED = "ungrounded"


class FlawError(ValueError):
    """An answer that is no label; the message can be shown to the model."""

    def __init__(self, flaw: Flaw, words: str) -> None:
        super().__init__(words)
        self.flaw = flaw
