"""What a model's raw text says: a plan, or one message."""

import orjson
from pydantic import ValidationError

from diffscribe.commits.grammar import parse_header, split_message
from diffscribe.commits.plan import PlanError, extract_json, parse_plan
from diffscribe.core.records import Issue, Plan, PlannedCommit, Record
from diffscribe.doors.reply import without_thoughts
from diffscribe.eval.cases import Case

_FENCE = "```"


def read_answer(case: Case, text: str) -> tuple[Plan | None, str | None]:
    """Return the plan in an answer, or None and why there is none.

    The answer to a message case is the message; its plan is one commit of all
    files. A plan may also come in the contract of git-smart-commit, whose
    commits have no type of their own but a whole header as `subject`.
    """
    if case.task == "message":
        message = bare_message(text)
        if not message:
            return None, "the answer holds no message"
        return plan_of_message(message, case.files), None
    try:
        return parse_plan(text), None
    except PlanError as error:
        plan = whole_header_plan(text)
        return (plan, None) if plan else (None, str(error))


def plan_of_message(message: str, files: tuple[str, ...]) -> Plan:
    """Return one commit of all files with a message.

    If its header is not conventional, the type is empty and the header is the
    subject as it stands.
    """
    return Plan(commits=(_commit(message, files),))


def whole_header_plan(text: str) -> Plan | None:
    """Return the plan of an answer whose subjects are whole headers, or None."""
    found = extract_json(text, {"required": ["commits"]})
    try:
        answer = HeaderPlan.model_validate(orjson.loads(found or "null"))
    except (ValidationError, orjson.JSONDecodeError):
        return None
    return plan_of_headers(answer)


def bare_message(text: str) -> str:
    """Return a message without thoughts, the fence around it, and outer blanks."""
    message = without_thoughts(text).strip()
    if message.startswith(_FENCE) and message.endswith(_FENCE) and "\n" in message:
        message = message.partition("\n")[2].removesuffix(_FENCE).strip()
    return message


class HeaderCommit(Record):
    """A commit as git-smart-commit writes it."""

    subject: str
    """The whole header, `type(scope): text` if it is conventional."""
    files: tuple[str, ...]
    body: str = ""
    issues: tuple[Issue, ...] = ()


class HeaderPlan(Record):
    """A plan as git-smart-commit writes it."""

    commits: tuple[HeaderCommit, ...]
    gitignore: tuple[str, ...] = ()


def plan_of_headers(answer: HeaderPlan) -> Plan:
    """Return a plan of git-smart-commit as one of ours."""
    commits = tuple(
        _commit(f"{each.subject}\n\n{each.body}", each.files).model_copy(
            update={"issues": each.issues}
        )
        for each in answer.commits
    )
    return Plan(commits=commits, gitignore=answer.gitignore)


def _commit(message: str, files: tuple[str, ...]) -> PlannedCommit:
    parts = split_message(message)
    header = parse_header(parts.header)
    body = "\n\n".join(
        [parts.body, *(f"BREAKING CHANGE: {note}" for note in parts.breaking_notes)]
    ).strip()
    return PlannedCommit(
        files=files,
        type=header.type if header else "",
        scope=header.scope if header else None,
        breaking=bool(parts.breaking_notes or (header and header.breaking)),
        subject=header.subject if header else parts.header,
        body=body,
    )
