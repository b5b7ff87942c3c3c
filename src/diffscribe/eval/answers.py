"""Read a model's raw text: a plan, or one message."""

from diffscribe.commits.plan import plan_of_message, read_plan
from diffscribe.core.records import Plan
from diffscribe.doors.reply import without_thoughts
from diffscribe.eval.cases import Case

_FENCE = "```"


def read_answer(case: Case, text: str) -> tuple[Plan | None, str | None]:
    """Return the plan in an answer, or None and why there is none.

    The answer to a message case is the message; its plan is one commit of all files.
    """
    if case.task == "message":
        message = bare_message(text)
        if not message:
            return None, "the answer holds no message"
        return plan_of_message(message, case.files), None
    plan, problem, _ = read_plan(text)
    return plan, problem


def bare_message(text: str) -> str:
    """Return a message without thoughts, the fence around it, and outer blanks."""
    message = without_thoughts(text).strip()
    if message.startswith(_FENCE) and message.endswith(_FENCE) and "\n" in message:
        message = message.partition("\n")[2].removesuffix(_FENCE).strip()
    return message
