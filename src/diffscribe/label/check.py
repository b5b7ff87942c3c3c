"""Whether a teacher's plan counts as a label, and the words to ask again with."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from diffscribe.commits.cleanup import references
from diffscribe.commits.gitignore import ignored
from diffscribe.commits.grammar import TYPES, Header, format_header, parse_header
from diffscribe.commits.grounding import ungrounded, ungrounded_share
from diffscribe.commits.plan import Flaw, FlawError, PlanProblem, plan_problem
from diffscribe.commits.style import WordingProblem, wording_problem
from diffscribe.core.params import LabelRulesParams
from diffscribe.core.records import Change, Plan, PlannedCommit
from diffscribe.secrets.rules import is_person, strip_trailers


class _Finding(NamedTuple):
    flaw: Flaw | WordingProblem
    words: str


_MAX_SHOWN = 8
_FENCE = re.compile(r"```|~~~")
_PLACEHOLDER = re.compile(r"<(?:secret|personal):[\w.-]+:\d+>")
_WORDING = {
    WordingProblem.TRIVIAL_MESSAGE: "says nothing of this change",
    WordingProblem.TICKET_ONLY: "has no words of its own",
    WordingProblem.NOT_ENGLISH: "is not English",
    WordingProblem.NOT_IMPERATIVE: "does not begin with a verb in the imperative",
}


def check_plan(plan: Plan, change: Change, rules: LabelRulesParams) -> None:
    """Accept a plan of a change that was sent, or say what is wrong with it.

    Raises:
        FlawError: for the first flaw.
    """
    paths = [file.path for file in change.files]
    problem = plan_problem(plan, paths)
    if problem is not None:
        raise FlawError(problem, _of_plan(problem, plan, paths))
    issues = [issue for commit in plan.commits for issue in commit.issues]
    strange = [issue.path for issue in issues if issue.path not in paths]
    if strange:
        words = f"issues name paths that the change does not have: {_few(strange)}"
        raise FlawError(Flaw.UNKNOWN_ISSUE_PATH, words)
    check_messages(plan.commits, change, rules)


def check_messages(
    commits: Sequence[PlannedCommit], change: Change, rules: LabelRulesParams
) -> None:
    """Accept the messages of a change, whatever their files are.

    Raises:
        FlawError: for the first flaw.
    """
    for number, commit in enumerate(commits, start=1):
        for flaw, words in _of_message(commit, rules):
            raise FlawError(flaw, f"commit {number}: {words}")
    evidence = _evidence(change)
    text = "\n".join(f"{commit.subject}\n{commit.body}" for commit in commits)
    for flaw, words in _of_content(text, evidence, rules):
        raise FlawError(flaw, words)


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


def _of_message(commit: PlannedCommit, rules: LabelRulesParams) -> Iterator[_Finding]:
    header, subject = format_header(commit), commit.subject
    parts = Header(commit.type, commit.scope, commit.breaking, subject)
    if parse_header(header) != parts:
        words = f"{header!r} is not `type(scope)!: subject` on one line"
        yield _Finding(Flaw.NOT_CONVENTIONAL, words)
    if parse_header(subject) is not None:
        words = f"the subject {subject!r} repeats a type, which has its own field"
        yield _Finding(Flaw.REPEATED_TYPE, words)
    if len(header) > rules.max_header_chars:
        words = (
            f"the header {header!r} has {len(header)} characters; "
            f"at most {rules.max_header_chars} are allowed"
        )
        yield _Finding(Flaw.LONG_HEADER, words)
    if subject.endswith((".", "。")):
        yield _Finding(Flaw.FULL_STOP, f"the subject {subject!r} ends with a full stop")
    problem = wording_problem(commit, True, rules.imperative)
    if problem is not None:
        words = f"the subject {subject!r} {_WORDING[problem]}"
        yield _Finding(problem, words)
    if rules.body == "required" and not commit.body.strip():
        yield _Finding(Flaw.BODY_MISSING, "it has no body, and every commit needs one")


def _of_content(
    text: str, evidence: str, rules: LabelRulesParams
) -> Iterator[_Finding]:
    if _FENCE.search(text):
        yield _Finding(Flaw.FENCE, "a message holds a code fence; write plain text")
    if found := _PLACEHOLDER.findall(text):
        words = f"a message names a placeholder of a secret: {_few(found)}"
        yield _Finding(Flaw.PLACEHOLDER, words)
    named = references(text)
    people = [each for each in named if "@" in each and is_person(each.strip("<>"))]
    if people or strip_trailers(text)[1]:
        words = "a message names an author or an e-mail address; leave people out"
        yield _Finding(Flaw.PERSON, words)
    strange = [each for each in named if not _stands_in(evidence, each)]
    if strange:
        words = f"the change does not hold {_few(strange)}; leave such references out"
        yield _Finding(Flaw.REFERENCE, words)
    if 1 - ungrounded_share(text, evidence) < rules.min_grounded_share:
        absent = _few(ungrounded(text, evidence))
        words = f"the change does not show {absent}; name only what it shows"
        yield _Finding(Flaw.UNGROUNDED, words)


def _evidence(change: Change) -> str:
    paths = [path for file in change.files for path in (file.path, file.old_path or "")]
    return "\n".join([*paths, change.diff])


def _stands_in(evidence: str, reference: str) -> bool:
    return re.search(rf"{re.escape(reference)}(?!\w)", evidence, re.I) is not None


def _few(strings: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(strings))
    shown = ", ".join(f"`{each}`" for each in distinct[:_MAX_SHOWN])
    more = len(distinct) - _MAX_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
