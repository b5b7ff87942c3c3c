"""What a history amounts to as the plan that is wanted."""

from collections.abc import Iterable

from diffscribe.core.errors import RecordError
from diffscribe.core.records import OriginalCommit, Plan, PlannedCommit
from diffscribe.eval.answers import plan_of_message


def plan_of_commits(commits: Iterable[OriginalCommit], paths: Iterable[str]) -> Plan:
    """Return the original commits with those of their files that are in a change.

    A file that several of them touched belongs to the oldest, as a plan has each
    file once. The words stay the author's.

    Args:
        commits: oldest first.
        paths: of the change.

    Raises:
        RecordError: if none of them touches any of the paths.
    """
    left = set(paths)
    planned: list[PlannedCommit] = []
    for commit in commits:
        own = left.intersection(commit.files)
        left -= own
        if own:
            planned += plan_of_message(commit.message, tuple(sorted(own))).commits
    if not planned:
        raise RecordError("no original commit touches any of the changed files")
    return Plan(commits=tuple(planned))
