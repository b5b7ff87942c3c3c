"""Read a model's raw text: a plan in one of two contracts, or one message."""

from collections.abc import Iterable

import orjson
from pydantic import ValidationError

from diffscribe.commits.grammar import parse_header, split_message
from diffscribe.commits.plan import PlanError, extract_json, parse_plan
from diffscribe.core.records import Issue, Plan, PlannedCommit, Record
from diffscribe.doors.reply import without_thoughts
from diffscribe.eval.cases import Case

_FENCE = "```"


class HeaderCommit(Record):
    """A commit in the contract of git-smart-commit, which has no type of its own."""

    subject: str
    """The whole header, `type(scope): text` if it is conventional."""
    files: tuple[str, ...]
    body: str = ""
    issues: tuple[Issue, ...] = ()


class HeaderPlan(Record):
    """A plan in the contract of git-smart-commit."""

    commits: tuple[HeaderCommit, ...]
    gitignore: tuple[str, ...] = ()


def read_answer(case: Case, text: str) -> tuple[Plan | None, str | None]:
    """Return the plan in an answer, or None and why there is none.

    The answer to a message case is the message; its plan is one commit of all files.
    """
    if case.task == "message":
        message = bare_message(text)
        if not message:
            return None, "the answer holds no message"
        return plan_of_message(message, case.files), None
    return read_plan(text)


def read_plan(text: str) -> tuple[Plan | None, str | None]:
    """Return the plan in a text, in either contract, or None and why there is none."""
    try:
        return parse_plan(text), None
    except PlanError as error:
        plan = _header_plan(text)
        return (plan, None) if plan else (None, str(error))


def bare_message(text: str) -> str:
    """Return a message without thoughts, the fence around it, and outer blanks."""
    message = without_thoughts(text).strip()
    if message.startswith(_FENCE) and message.endswith(_FENCE) and "\n" in message:
        message = message.partition("\n")[2].removesuffix(_FENCE).strip()
    return message


def plan_of_message(message: str, files: Iterable[str]) -> Plan:
    """Return one commit of these files with a message.

    If its header is not conventional, the type is empty and the subject is the header.
    """
    return Plan(commits=(_commit(message, files),))


def plan_of_headers(answer: HeaderPlan) -> Plan:
    """Return a plan of git-smart-commit in our contract."""
    commits = [
        _commit(f"{each.subject}\n\n{each.body}", each.files, each.issues)
        for each in answer.commits
    ]
    return Plan(commits=tuple(commits), gitignore=answer.gitignore)


def _header_plan(text: str) -> Plan | None:
    found = extract_json(text, {"required": ["commits"]})
    try:
        return plan_of_headers(HeaderPlan.model_validate(orjson.loads(found or "null")))
    except (ValidationError, orjson.JSONDecodeError):
        return None


def _commit(
    message: str, files: Iterable[str], issues: tuple[Issue, ...] = ()
) -> PlannedCommit:
    parts = split_message(message)
    header = parse_header(parts.header)
    notes = (f"BREAKING CHANGE: {note}" for note in parts.breaking_notes)
    return PlannedCommit(
        files=tuple(files),
        type=header.type if header else "",
        scope=header.scope if header else None,
        breaking=bool(parts.breaking_notes or (header and header.breaking)),
        subject=header.subject if header else parts.header,
        body="\n\n".join([parts.body, *notes]).strip(),
        issues=issues,
    )
