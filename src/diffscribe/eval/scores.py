"""Score predictions by every measure there is.

Below are the numbers that git-smart-commit and joco report, under their own names, so
that old results can be compared; no other measure uses them. An answer without a plan
is left out of three of git-smart-commit's numbers, its `file_grouping_f1` compares a
label's commit with the best of all predicted ones, so that overlapping commits and many
guesses pay, and `*` routes all junk. joco's points are for form alone. The gaming tests
show each of these. (eval.py of fiddlerwoaroof/git-smart-commit, and the second of
joco's four formulas, in our words.)
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from types import MappingProxyType

from diffscribe.commits.grammar import TYPES, format_header, format_message, violation
from diffscribe.core.compare import Measure
from diffscribe.core.params import StyleParams
from diffscribe.core.records import Plan, PlannedCommit, Prediction, Score
from diffscribe.eval.cases import Case, cluster_of
from diffscribe.eval.grouping import judge_grouping
from diffscribe.eval.messages import align, edit_similarity, judge_messages, mean

MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        "valid": Measure("plan", "every unit exactly once, or junk"),
        "ari": Measure("plan", "adjusted Rand index of the grouping of units"),
        "exact_partition": Measure(
            "plan", "units are grouped exactly as in the target"
        ),
        "moves": Measure("plan", "units to move to mend the grouping", "lower"),
        "file_ari": Measure("plan", "the same index of whole files"),
        "file_exact_partition": Measure("plan", "whole files are grouped exactly"),
        "file_moves": Measure("plan", "whole files to move", "lower"),
        "junk": Measure("junk", "junk files left to .gitignore"),
        "patterns_sane": Measure("junk", "patterns that match no real file"),
        "secrets_kept_out": Measure("junk", "secret-like junk files in no commit"),
        "type": Measure("message", "commits whose partner has their type"),
        "scope": Measure("message", "commits whose partner has their scope, or none"),
        "breaking": Measure("message", "commits that agree whether they break"),
        "grounded": Measure("message", "messages that say nothing the change refutes"),
        "names_something": Measure("message", "messages with a name to look up"),
        "chrf": Measure("message", "character n-grams shared with the target (chrF)"),
        "edit_similarity": Measure("message", "1 less the edits to the target's text"),
        "specific": Measure("message", "messages that are no generic phrase"),
        "style": Measure("message", "answers whose messages break no rule of style"),
    }
)
"""What an answer is judged by, in the order of tables."""

HEADLINE = (
    *("valid", "ari", "exact_partition", "junk"),
    *("type", "grounded", "style", "chrf"),
)
"""The measures of the first table, of comparisons and of metrics/eval.json."""

SEEDS: Mapping[str, Measure] = MappingProxyType(
    {
        "parse_rate": Measure("seeds", "answers that were read"),
        "file_grouping_f1": Measure(
            "seeds", "best Jaccard index of each commit, no F1"
        ),
        "type_accuracy": Measure("seeds", "types that any predicted commit has"),
        "junk_routing": Measure("seeds", "junk that a pattern matches somehow"),
        "format_compliance": Measure("seeds", "all headers are conventional"),
        "description_similarity": Measure("seeds", "joco's similarity of subjects"),
        "joco_score": Measure("seeds", "joco's points for form, of 100", high=100.0),
    }
)
"""The numbers of git-smart-commit (the first four) and of joco, in a table apart."""

SCORES: Mapping[str, Measure] = MappingProxyType({**MEASURES, **SEEDS})
"""All that a Score has a value of."""


def measures_of(names: Iterable[str]) -> dict[str, Measure]:
    """Return some of SCORES, in the order of their names."""
    return {name: SCORES[name] for name in names}


def score_all(
    cases: Iterable[Case], predictions: Iterable[Prediction], style: StyleParams
) -> list[Score]:
    """Return one score a prediction, in the order of the predictions."""
    by_id = {case.id: case for case in cases}
    return [score(by_id[each.sample_id], each, style) for each in predictions]


def score(case: Case, prediction: Prediction, style: StyleParams) -> Score:
    """Return how good one prediction is, by all SCORES."""
    plan = judge_grouping(case, prediction)
    said = judge_messages(case, prediction, style)
    values = {**plan.values, **said.values, **seed_scores(case, prediction)}
    found = {**plan.found, **said.found}
    return Score(
        sample_id=case.id,
        repo=case.repo,
        cluster=cluster_of(case),
        system=prediction.system,
        values={name: values[name] for name in SCORES},
        findings={name: tuple(words) for name, words in found.items() if words},
    )


# The seeds' own numbers --------------------------------------------------------------

_STOP_WORDS = """
    all and are but can for from has have into its not that the this use used using was
    when where which with
"""
_META = re.compile(
    r"here(?: is|'s)|this (?:is|commit)|i (?:would|can)|based on|the following|a short"
    r"|short commit|commit (?:description|message)|summari[sz]es?|captures?",
    re.IGNORECASE,
)


def seed_scores(case: Case, prediction: Prediction) -> dict[str, float | None]:
    """Return the seeds' numbers of one answer.

    git-smart-commit's are None for a message, and all but the first for an answer
    that was not read; joco's then are 0.
    """
    plan = prediction.plan or Plan(commits=())
    commits = plan.commits
    pairs = [(t.subject, p.subject if p else "") for t, p in align(case.target, plan)]
    broken = [violation(format_message(commit)) for commit in commits]
    is_plan = case.task == "plan"
    is_read = is_plan and bool(commits)
    return {
        "parse_rate": float(is_read) if is_plan else None,
        "file_grouping_f1": file_grouping_f1(case.target, plan) if is_read else None,
        "type_accuracy": type_accuracy(case.target, plan) if is_read else None,
        "junk_routing": junk_routing(case, plan) if is_read else None,
        "format_compliance": float(bool(commits) and not any(broken)),
        "description_similarity": mean([similarity(*each) for each in pairs]),
        "joco_score": mean([joco_score(each) for each in commits]),
    }


def file_grouping_f1(target: Plan, plan: Plan) -> float:
    """Return the mean over the target's commits of the best Jaccard index.

    max |A and B| / |A or B| over the predicted commits B: one-sided, and a
    predicted commit may be the best of many. 0 to 1.
    """
    sets = [set(commit.files) for commit in plan.commits]
    return mean(
        [
            max(len(files & each) / len(files | each) for each in sets)
            for files in (set(commit.files) for commit in target.commits)
        ]
    )


def type_accuracy(target: Plan, plan: Plan) -> float:
    """Return the share of the target's commits whose type any commit has."""
    predicted = {commit.type for commit in plan.commits}
    return mean([each.type in predicted for each in target.commits])


def junk_routing(case: Case, plan: Plan) -> float | None:
    """Return the share of junk that is in no commit and matched; None without junk.

    Matched as there: `*x` by the end, `x/` by a folder of the path or its
    beginning, else the path, its name or its end.
    """
    if not case.junk:
        return None
    committed = {path for commit in plan.commits for path in commit.files}
    return mean(
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
