"""The filters of curate, in their order: what a row is dropped for, one by one.

To add a filter, write a function that tells whether a row is to go, and give it a
place and a reason in FILTERS.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import combinations

from diffscribe.commits.cleanup import strip_marks
from diffscribe.commits.grammar import (
    Header,
    format_message,
    parse_header,
    split_message,
)
from diffscribe.commits.grounding import evidence_of, grounded_share
from diffscribe.commits.path_rules import is_machine_made
from diffscribe.commits.plan import MAX_BODY_CHARS, PlanProblem, plan_problem
from diffscribe.commits.style import StyleRule, broken_rules
from diffscribe.core.params import CurateParams, StyleParams
from diffscribe.core.records import LabeledChange

Filter = Callable[[LabeledChange, CurateParams, StyleParams], bool]
"""Tells whether a row is dropped."""

MIN_SUBJECT_CHARS = 8
"""A shorter description, such as `fix it`, says nothing."""


def first_reason(
    change: LabeledChange, params: CurateParams, style: StyleParams
) -> str | None:
    """Return the reason of the first filter that drops a row, or None."""
    return next(
        (reason for reason, drops in FILTERS if drops(change, params, style)), None
    )


def _has_plan_problem(
    problem: PlanProblem, change: LabeledChange, _: CurateParams, __: StyleParams
) -> bool:
    paths = [file.path for file in change.files]
    return plan_problem(change.label.plan, paths) == problem


def _breaks(
    rule: StyleRule, change: LabeledChange, _: CurateParams, style: StyleParams
) -> bool:
    messages = map(format_message, change.label.plan.commits)
    return any(rule in broken_rules(message, style) for message in messages)


def _is_ungrounded(change: LabeledChange, _: CurateParams, style: StyleParams) -> bool:
    commits = change.label.plan.commits
    text = "\n".join(f"{each.subject}\n{each.body}" for each in commits)
    return grounded_share(text, evidence_of(change)) < style.min_grounded_share


def _teacher_disagrees(
    change: LabeledChange, params: CurateParams, _: StyleParams
) -> bool:
    return any(share < params.min_teacher_agreement for share in agreements(change))


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
        now = {file.old_path: file.path for file in change.files if file.old_path}
        history = [{now.get(path, path) for path in c.files} for c in change.commits]
        groups = [set(commit.files) for commit in taught]
        same = [_together(pair, groups) == _together(pair, history) for pair in pairs]
        yield sum(same) / len(same)


def _together(pair: tuple[str, str], commits: Sequence[set[str]]) -> bool:
    return any(commit.issuperset(pair) for commit in commits)


def _original_headers(change: LabeledChange) -> list[Header | None]:
    return [
        parse_header(strip_marks(split_message(commit.message).header))
        for commit in change.commits
    ]


FILTERS: tuple[tuple[str, Filter], ...] = (
    ("short_diff", lambda row, limits, _: len(row.diff) < limits.min_diff_chars),
    ("long_diff", lambda row, limits, _: len(row.diff) > limits.max_diff_chars),
    ("too_many_files", lambda row, limits, _: len(row.files) > limits.max_files),
    *(
        (f"plan_{problem}", partial(_has_plan_problem, problem))
        for problem in PlanProblem
    ),
    (
        "license_not_allowed",
        lambda row, limits, _: (
            bool(limits.licenses) and row.license not in limits.licenses
        ),
    ),
    (
        "generated_only",
        lambda row, _, __: all(is_machine_made(file.path) for file in row.files),
    ),
    (
        "not_conventional",
        lambda row, limits, _: (
            limits.conventional_only and None in _original_headers(row)
        ),
    ),
    (
        "short_subject",
        lambda row, _, __: any(
            len(each.subject) < MIN_SUBJECT_CHARS for each in row.label.plan.commits
        ),
    ),
    (
        "long_body",
        lambda row, _, __: any(
            len(each.body) > MAX_BODY_CHARS for each in row.label.plan.commits
        ),
    ),
    *((str(rule), partial(_breaks, rule)) for rule in StyleRule),
    (
        "low_rating",
        lambda row, limits, _: any(
            row.label.ratings.get(name, 1.0) < low
            for name, low in limits.min_ratings.items()
        ),
    ),
    ("teacher_disagrees", _teacher_disagrees),
    ("ungrounded", _is_ungrounded),
)
"""Reasons and filters; the first that applies names the reason."""
