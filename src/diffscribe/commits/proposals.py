"""The trailer of a commit that was proposed: what a person made of the proposal."""

from diffscribe.commits.grammar import split_message
from diffscribe.core.records import Verdict

KEY = "Diffscribe"


def trailer_of(verdict: Verdict) -> str:
    """Return the line below a message."""
    return f"{KEY}: {verdict}"


def proposed_as(message: str) -> Verdict | None:
    """Return whether a proposal was taken or edited; None if a person wrote it.

    If a squash has several trailers, one that says `taken` counts.
    """
    if KEY not in message:
        return None
    footers = split_message(message).footers
    said = {each.value for each in footers if each.token == KEY}
    return next((v for v in (Verdict.TAKEN, Verdict.EDITED) if v in said), None)
