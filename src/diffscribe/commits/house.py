"""Whether a message keeps to the rules of a house, beyond the specification."""

import re
from enum import StrEnum

from diffscribe.commits.wording import is_imperative
from diffscribe.params import HouseParams

_PARTS = re.compile(r"(?P<type>[\w-]+)(?:\([^()]*\))?!?:\s*(?P<subject>.*)")
_CAPITALISED = re.compile(r"[^\W\d_](?<![a-z])[a-z']*(?![\w.(/-])")


class HouseRule(StrEnum):
    """What a message breaks first, in the order of the checks."""

    TYPE = "type"
    """Not one of the types; also if it has no type."""
    HEADER_LENGTH = "header_length"
    FULL_STOP = "full_stop"
    CASE = "case"
    """The subject begins with a capitalised word that is no name or acronym."""
    MOOD = "mood"
    """The subject does not begin with a known verb in its base form."""
    BODY_WIDTH = "body_width"
    """A line of the body is too long, and no single word."""


def broken_rule(message: str, house: HouseParams) -> HouseRule | None:
    """Return the first rule of the house that a message breaks, or None."""
    header, *body = message.strip().split("\n")
    parts = _PARTS.fullmatch(header)
    if parts is None or parts["type"] not in house.types:
        return HouseRule.TYPE
    if len(header) > house.max_header_chars:
        return HouseRule.HEADER_LENGTH
    subject = parts["subject"]
    if not house.full_stop and subject.endswith((".", "。")):
        return HouseRule.FULL_STOP
    if house.lower_case and subject[:1].isupper() and _CAPITALISED.match(subject):
        return HouseRule.CASE
    if house.imperative and not is_imperative(subject):
        return HouseRule.MOOD
    if any(len(line) > house.max_body_chars and " " in line.strip() for line in body):
        return HouseRule.BODY_WIDTH
    return None
