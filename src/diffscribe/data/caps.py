"""Keep no more changes of a repository or of a type than params allow."""

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

from diffscribe.records import LabeledChange


class Cap(StrEnum):
    """Which cap was full when a change came."""

    REPOSITORY_CAP = "repository_cap"
    TYPE_CAP = "type_cap"


def over_cap(
    changes: Iterable[LabeledChange],
    max_per_repository: int | None,
    max_per_type: int | None,
) -> dict[str, Cap]:
    """Return the ids of the changes that a cap leaves out, and which cap.

    Changes come in the order of their ids, which are digests: who stays does
    not hang on the order of the sources, and stays the same as they grow but
    for the share of the new ones. A plan with two types counts for both, and
    is left out if either is full. None is no cap.
    """
    repositories: Counter[str] = Counter()
    types: Counter[str] = Counter()
    left_out = {}
    for change in sorted(changes, key=lambda each: each.id):
        own = {commit.type for commit in change.label.plan.commits}
        if max_per_repository and repositories[change.repo] >= max_per_repository:
            left_out[change.id] = Cap.REPOSITORY_CAP
        elif max_per_type and any(types[each] >= max_per_type for each in own):
            left_out[change.id] = Cap.TYPE_CAP
        else:
            repositories[change.repo] += 1
            types.update(own)
    return left_out
