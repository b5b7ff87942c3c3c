"""Choose the labeled changes worth learning from, and say why not of the rest.

labeled rows ─ redact ─ FILTERS ─ equal diffs ─ near-duplicates ─ caps ─► kept rows
A row that drops out at one of these goes to the rejected rows with its reason.
"""

import logging
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from diffscribe.commits.diff import diff_digest
from diffscribe.commits.grammar import TYPES
from diffscribe.core.params import CurateParams, StyleParams
from diffscribe.core.records import CuratedChange, LabeledChange, RejectedChange
from diffscribe.core.tracking import Statistics
from diffscribe.curate.filters import FILTERS, first_reason
from diffscribe.secrets.redact import Problem, redact
from diffscribe.secrets.rules import list_kinds

logger = logging.getLogger(__name__)

DUPLICATE_DIFF = "duplicate_diff"
NEAR_DUPLICATE = "near_duplicate"
REPOSITORY_CAP = "repository_cap"
TYPE_CAP = "type_cap"
REASONS = (
    *(str(problem) for problem in Problem),
    *(reason for reason, _ in FILTERS),
    *(DUPLICATE_DIFF, NEAR_DUPLICATE, REPOSITORY_CAP, TYPE_CAP),
)
"""Why a row can be rejected, in the order of the checks."""

CLUSTER_SIMILARITY = 0.5
"""Jaccard index from which on kept rows share a cluster, which split keeps together.
The leak check of split looks for 0.7, so chains below it have to be found here."""
_MOST_COMMITS_COUNTED = 4


class Curated(NamedTuple):
    """The changes kept and those rejected, each in their order."""

    kept: list[CuratedChange]
    rejected: list[RejectedChange]
    redacted: Counter[str]
    """Distinct secrets and e-mails a row, and trailers, by format."""

    @property
    def statistics(self) -> Statistics:
        """All changes and those kept, by repository."""
        approved = Counter(change.repo for change in self.kept)
        rejected = Counter(row.change.repo for row in self.rejected)
        return Statistics({"processed": approved + rejected, "approved": approved})

    def metrics(self) -> dict[str, Any]:
        """Count the funnel and what is kept, zeros included."""
        plans = [change.label.plan for change in self.kept]
        total = left = len(self.kept) + len(self.rejected)
        reasons = Counter(each.reason for each in self.rejected)
        types = Counter(commit.type for plan in plans for commit in plan.commits)
        sizes = Counter(min(len(plan.commits), _MOST_COMMITS_COUNTED) for plan in plans)
        funnel = []
        for reason in REASONS:
            left -= reasons[reason]
            row = {"reason": reason, "dropped": reasons[reason], "left": left}
            funnel.append(row)
        return {
            "changes": total,
            "kept": len(self.kept),
            "clusters": len({change.cluster for change in self.kept}),
            "rejected": {reason: reasons[reason] for reason in REASONS},
            "redacted": {name: self.redacted[name] for name in list_kinds()},
            "funnel": funnel,
            "kept_commits_by_type": {type_: types[type_] for type_ in TYPES},
            "kept_by_commits": {
                **{str(size): sizes[size] for size in range(_MOST_COMMITS_COUNTED)},
                f"{_MOST_COMMITS_COUNTED}_or_more": sizes[_MOST_COMMITS_COUNTED],
            },
        }


def curate(
    changes: Iterable[LabeledChange], params: CurateParams, style: StyleParams
) -> Curated:
    """Keep the first change of each diff, and of those like it, within the limits.

    Whether kept or rejected, no row has secrets left.
    """
    from diffscribe.commits.near_duplicates import clusters

    counts: Counter[str] = Counter()
    judged: list[tuple[LabeledChange, str | None]] = []
    seen: set[str] = set()
    for redacted in map(redact, changes):
        counts.update(redacted.counts.elements())
        change = redacted.change
        reason = redacted.problem or first_reason(change, params, style)
        if reason is None:
            digest = diff_digest(change.diff)
            reason = DUPLICATE_DIFF if digest in seen else None
            seen.add(digest)
        judged.append((change, reason))
    distinct = [change for change, reason in judged if reason is None]
    similarity = params.near_duplicate_similarity
    firsts = clusters([change.diff for change in distinct], similarity)
    kept = [distinct[index] for index in sorted(set(firsts))]
    capped = over_cap(kept, params.max_per_repository, params.max_per_type)
    kept = [change for change in kept if change.id not in capped]
    ids = {change.id for change in kept}
    rejected = [
        RejectedChange(
            reason=reason or capped.get(change.id, NEAR_DUPLICATE), change=change
        )
        for change, reason in judged
        if reason is not None or change.id not in ids
    ]
    for row in rejected:
        logger.info("%s: dropped, %s", row.change.id[:12], row.reason)
    return Curated(_with_clusters(kept), rejected, counts)


def over_cap(
    changes: Iterable[LabeledChange],
    max_per_repository: int | None,
    max_per_type: int | None,
) -> dict[str, str]:
    """Return the ids of the changes that a cap leaves out, and which cap.

    Changes come in the order of their ids, which are digests: the choice does not
    depend on the order of the sources, and stays the same as they grow but for the
    share of the new ones. A plan with two types counts for both, and is left out if
    either is full. None is no cap.
    """
    repositories: Counter[str] = Counter()
    types: Counter[str] = Counter()
    left_out = {}
    for change in sorted(changes, key=lambda each: each.id):
        own = {commit.type for commit in change.label.plan.commits}
        if max_per_repository and repositories[change.repo] >= max_per_repository:
            left_out[change.id] = REPOSITORY_CAP
        elif max_per_type and any(types[each] >= max_per_type for each in own):
            left_out[change.id] = TYPE_CAP
        else:
            repositories[change.repo] += 1
            types.update(own)
    return left_out


def _with_clusters(changes: list[LabeledChange]) -> list[CuratedChange]:
    """Name the cluster of each change by the smallest id in it."""
    from diffscribe.commits.near_duplicates import clusters

    firsts = clusters([change.diff for change in changes], CLUSTER_SIMILARITY)
    names: dict[int, str] = {}
    for change, first in zip(changes, firsts, strict=True):
        names[first] = min(names.get(first, change.id), change.id)
    return [
        CuratedChange(**dict(change), cluster=names[first])
        for change, first in zip(changes, firsts, strict=True)
    ]
