"""Compute the numbers that git-smart-commit and joco report, under their own names.

They are here so that old results can be compared, and for no other purpose; no other
measure uses them. An answer without a plan is left out of three of git-smart-commit's
numbers, its `file_grouping_f1` compares a label's commit with the best of all predicted
ones, so that overlapping commits and many guesses pay, and `*` routes all junk. joco's
points are for form alone. The gaming tests show each of these. (eval.py of
fiddlerwoaroof/git-smart-commit, and the second of joco's four formulas, in our words.)
"""

import re
from pathlib import PurePosixPath

from diffscribe.commits.grammar import (
    TYPES,
    format_header,
    format_message,
    violation,
)
from diffscribe.core.records import Plan, PlannedCommit, Prediction
from diffscribe.eval.cases import Case
from diffscribe.eval.messages import align, edit_similarity

_STOP_WORDS = """
    all and are but can for from has have into its not that the this use used using was
    when where which with
"""
_META = re.compile(
    r"here(?: is|'s)|this (?:is|commit)|i (?:would|can)|based on|the following|a short"
    r"|short commit|commit (?:description|message)|summari[sz]es?|captures?",
    re.IGNORECASE,
)


def scores(case: Case, prediction: Prediction) -> dict[str, float | None]:
    """Return the seeds' numbers of one answer.

    git-smart-commit's are None for a message, and all but the first for an answer
    that was not read; joco's then are 0.
    """
    plan = prediction.plan or Plan(commits=())
    commits = plan.commits
    pairs = [(t.subject, p.subject if p else "") for t, p in align(case.target, plan)]
    messages = [format_message(commit) for commit in commits]
    is_plan = case.task == "plan"
    return {
        "parse_rate": float(bool(commits)) if is_plan else None,
        "file_grouping_f1": (
            file_grouping_f1(case.target, plan) if is_plan and commits else None
        ),
        "type_accuracy": (
            type_accuracy(case.target, plan) if is_plan and commits else None
        ),
        "junk_routing": junk_routing(case, plan) if is_plan and commits else None,
        "format_compliance": float(
            bool(messages) and not any(map(violation, messages))
        ),
        "description_similarity": _mean([similarity(*each) for each in pairs]),
        "joco_score": _mean([joco_score(each) for each in commits]),
    }


def file_grouping_f1(target: Plan, plan: Plan) -> float:
    """Return the mean over the target's commits of the best Jaccard index.

    max |A and B| / |A or B| over the predicted commits B: one-sided, and a
    predicted commit may be the best of many. 0 to 1.
    """
    sets = [set(commit.files) for commit in plan.commits]
    return _mean(
        [
            max(len(files & each) / len(files | each) for each in sets)
            for files in (set(commit.files) for commit in target.commits)
        ]
    )


def type_accuracy(target: Plan, plan: Plan) -> float:
    """Return the share of the target's commits whose type any commit has."""
    predicted = {commit.type for commit in plan.commits}
    return _mean([each.type in predicted for each in target.commits])


def junk_routing(case: Case, plan: Plan) -> float | None:
    """Return the share of junk that is in no commit and matched; None without junk.

    Matched as there: `*x` by the end, `x/` by a folder of the path or its
    beginning, else the path, its name or its end.
    """
    if not case.junk:
        return None
    committed = {path for commit in plan.commits for path in commit.files}
    return _mean(
        [
            path not in committed and any(_matches(path, p) for p in plan.gitignore)
            for path in case.junk
        ]
    )


def _matches(path: str, pattern: str) -> bool:
    if pattern.startswith("*"):
        return path.endswith(pattern[1:])
    if pattern.endswith("/"):
        return pattern[:-1] in path.split("/") or path.startswith(pattern)
    name = PurePosixPath(path).name
    return pattern in (path, name) or path.endswith(f"/{pattern}")


def similarity(target: str, text: str) -> float:
    """Return joco's similarity of two subjects, 0 to 1; an empty one has 0.

    0.5 Jaccard index of the words with more than two characters that are no
    stop words + 0.35 edit similarity + 0.15 shorter over longer length, all in
    lower case. Two subjects without such words have an index of 0.
    """
    first, second = target.lower().strip(), text.lower().strip()
    if not first or not second:
        return 0.0
    words, others = _telling_words(first), _telling_words(second)
    union = words | others
    jaccard = len(words & others) / len(union) if union else 0.0
    lengths = sorted((len(first), len(second)))
    return (
        0.5 * jaccard
        + 0.35 * edit_similarity(first, second)
        + 0.15 * lengths[0] / lengths[1]
    )


def joco_score(commit: PlannedCommit) -> float:
    """Return joco's points for the form of a header, 0 to 100.

    Type known 30, subject there 20, header of at most 72 characters 20 and of 30
    to 60 15, lower-case start 10, no full stop 5; 20 less for words about the
    message itself; not below 0.
    """
    subject, length = commit.subject.strip(), len(format_header(commit))
    points = 30 * (commit.type in TYPES) + 20 * bool(subject) + 20 * (length <= 72)
    points += 15 * (30 <= length <= 60) + 10 * subject[:1].islower()
    points += 5 * (bool(subject) and not subject.endswith("."))
    return float(max(0, points - 20 * bool(_META.match(subject))))


def _telling_words(text: str) -> set[str]:
    return {w for w in re.findall(r"\w+", text) if len(w) > 2}.difference(
        _STOP_WORDS.split()
    )


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0
