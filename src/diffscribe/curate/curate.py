"""Choose the labeled changes worth learning from, and say why not of the rest.

labeled rows ─ redact ─ bodies ─ FILTERS ─ equal diffs ─ near-duplicates ─ caps ─► kept
A row that drops out at one of these goes to the rejected rows with its reason.

To add a filter, write a function that tells whether a row is dropped, and give it a
place and a reason in FILTERS.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from functools import partial
from itertools import combinations
from typing import Any, NamedTuple

from diffscribe.commits.diff import diff_digest
from diffscribe.commits.grammar import TYPES, Header, format_message
from diffscribe.commits.grounding import Evidence, evidence_of, grounded_share
from diffscribe.commits.headers import conventional_header
from diffscribe.commits.originals import new_paths
from diffscribe.commits.path_rules import is_lock_file, is_machine_made
from diffscribe.commits.plan import MAX_BODY_CHARS, PlanProblem, plan_problem
from diffscribe.commits.style import StyleRule, broken_rules
from diffscribe.commits.units import units_of
from diffscribe.core.params import CurateParams, StyleParams
from diffscribe.core.records import (
    CuratedChange,
    LabeledChange,
    PlannedCommit,
    RejectedChange,
)
from diffscribe.core.tracking import Statistics
from diffscribe.secrets.redact import Problem, redact
from diffscribe.secrets.rules import list_kinds

logger = logging.getLogger(__name__)


class Candidate(NamedTuple):
    """What a filter looks at."""

    change: LabeledChange
    limits: CurateParams
    style: StyleParams
    plan_problem: PlanProblem | None

    @property
    def commits(self) -> tuple[PlannedCommit, ...]:
        """The commits of the label."""
        return self.change.label.plan.commits


Filter = Callable[[Candidate], bool]
"""Tells whether a row is dropped."""


def _has_plan_problem(problem: PlanProblem, row: Candidate) -> bool:
    return row.plan_problem == problem


def _breaks(rule: StyleRule, row: Candidate) -> bool:
    messages = map(format_message, row.commits)
    return any(rule in broken_rules(message, row.style) for message in messages)


def _is_ungrounded(row: Candidate) -> bool:
    """Tell whether any commit's message names what is not there.

    A subject is of its own files alone: what another commit shows is no excuse.
    """
    least = row.style.min_grounded_share
    whole = evidence_of(row.change)
    return any(
        grounded_share(commit.subject, evidence_of(row.change, commit.files)) < least
        or grounded_share(commit.body, whole) < least
        for commit in row.commits
    )


def _is_generated(row: Candidate) -> bool:
    """Tell whether no file is written by a person; a person commits lock files."""
    paths = [file.path for file in row.change.files]
    return all(map(is_machine_made, paths)) and not any(map(is_lock_file, paths))


def agreements(change: LabeledChange) -> Iterator[float]:
    """Yield how far a teacher agrees with the history; nothing for other labels.

    First the share of files with one type, if all original commits have one; a
    file's last commit tells its type. Then, of more than one file, Rand's index:
    the share of pairs of files that both keep together, or both apart.
    """
    if change.label.source != "teacher":
        return
    paths = [file.path for file in change.files]
    taught = change.label.plan.commits
    headers = _original_headers(change)
    if paths and None not in headers:
        types = {
            path: header.type
            for header, commit in zip(headers, change.commits, strict=True)
            if header is not None
            for path in commit.files
        }
        given = {path: commit.type for commit in taught for path in commit.files}
        same = [given.get(path) == types.get(path) is not None for path in paths]
        yield sum(same) / len(same)
    if pairs := list(combinations(paths, 2)):
        now = new_paths(change.files)
        history = [{now.get(path, path) for path in c.files} for c in change.commits]
        groups = [set(commit.files) for commit in taught]
        same = [_together(pair, groups) == _together(pair, history) for pair in pairs]
        yield sum(same) / len(same)


def _together(pair: tuple[str, str], commits: Sequence[set[str]]) -> bool:
    return any(commit.issuperset(pair) for commit in commits)


def _original_headers(change: LabeledChange) -> list[Header | None]:
    return [conventional_header(commit.message) for commit in change.commits]


FILTERS: dict[str, Filter] = {
    "short_diff": lambda row: len(row.change.diff) < row.limits.min_diff_chars,
    "long_diff": lambda row: len(row.change.diff) > row.limits.max_diff_chars,
    "too_many_files": lambda row: len(row.change.files) > row.limits.max_files,
    **{
        f"plan_{problem}": partial(_has_plan_problem, problem)
        for problem in PlanProblem
    },
    "license_not_allowed": lambda row: (
        bool(row.limits.licenses) and row.change.license not in row.limits.licenses
    ),
    "generated_only": _is_generated,
    "not_conventional": lambda row: (
        row.limits.conventional_only and None in _original_headers(row.change)
    ),
    "long_body": lambda row: any(
        len(each.body) > MAX_BODY_CHARS for each in row.commits
    ),
    **{str(rule): partial(_breaks, rule) for rule in StyleRule},
    "low_rating": lambda row: any(
        row.change.label.ratings.get(name, 1.0) < least
        for name, least in row.limits.min_ratings.items()
    ),
    "teacher_disagrees": lambda row: any(
        share < row.limits.min_teacher_agreement for share in agreements(row.change)
    ),
    "ungrounded": _is_ungrounded,
}
"""The filters by their reasons; the first that applies names the reason."""


def first_reason(
    change: LabeledChange, params: CurateParams, style: StyleParams
) -> str | None:
    """Return the reason of the first filter that drops a row, or None."""
    units = units_of(change.files, change.diff)
    row = Candidate(change, params, style, plan_problem(change.label.plan, units))
    return next((reason for reason, drops in FILTERS.items() if drops(row)), None)


class BodyReason(StrEnum):
    """Why a commit loses its body, if style asks for none."""

    LONG_BODY = "long_body"
    LONG_LINE = "long_line"
    UNGROUNDED = "ungrounded"


def mend_bodies(
    change: LabeledChange, style: StyleParams
) -> tuple[LabeledChange, list[BodyReason]]:
    """Return a change without the bodies that would drop it, and their reasons.

    A good header is worth learning without its body. Nothing is mended if `style`
    requires bodies.
    """
    plan = change.label.plan
    if style.body == "required" or not any(commit.body for commit in plan.commits):
        return change, []
    evidence = evidence_of(change)
    reasons = [_body_reason(commit, evidence, style) for commit in plan.commits]
    commits = tuple(
        commit.model_copy(update={"body": ""}) if reason else commit
        for commit, reason in zip(plan.commits, reasons, strict=True)
    )
    mended = plan.model_copy(update={"commits": commits})
    label = change.label.model_copy(update={"plan": mended})
    return change.model_copy(update={"label": label}), list(filter(None, reasons))


def _body_reason(
    commit: PlannedCommit, evidence: Evidence, style: StyleParams
) -> BodyReason | None:
    if len(commit.body) > MAX_BODY_CHARS:
        return BodyReason.LONG_BODY
    if StyleRule.LONG_LINE in broken_rules(format_message(commit), style):
        return BodyReason.LONG_LINE
    if grounded_share(commit.body, evidence) < style.min_grounded_share:
        return BodyReason.UNGROUNDED
    return None


DUPLICATE_DIFF = "duplicate_diff"
NEAR_DUPLICATE = "near_duplicate"
REPOSITORY_CAP = "repository_cap"
TYPE_CAP = "type_cap"
REASONS = (
    *(str(problem) for problem in Problem),
    *FILTERS,
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
    bodies: Counter[BodyReason]
    """Those that were dropped, of kept and of rejected changes."""

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
        by_repository: dict[str, Counter[str]] = defaultdict(Counter)
        for each in self.rejected:
            by_repository[each.change.repo][each.reason] += 1
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
            "reasons_by_repository": by_repository,
            "bodies_dropped": {
                reason.value: self.bodies[reason] for reason in BodyReason
            },
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
    bodies: Counter[BodyReason] = Counter()
    judged: list[tuple[LabeledChange, str | None]] = []
    seen: set[str] = set()
    for redacted in map(redact, changes):
        counts.update(redacted.counts.elements())
        change, without = mend_bodies(redacted.change, style)
        bodies.update(without)
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
    firsts = clusters([change.diff for change in kept], CLUSTER_SIMILARITY)
    names: dict[int, str] = {}
    for change, first in zip(kept, firsts, strict=True):
        names[first] = min(names.get(first, change.id), change.id)
    named = [
        CuratedChange(**dict(change), cluster=names[first])
        for change, first in zip(kept, firsts, strict=True)
    ]
    return Curated(named, rejected, counts, bodies)


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
