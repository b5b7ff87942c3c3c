"""Score predictions by every measure there is."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from diffscribe.core.params import StyleParams
from diffscribe.core.records import Prediction, Score
from diffscribe.eval import grouping, messages, seeds
from diffscribe.eval.cases import Case, cluster_of


class Measure(NamedTuple):
    """A number of one answer; docs/eval.md says how each can mislead."""

    family: str
    meaning: str
    """In a line, for tables and pages."""
    better: Literal["higher", "lower"] = "higher"
    low: float = 0.0
    high: float = 1.0


MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        "valid": Measure("plan", "every changed file exactly once, or junk"),
        "ari": Measure("plan", "adjusted Rand index of the grouping of files"),
        "exact_partition": Measure(
            "plan", "files are grouped exactly as in the target"
        ),
        "moves": Measure("plan", "files to move to mend the grouping", "lower"),
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


def score_all(
    cases: Iterable[Case], predictions: Iterable[Prediction], style: StyleParams
) -> list[Score]:
    """Return one score a prediction, in the order of the predictions."""
    by_id = {case.id: case for case in cases}
    return [score(by_id[each.sample_id], each, style) for each in predictions]


def score(case: Case, prediction: Prediction, style: StyleParams) -> Score:
    """Return how good one prediction is, by all SCORES."""
    plan, said = (
        grouping.judge(case, prediction),
        messages.judge(case, prediction, style),
    )
    values = {**plan.values, **said.values, **seeds.scores(case, prediction)}
    found = {**plan.found, **said.found}
    return Score(
        sample_id=case.id,
        repo=case.repo,
        cluster=cluster_of(case),
        system=prediction.system,
        values={name: values[name] for name in SCORES},
        findings={name: tuple(words) for name, words in found.items() if words},
    )
