"""Choose the labeled changes worth learning from, and say why not of the rest."""

from collections import Counter
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any, NamedTuple

from diffscribe.commits.diff import diff_digest
from diffscribe.commits.grammar import TYPES, format_header
from diffscribe.commits.plan import plan_problem
from diffscribe.core.params import CurateParams
from diffscribe.core.records import CuratedChange, LabeledChange, Plan, RejectedChange
from diffscribe.core.tracking import Statistics
from diffscribe.curate.filters import filter_problem
from diffscribe.secrets.redact import Redacted, redact
from diffscribe.secrets.rules import list_kinds


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


_MOST_COMMITS_COUNTED = 4


class CurateReason(StrEnum):
    """Why a change was rejected, in the order of the checks."""

    PRIVATE_KEY = "private_key"
    SECRETS_LEFT = "secrets_left"
    SHORT_DIFF = "short_diff"
    LONG_DIFF = "long_diff"
    TOO_MANY_FILES = "too_many_files"
    PLAN_EMPTY_COMMIT = "plan_empty_commit"
    PLAN_UNKNOWN_TYPE = "plan_unknown_type"
    PLAN_EMPTY_SUBJECT = "plan_empty_subject"
    PLAN_UNKNOWN_PATH = "plan_unknown_path"
    PLAN_DUPLICATE_PATH = "plan_duplicate_path"
    PLAN_IGNORES_EVERYTHING = "plan_ignores_everything"
    PLAN_IGNORES_COMMITTED_PATH = "plan_ignores_committed_path"
    PLAN_MISSING_PATH = "plan_missing_path"
    SHORT_SUBJECT = "short_subject"
    LONG_SUBJECT = "long_subject"
    LONG_BODY = "long_body"
    LICENSE_NOT_ALLOWED = "license_not_allowed"
    GENERATED_ONLY = "generated_only"
    NOT_CONVENTIONAL = "not_conventional"
    TRIVIAL_MESSAGE = "trivial_message"
    TICKET_ONLY = "ticket_only"
    NOT_ENGLISH = "not_english"
    NOT_IMPERATIVE = "not_imperative"
    LOW_RATING = "low_rating"
    TEACHER_DISAGREES = "teacher_disagrees"
    UNGROUNDED = "ungrounded"
    DUPLICATE_DIFF = "duplicate_diff"
    NEAR_DUPLICATE = "near_duplicate"
    REPOSITORY_CAP = "repository_cap"
    TYPE_CAP = "type_cap"


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
        reasons = Counter(each.reason for each in self.rejected)
        types = Counter(commit.type for plan in plans for commit in plan.commits)
        sizes = Counter(min(len(plan.commits), _MOST_COMMITS_COUNTED) for plan in plans)
        return {
            "changes": len(self.kept) + len(self.rejected),
            "kept": len(self.kept),
            "clusters": len({change.cluster for change in self.kept}),
            "rejected": {reason.value: reasons[reason] for reason in CurateReason},
            "redacted": {name: self.redacted[name] for name in list_kinds()},
            "funnel": _funnel(len(self.kept) + len(self.rejected), reasons),
            "kept_commits_by_type": {type_: types[type_] for type_ in TYPES},
            "kept_by_commits": {
                "0": sizes[0],
                "1": sizes[1],
                "2": sizes[2],
                "3": sizes[3],
                "4_or_more": sizes[_MOST_COMMITS_COUNTED],
            },
        }


def _funnel(changes: int, reasons: Counter[str]) -> list[dict[str, Any]]:
    """Return what each reason drops and leaves, in their order, for DVC's plot."""
    left = changes
    rows: list[dict[str, Any]] = []
    for reason in CurateReason:
        left -= reasons[reason]
        rows.append({"reason": reason, "dropped": reasons[reason], "left": left})
    return rows


def curate(changes: Iterable[LabeledChange], params: CurateParams) -> Curated:
    """Keep the first change of each diff, and of those like it, within the limits.

    Whether kept or rejected, no row has secrets left.
    """
    from diffscribe.commits.near_duplicates import clusters

    redacted = [redact(change) for change in changes]
    judged = list(_judged(redacted, params))
    distinct = [change for change, reason in judged if reason is None]
    firsts = clusters(
        [change.diff for change in distinct], params.near_duplicate_similarity
    )
    kept = [distinct[index] for index in sorted(set(firsts))]
    capped = over_cap(kept, params.max_per_repository, params.max_per_type)
    kept = [change for change in kept if change.id not in capped]
    ids = {change.id for change in kept}
    alike = clusters([change.diff for change in kept], params.cluster_similarity)
    return Curated(
        _with_clusters(kept, alike),
        [
            RejectedChange(
                reason=reason or capped.get(change.id) or CurateReason.NEAR_DUPLICATE,
                change=change,
            )
            for change, reason in judged
            if reason is not None or change.id not in ids
        ],
        Counter(name for each in redacted for name in each.counts.elements()),
    )


def _judged(
    rows: Iterable[Redacted[LabeledChange]], params: CurateParams
) -> Iterator[tuple[LabeledChange, CurateReason | None]]:
    """Yield each change and why it is rejected, near-duplicates aside."""
    seen: set[str] = set()
    for change, _, problem in rows:
        reason = CurateReason(problem) if problem else broken_limit(change, params)
        if reason is None:
            digest = diff_digest(change.diff)
            reason = CurateReason.DUPLICATE_DIFF if digest in seen else None
            seen.add(digest)
        yield change, reason


def _with_clusters(
    changes: list[LabeledChange], firsts: list[int]
) -> list[CuratedChange]:
    """Name each cluster by the smallest id in it, given the first index of each."""
    names: dict[int, str] = {}
    for change, first in zip(changes, firsts, strict=True):
        names[first] = min(names.get(first, change.id), change.id)
    return [
        CuratedChange(**dict(change), cluster=names[first])
        for change, first in zip(changes, firsts, strict=True)
    ]


def broken_limit(change: LabeledChange, params: CurateParams) -> CurateReason | None:
    """Name the first limit that a change breaks, or None if it keeps them all."""
    plan = change.label.plan
    if len(change.diff) < params.min_diff_chars:
        return CurateReason.SHORT_DIFF
    if len(change.diff) > params.max_diff_chars:
        return CurateReason.LONG_DIFF
    if len(change.files) > params.max_files:
        return CurateReason.TOO_MANY_FILES
    problem = plan_problem(plan, [file.path for file in change.files])
    if problem is not None:
        return CurateReason(f"plan_{problem}")
    broken = _broken_message_limit(plan, params) or filter_problem(change, params)
    return CurateReason(broken) if broken else None


def _broken_message_limit(plan: Plan, params: CurateParams) -> CurateReason | None:
    if any(len(each.subject) < params.min_subject_chars for each in plan.commits):
        return CurateReason.SHORT_SUBJECT
    if any(
        len(format_header(each)) > params.max_subject_chars for each in plan.commits
    ):
        return CurateReason.LONG_SUBJECT
    if any(len(each.body) > params.max_body_chars for each in plan.commits):
        return CurateReason.LONG_BODY
    return None
