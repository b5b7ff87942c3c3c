"""What of a change may leave this machine."""

from typing import TypeVar
from urllib.parse import urlsplit

from diffscribe.data.secrets.redact import redact
from diffscribe.errors import ParamsError
from diffscribe.labels.outcome import Withheld
from diffscribe.llm.address import is_loopback
from diffscribe.records import Change, Plan, PlannedCommit

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


def with_paths_of(plan: Plan, sent: Change, change: Change) -> Plan:
    """Return a plan with the paths as they are, not as they were sent."""
    own = {
        there.path: here.path
        for there, here in zip(sent.files, change.files, strict=True)
    }

    def restored(commit: PlannedCommit) -> PlannedCommit:
        issues = tuple(
            issue.model_copy(update={"path": own[issue.path]})
            for issue in commit.issues
        )
        files = tuple(own[path] for path in commit.files)
        return commit.model_copy(update={"files": files, "issues": issues})

    commits = tuple(map(restored, plan.commits))
    return plan.model_copy(update={"commits": commits})
