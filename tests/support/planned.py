"""Plans, cases and predictions written by hand."""

from diffscribe.commits.grammar import format_message
from diffscribe.commits.plan import plan_json
from diffscribe.core.records import (
    Message,
    OriginalCommit,
    Plan,
    PlannedCommit,
    Prediction,
)
from diffscribe.eval.cases import Case
from tests.support.rows import new_patch, patch
from tests.support.style import STYLE

HOUSE = STYLE
"""The rules of the default pipeline."""


def commit(files, type_="feat", subject="do it", **fields):
    """A commit of files that are named in one string."""
    return PlannedCommit(
        files=tuple(files.split()), type=type_, subject=subject, **fields
    )


def plan(*commits, gitignore=()):
    return Plan(commits=commits, gitignore=tuple(gitignore))


def make_case(target=None, junk=(), **fields):
    """A case whose diff touches the files of its target and its junk."""
    target = target or plan(commit("a.py b.py", "fix", "stop early"))
    files = [path for each in target.commits for path in each.files]
    diff = "".join(patch(path, "line") for path in files)
    diff += "".join(new_patch(path, "line") for path in junk)
    files += junk
    values = {
        "id": "s1",
        "parent_id": None,
        "repo": "r",
        "languages": (),
        "task": "plan",
        "files": tuple(files),
        "junk": tuple(junk),
        "diff": diff,
        "gitignore": (),
        "prompt": (Message(role="user", content=f"Split {', '.join(files)}."),),
        "target": target,
        "originals": tuple(map(original, target.commits)),
    }
    return Case(**values | fields)


def original(made):
    """The commit that a target was made of."""
    return OriginalCommit(sha="1" * 40, message=format_message(made), files=made.files)


def prediction(answer, text=None, case_id="s1", system="student", **fields):
    """What a system said: a plan, or no plan."""
    values = {
        "sample_id": case_id,
        "system": system,
        "text": plan_json(answer) if answer and text is None else text or "",
        "plan": answer,
        "error": None if answer else "the answer holds no JSON object",
        "latency_s": 1.0,
        "prompt_tokens": 1,
        "completion_tokens": 1,
    }
    return Prediction(**values | fields)
