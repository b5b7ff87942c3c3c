"""Whether a teacher's plan counts as a label, and the words to ask again with."""

import re
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from typing import TypeVar

from diffscribe.commits.cleanup import noise_in, references
from diffscribe.commits.gitignore import ignored
from diffscribe.commits.grammar import (
    TYPES,
    Header,
    Violation,
    format_header,
    format_message,
    parse_header,
    split_message,
    violation,
)
from diffscribe.commits.grounding import absent_names, evidence_of, grounded_share
from diffscribe.commits.plan import PlanProblem, Reading, plan_problem
from diffscribe.commits.style import StyleRule, broken_rules
from diffscribe.commits.units import units_of
from diffscribe.core.params import StyleParams
from diffscribe.core.records import Change, Plan, PlannedCommit, Record
from diffscribe.secrets.rules import is_person, strip_trailers

R = TypeVar("R", bound=Record)


class Flaw(StrEnum):
    """What can be wrong with an answer, beside its plan and its style."""

    CUT_OFF = "cut_off"
    NOT_JSON = "not_json"
    UNKNOWN_ISSUE_PATH = "unknown_issue_path"
    NOT_CONVENTIONAL = "not_conventional"
    REPEATED_TYPE = "repeated_type"
    FENCE = "fence"
    NOISE = "noise"
    PLACEHOLDER = "placeholder"
    PERSON = "person"
    REFERENCE = "reference"
    UNGROUNDED = "ungrounded"


FLAWS = (*Flaw, *PlanProblem, *StyleRule)
"""Everything that can be wrong with an answer."""


class FlawError(ValueError):
    """An answer that is no label; the message can be shown to the model."""

    def __init__(self, flaw: Flaw | PlanProblem | StyleRule, words: str) -> None:
        super().__init__(words)
        self.flaw = flaw


_MAX_SHOWN = 8
_FENCE = re.compile(r"```|~~~")
_PLACEHOLDER = re.compile(r"<(?:secret|personal):[\w.-]+:\d+>")


def record_of(reading: Reading[R]) -> R:
    """Return the record that an answer holds.

    Raises:
        FlawError: if it holds none.
    """
    if reading.record is None:
        raise FlawError(Flaw.NOT_JSON, str(reading.problem))
    return reading.record


def check_plan(plan: Plan, change: Change, style: StyleParams) -> None:
    """Accept a plan of a change that was sent, or say what is wrong with it.

    Raises:
        FlawError: for the first flaw.
    """
    paths = [file.path for file in change.files]
    problem = plan_problem(plan, units_of(change.files, change.diff))
    if problem is not None:
        raise FlawError(problem, _of_plan(problem, plan, paths))
    issues = [issue for commit in plan.commits for issue in commit.issues]
    strange = [issue.path for issue in issues if issue.path not in paths]
    if strange:
        words = f"issues name paths that the change does not have: {_few(strange)}"
        raise FlawError(Flaw.UNKNOWN_ISSUE_PATH, words)
    check_messages(plan.commits, change, style)


def check_messages(
    commits: Sequence[PlannedCommit], change: Change, style: StyleParams
) -> None:
    """Accept the messages of a change, whatever their files are.

    Raises:
        FlawError: for the first flaw.
    """
    for number, commit in enumerate(commits, start=1):
        try:
            _check_message(commit, style)
        except FlawError as error:
            raise FlawError(error.flaw, f"commit {number}: {error}") from error
    text = "\n".join(f"{commit.subject}\n{commit.body}" for commit in commits)
    _check_content(text, change, style)


def _of_plan(problem: PlanProblem, plan: Plan, paths: Sequence[str]) -> str:
    """Name what is wrong with the files, for a model that can mend it."""
    listed = [path for commit in plan.commits for path in commit.files]
    junk = ignored(plan.gitignore, paths)
    match problem:
        case PlanProblem.EMPTY_COMMIT:
            return "a commit has no files; every commit needs at least one"
        case PlanProblem.UNKNOWN_TYPE:
            strange = [each.type for each in plan.commits if each.type not in TYPES]
            return f"there is no type {_few(strange)}; the types are {', '.join(TYPES)}"
        case PlanProblem.EMPTY_SUBJECT:
            return "a commit has no subject"
        case PlanProblem.UNKNOWN_PATH:
            strange = [path for path in listed if path not in paths]
            return f"the change has no files {_few(strange)}; copy the listed paths"
        case PlanProblem.STRAY_HUNKS:
            return "a commit names hunks of a file that it does not list"
        case PlanProblem.UNKNOWN_HUNK:
            return "a commit names hunks that its file does not have"
        case PlanProblem.WHOLE_FILE_AS_HUNKS:
            return "hunks of a file that one commit alone lists; leave them out"
        case PlanProblem.DUPLICATE_HUNK:
            return "a hunk is in more than one commit"
        case PlanProblem.MISSING_HUNK:
            return "a hunk of a split file is in no commit"
        case PlanProblem.IGNORES_KNOWN_PATH:
            return "gitignore matches files that git tracks already; commit those"
        case PlanProblem.DUPLICATE_PATH:
            counts = Counter(listed)
            twice = [path for path in counts if counts[path] > 1]
            return f"in more than one place: {_few(twice)}; list each file once"
        case PlanProblem.IGNORES_EVERYTHING:
            return "the gitignore patterns match every file; name the junk alone"
        case PlanProblem.IGNORES_COMMITTED_PATH:
            both = [path for path in listed if path in junk]
            return f"both in a commit and ignored by gitignore: {_few(both)}"
        case PlanProblem.MISSING_PATH:
            absent = [path for path in paths if path not in junk and path not in listed]
            return f"in no commit, and matched by no gitignore pattern: {_few(absent)}"


def _check_message(commit: PlannedCommit, style: StyleParams) -> None:
    header, subject = format_header(commit), commit.subject
    parts = Header(commit.type, commit.scope, commit.breaking, subject)
    if parse_header(header) != parts:
        words = f"{header!r} is not `type(scope)!: subject` on one line"
        raise FlawError(Flaw.NOT_CONVENTIONAL, words)
    if parse_header(subject) is not None:
        words = f"the subject {subject!r} repeats a type, which has its own field"
        raise FlawError(Flaw.REPEATED_TYPE, words)
    if split_message(format_message(commit)).breaking_notes and not commit.breaking:
        words = "the body has a BREAKING CHANGE, and `breaking` is false"
        raise FlawError(Flaw.NOT_CONVENTIONAL, words)
    if violation(format_message(commit)) is Violation.BREAKING_FOOTER:
        words = "what breaks does not stand behind `BREAKING CHANGE: ` at its end"
        raise FlawError(Flaw.NOT_CONVENTIONAL, words)
    if noise := noise_in(format_message(commit)):
        words = f"it holds {noise}; write plain text about the change"
        raise FlawError(Flaw.NOISE, words)
    for rule in broken_rules(format_message(commit), style):
        raise FlawError(rule, _of_style(rule, commit, style))


def _of_style(rule: StyleRule, commit: PlannedCommit, style: StyleParams) -> str:
    """Name what is wrong with a message, for a model that can mend it."""
    header, subject = format_header(commit), commit.subject
    match rule:
        case StyleRule.OTHER_TYPE:
            return f"the type of {header!r} is none of {', '.join(style.types)}"
        case StyleRule.LONG_HEADER:
            return (
                f"the header {header!r} has {len(header)} characters; "
                f"at most {style.max_header_chars} are allowed"
            )
        case StyleRule.FULL_STOP:
            return f"the subject {subject!r} ends with a full stop"
        case StyleRule.CAPITALISED:
            return f"the subject {subject!r} begins with a capital letter"
        case StyleRule.NOT_IMPERATIVE:
            return (
                f"the subject {subject!r} does not begin with a verb in the imperative"
            )
        case StyleRule.TRIVIAL_MESSAGE:
            return f"the subject {subject!r} says nothing of this change"
        case StyleRule.NOT_ENGLISH:
            return f"the message {subject!r} is not English"
        case StyleRule.BODY_MISSING:
            return "it has no body, and every commit needs one"
        case StyleRule.BODY_GIVEN:
            return "it has a body, and no commit may have one"
        case StyleRule.LONG_LINE:
            return f"a line of its body has more than {style.max_line_chars} characters"


def _check_content(text: str, change: Change, style: StyleParams) -> None:
    if _FENCE.search(text):
        words = "a message holds a code fence; write plain text"
        raise FlawError(Flaw.FENCE, words)
    if found := _PLACEHOLDER.findall(text):
        words = f"a message names a placeholder of a secret: {_few(found)}"
        raise FlawError(Flaw.PLACEHOLDER, words)
    named = references(text)
    people = [each for each in named if "@" in each and is_person(each.strip("<>"))]
    if people or strip_trailers(text)[1]:
        words = "a message names an author or an e-mail address; leave people out"
        raise FlawError(Flaw.PERSON, words)
    evidence = evidence_of(change)
    strange = [
        each
        for each in named
        if not re.search(rf"{re.escape(each)}(?!\w)", evidence.text, re.I)
    ]
    if strange:
        words = f"the change does not hold {_few(strange)}; leave such references out"
        raise FlawError(Flaw.REFERENCE, words)
    if grounded_share(text, evidence) < style.min_grounded_share:
        absent = _few(absent_names(text, evidence))
        words = f"the change does not show {absent}; name only what it shows"
        raise FlawError(Flaw.UNGROUNDED, words)


def _few(strings: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(strings))
    shown = ", ".join(f"`{each}`" for each in distinct[:_MAX_SHOWN])
    more = len(distinct) - _MAX_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
