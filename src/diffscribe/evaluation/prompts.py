"""A case asked in other words than it came with."""

import json

from diffscribe.commits.plan import plan_schema
from diffscribe.diffs.render import Prompts, render_prompt
from diffscribe.evaluation.cases import Case
from diffscribe.evaluation.changes import change_of
from diffscribe.records import Message

TOO_LONG = "not asked: its prompt exceeds the limit even without the diff"
"""What becomes of a case without a prompt."""
_CONTEXT_LINES = 3
"""All that git shows, as a teacher gets."""


def prompt_of(case: Case, texts: Prompts, max_chars: int) -> tuple[Message, ...]:
    """Return a case in these words; none if not even the names of its files fit.

    Of the diff as many hunks as fit are shown. `$schema` in the words becomes that
    of the plan, or `null` for a message.
    """
    is_plan = case.task == "plan" and case.files
    schema = plan_schema(case.files) if is_plan else None
    compact = json.dumps(schema, ensure_ascii=False, separators=(",", ":"))
    rendered = render_prompt(
        change_of(case), texts, max_chars, _CONTEXT_LINES, len, {"schema": compact}
    )
    return rendered.messages if rendered else ()
