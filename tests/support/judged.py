"""A report whose ballots a judge can vote on, and judges that can."""

import json
from pathlib import Path

from diffscribe.core.files import write_jsonl
from diffscribe.core.records import SplitChange
from diffscribe.eval.cases import read_cases
from diffscribe.review.judge import JudgedPair
from diffscribe.review.report_page import ballots_of, by_system
from tests.support.planned import commit, plan, prediction
from tests.support.rows import make_curated, make_sample

PROMPTS = Path(__file__).parents[2] / "prompts" / "judge"
GOOD, POOR = "stop the leak of readers", "update files"


def said(**choices):
    return json.dumps(dict.fromkeys(JudgedPair.model_fields, "tie") | choices)


def plans_of(body):
    """Plans A and B as the judge sees them."""
    text = body["messages"][-1]["content"]
    a = text.split("Plan A:\n")[1].split("\n\nPlan B:\n")
    return a[0], a[1].split("\n\nAnswer with")[0]


def fair(body):
    """Prefers the good subject, wherever it stands; of two poor ones none."""
    a, b = (GOOD in each for each in plans_of(body))
    better = "tie" if a == b else "A" if a else "B"
    return said(overall=better, accuracy=better)


def write_report(folder, count=3, **fields):
    """Write what eval left; return the paths that a judge reads."""
    rows = [row(number, **fields) for number in range(count)]
    write_jsonl(folder / "splits/test.jsonl", rows)
    write_jsonl(folder / "sft.jsonl", map(make_sample, rows))
    cases = read_cases(folder / "sft.jsonl", folder / "splits/test.jsonl")
    predictions = [
        prediction(plan(commit("a.py", "fix", subject)), case_id=case.id, system=name)
        for name, subject in (("student", GOOD), ("base", POOR))
        for case in cases
    ]
    ballots = ballots_of(cases, by_system(predictions), None)
    write_jsonl(folder / "reports/predictions.jsonl", predictions)
    write_jsonl(folder / "reports/ballots.jsonl", ballots)
    return folder / "reports", folder / "splits", folder / "sft.jsonl", PROMPTS


def row(number, **fields):
    target = plan(commit("a.py", "fix", "change some things"))
    head = f"h{number}"
    values = {"plan": target, "paths": ("a.py",), "head": head, **fields}
    return SplitChange(**dict(make_curated(**values)), parent_id=None, junk=())
