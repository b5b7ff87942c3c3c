"""Row filters beyond size and plan: what a change is of, and what its label says."""

from collections.abc import Sequence
from enum import StrEnum
from fnmatch import fnmatchcase
from itertools import combinations
from posixpath import basename

from diffscribe.commits.cleanup import strip_marks
from diffscribe.commits.grammar import Header, parse_header, split_message
from diffscribe.commits.grounding import ungrounded_share
from diffscribe.commits.style import WordingProblem, wording_problem
from diffscribe.core.params import CurateParams
from diffscribe.core.records import LabeledChange


class FilterProblem(StrEnum):
    """Which filter drops a change, in the order of the checks."""

    LICENSE_NOT_ALLOWED = "license_not_allowed"
    GENERATED_ONLY = "generated_only"
    NOT_CONVENTIONAL = "not_conventional"
    LOW_RATING = "low_rating"
    TEACHER_DISAGREES = "teacher_disagrees"
    UNGROUNDED = "ungrounded"


_GENERATED = """
    *.lock *-lock.json *-lock.yaml go.sum npm-shrinkwrap.json bun.lockb
    *.min.js *.min.css *.map *.snap *_pb2.py *_pb2_grpc.py *.pb.go *.pb.cc *.pb.h
    *_generated.go *.gen.go *.generated.* *.g.dart *.designer.cs
"""
_GENERATED_FOLDERS = """
    __generated__ bower_components generated node_modules third_party vendor
"""
"""Names that Linguist, GitHub's detector of languages, calls generated or vendored."""


def filter_problem(
    change: LabeledChange, params: CurateParams
) -> FilterProblem | WordingProblem | None:
    """Name the first filter that drops a change, or None if all let it pass."""
    if params.licenses and change.license not in params.licenses:
        return FilterProblem.LICENSE_NOT_ALLOWED
    if not params.keep_generated_only and _is_generated_only(change):
        return FilterProblem.GENERATED_ONLY
    if params.conventional_only and None in _headers(change):
        return FilterProblem.NOT_CONVENTIONAL
    plan, ratings = change.label.plan, change.label.ratings
    for commit in plan.commits:
        problem = wording_problem(commit, params.english_only, params.imperative_only)
        if problem is not None:
            return problem
    if any(ratings.get(name, 1.0) < low for name, low in params.min_ratings.items()):
        return FilterProblem.LOW_RATING
    types, groups = type_agreement(change), grouping_agreement(change)
    if types is not None and types < params.min_type_agreement:
        return FilterProblem.TEACHER_DISAGREES
    if groups is not None and groups < params.min_grouping_agreement:
        return FilterProblem.TEACHER_DISAGREES
    text = "\n".join(f"{each.subject}\n{each.body}" for each in plan.commits)
    if ungrounded_share(text, evidence(change)) > params.max_ungrounded_share:
        return FilterProblem.UNGROUNDED
    return None


def type_agreement(change: LabeledChange) -> float | None:
    """Return the share of files to which teacher and history give the same type.

    None if there is nothing to compare: the label is the history's own, or an
    original commit is not conventional. A file's last commit tells its type.
    """
    headers = _headers(change)
    if change.label.source != "teacher" or None in headers or not change.files:
        return None
    history = {
        path: header.type
        for header, commit in zip(headers, change.commits, strict=True)
        if header is not None
        for path in commit.files
    }
    taught = {path: c.type for c in change.label.plan.commits for path in c.files}
    same = [
        taught.get(file.path) == history.get(file.path) is not None
        for file in change.files
    ]
    return sum(same) / len(same)


def grouping_agreement(change: LabeledChange) -> float | None:
    """Return the share of pairs of files that both keep together, or both apart.

    None if there is nothing to compare: the label is the history's own, or there is
    one file. Files are together where any commit has both; this is Rand's index.
    """
    if change.label.source != "teacher" or len(change.files) < 2:
        return None
    now = {file.old_path: file.path for file in change.files if file.old_path}
    history = [{now.get(path, path) for path in c.files} for c in change.commits]
    taught = [set(commit.files) for commit in change.label.plan.commits]
    pairs = list(combinations([file.path for file in change.files], 2))
    same = [_together(pair, taught) == _together(pair, history) for pair in pairs]
    return sum(same) / len(same)


def _together(pair: tuple[str, str], commits: Sequence[set[str]]) -> bool:
    return any(commit.issuperset(pair) for commit in commits)


def _headers(change: LabeledChange) -> list[Header | None]:
    return [
        parse_header(strip_marks(split_message(commit.message).header))
        for commit in change.commits
    ]


def _is_generated_only(change: LabeledChange) -> bool:
    return all(_is_generated(file.path) for file in change.files)


def _is_generated(path: str) -> bool:
    if set(_GENERATED_FOLDERS.split()) & set(path.split("/")[:-1]):
        return True
    name = basename(path).lower()
    return any(fnmatchcase(name, pattern) for pattern in _GENERATED.split())


def evidence(change: LabeledChange) -> str:
    """Return the text that a message may name things of: paths and diff."""
    paths = [path for f in change.files for path in (f.path, f.old_path or "")]
    return "\n".join([*paths, change.diff])
