"""What of a change may leave this machine."""

from typing import TypeVar
from urllib.parse import urlsplit

from diffscribe.data.label_outcome import Withheld
from diffscribe.data.secrets.redact import redact
from diffscribe.errors import ParamsError
from diffscribe.llm.address import is_loopback
from diffscribe.records import Change

C = TypeVar("C", bound=Change)


def outgoing(change: C, base_url: str) -> C | Withheld:
    """Return a change with typed placeholders for its secrets and people.

    Files keep their order, so that what is said of a replaced path can be
    taken back to the path itself. A row that curate would reject for its
    secrets is withheld: nothing should be paid for it.

    Raises:
        ParamsError: if the change is private, and the endpoint another machine.
    """
    if change.private and not is_loopback(base_url):
        raise ParamsError(
            f"{change.repo} is marked private and may not be sent to "
            f"{urlsplit(base_url).hostname}; name an endpoint on this machine in "
            "label.teacher.base_url, or leave the source out"
        )
    redacted = redact(change)
    return Withheld(redacted.problem) if redacted.problem else redacted.change
