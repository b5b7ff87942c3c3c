"""A pair of answers that a person or a judge is asked about."""

from diffscribe.records import Record

TARGET = "target"
"""What stands in for a system: the plan of the history, or of the teacher."""


class Ballot(Record):
    """Two answers to one case, without their content."""

    ballot: str
    """sha256 of the case and both answers, in their order."""
    sample_id: str
    first: str
    """Who is shown as A."""
    second: str
