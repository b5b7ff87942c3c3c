"""Judge the messages of an answer: type, scope, names, words, style.

Types and words are compared along the alignment of commits (`align`); a commit of the
target without a partner counts as wrong. Grounding compares nothing with the target: a
message may say other things, if the change shows them.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

from diffscribe.commits.grammar import format_message
from diffscribe.commits.grounding import Entity, Evidence, claims, entities, signs_of
from diffscribe.commits.style import StyleRule, broken_rules, is_trivial
from diffscribe.core.params import StyleParams
from diffscribe.core.records import Plan, PlannedCommit, Prediction
from diffscribe.eval.cases import Case
from diffscribe.eval.grouping import Judgement, plan_units

_GENERIC = re.compile(
    r"(?:(?:update|change|modify|improve|fix|add|refactor|clean ?up|adjust|edit|tweak"
    r"|enhance|implement|remove)[sd]?\s+)"
    r"(?:(?:the|a|an|some|various|several|multiple|all|project|source|existing|new"
    r"|minor|small|other|related|and|code)\s+)*"
    r"(?:files?|code|changes?|things?|stuff|project|functionality|features?|logic"
    r"|implementation|documentation|docs|tests?|issues?|bugs?|improvements?"
    r"|updates?|codebase|repository|modules?|components?|dependencies)"
    r"(?:\s+(?:for|in|of|to)\s+(?:the\s+)?(?:project|code|codebase|repository|app"
    r"|application|system|module|files?))?",
    re.IGNORECASE,
)


_FREE_IF_PLAIN = (StyleRule.OTHER_TYPE, StyleRule.CAPITALISED)
"""Rules of headers with a type, which a plain message has not."""


def judge_messages(case: Case, prediction: Prediction, style: StyleParams) -> Judgement:
    """Return the measures of types, grounding, text and style, and what was found.

    The findings name wrong types, absent names, refuted claims, generic subjects and
    broken rules.
    """
    commits = prediction.plan.commits if prediction.plan else ()
    pairs = align(case.target, Plan(commits=commits))
    texts = [(text_of(t), text_of(p) if p else "") for t, p in pairs]
    names = [names_in(text_of(each), case.files, case.diff) for each in commits]
    flaws = [flaws_of(case, each, style) for each in commits]
    generic = [is_generic(each) for each in commits]
    values = {
        **_type_scores(pairs),
        "grounded": mean([not (e.absent_names or e.false_claims) for e in flaws]),
        "names_something": mean(list(map(bool, names))),
        "chrf": mean([chrf(*each) for each in texts]),
        "edit_similarity": mean([edit_similarity(*each) for each in texts]),
        "specific": mean([not each for each in generic]),
        "style": float(bool(commits) and not any(e.broken_rules for e in flaws)),
    }
    found = {
        "types": [
            f"{partner.type or 'none'}, not {target.type}"
            for target, partner in pairs
            if partner and target.type not in ("", partner.type)
        ],
        "absent_names": list(dict.fromkeys(chain(*(e.absent_names for e in flaws)))),
        "false_claims": list(chain(*(e.false_claims for e in flaws))),
        "generic": [
            c.subject for c, flag in zip(commits, generic, strict=True) if flag
        ],
        "style_rules": [rule.value for each in flaws for rule in each.broken_rules],
    }
    return Judgement(values, found)


class Flaws(NamedTuple):
    """What is surely wrong with a message, whatever the target says."""

    absent_names: Sequence[str]
    """Names that the change does not show."""
    false_claims: Sequence[str]
    """What it says came or went that the signs of the lines refute."""
    broken_rules: Sequence[StyleRule]


def flaws_of(case: Case, commit: PlannedCommit, style: StyleParams) -> Flaws:
    """Return the flaws of a commit's message, for a case that shows the commit."""
    text = text_of(commit)
    names = names_in(text, case.files, case.diff)
    free = _FREE_IF_PLAIN if case.message == "plain" else ()
    broken = broken_rules(format_message(commit), style)
    return Flaws(
        [entity.text for entity, held in names if not held],
        _false_claims(text, case.diff),
        [rule for rule in broken if rule not in free],
    )


class Aligned(NamedTuple):
    """A commit of the target and its partner."""

    target: PlannedCommit
    partner: PlannedCommit | None


@lru_cache(maxsize=16)
def align(target: Plan, plan: Plan) -> tuple[Aligned, ...]:
    """Return each of the target's commits with its partner, in their order.

    Partners are the one-to-one alignment that shares the most units; of equal
    alignments the one with the fewest equal types counts, so that guessing many
    types for many small commits does not pay; of those still equal, their content
    decides, not their order. No shared unit, no partner.
    (The assignment problem, Kuhn 1955, as scipy solves it.)
    """
    partners: list[PlannedCommit | None] = [None] * len(target.commits)
    if plan.commits:
        for row, column in _assignment(target, plan):
            partners[row] = plan.commits[column]
    return tuple(map(Aligned, target.commits, partners))


def _assignment(target: Plan, plan: Plan) -> list[tuple[int, int]]:
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    ours, theirs = _by_content(target), _by_content(plan)
    expected = [target.commits[at] for at in ours]
    given = [plan.commits[at] for at in theirs]
    wanted, units = plan_units(target, plan), plan_units(plan, target)
    shared = np.array([[len({*wanted[t]} & {*units[p]}) for p in theirs] for t in ours])
    same = np.array([[t.type == p.type for p in given] for t in expected])
    # One shared unit outweighs every tie-break together.
    weights = shared * (len(expected) + 1) - (same & (shared > 0))
    rows, columns = linear_sum_assignment(weights, maximize=True)
    return [
        (ours[r], theirs[c]) for r, c in zip(rows, columns, strict=True) if shared[r, c]
    ]


def _by_content(plan: Plan) -> list[int]:
    """Return the places of commits in an order that theirs does not change."""

    def content(at: int) -> tuple[list[str], str]:
        commit = plan.commits[at]
        return sorted(commit.files), commit.model_dump_json(exclude={"files"})

    return sorted(range(len(plan.commits)), key=content)


def aligned_type_share(target: Plan, plan: Plan) -> float:
    """Return the share of the target's commits whose partner has their type."""
    return _share(align(target, plan), lambda t, p: t.type == p.type)


def _type_scores(pairs: Sequence[Aligned]) -> dict[str, float | None]:
    """Return the share of the target's commits that agree; None if one has no type."""
    if not pairs or not all(pair.target.type for pair in pairs):
        return dict.fromkeys(("type", "scope", "breaking"))
    return {
        "type": _share(pairs, lambda t, p: t.type == p.type),
        "scope": _share(pairs, lambda t, p: _scope(t) == _scope(p)),
        "breaking": _share(pairs, lambda t, p: t.breaking == p.breaking),
    }


def _share(
    pairs: Sequence[Aligned], agree: Callable[[PlannedCommit, PlannedCommit], bool]
) -> float:
    return mean([bool(p and agree(t, p)) for t, p in pairs])


def _scope(commit: PlannedCommit) -> str:
    return (commit.scope or "").strip().lower()


def _false_claims(text: str, diff: str) -> list[str]:
    """Return what a message says came or went that the signs of the lines refute."""
    signs = signs_of(diff)
    return [
        f"{'added' if claim.adds else 'removed'}: {claim.entity.text}"
        for claim in claims(text)
        if signs.refute(claim)
    ]


@lru_cache(maxsize=64)
def names_in(
    text: str, files: tuple[str, ...], diff: str
) -> tuple[tuple[Entity, bool], ...]:
    """Return what a message names, each with whether the change shows it."""
    evidence = _evidence(files, diff)
    return tuple((each, evidence.holds(each)) for each in entities(text))


@lru_cache(maxsize=64)
def _evidence(files: tuple[str, ...], diff: str) -> Evidence:
    return Evidence(files, diff)


def text_of(commit: PlannedCommit) -> str:
    """Return subject and body, without type and scope, which have own measures."""
    return f"{commit.subject}\n\n{commit.body}".strip()


MOST_CHARACTERS = 6
"""Of an n-gram of `chrf`."""


def chrf(target: str, text: str) -> float:
    """Return the F2 score of shared character n-grams up to six, 0 to 1.

    Recall counts twice as much as precision; white space does not count. Equal
    texts have 1; an empty one 0. (Popovic 2015; as sacrebleu has it, over 100.)
    """
    wanted, given = ("".join(each.split()) for each in (target, text))
    lengths = range(1, min(MOST_CHARACTERS, len(wanted), len(given)) + 1)
    recalls, precisions = [], []
    for length in lengths:
        theirs, ours = _n_grams(wanted, length), _n_grams(given, length)
        shared = (theirs & ours).total()
        recalls.append(shared / theirs.total())
        precisions.append(shared / ours.total())
    recall, precision = mean(recalls), mean(precisions)
    return 5 * precision * recall / (4 * precision + recall) if recall else 0.0


def _n_grams(text: str, length: int) -> Counter[str]:
    return Counter(text[at : at + length] for at in range(len(text) - length + 1))


def edit_similarity(target: str, text: str) -> float:
    """Return 1 less the edits over the longer text's length, 0 to 1; empty is 0.

    Edits insert, delete or replace a character. (Levenshtein 1966, by rapidfuzz.)
    """
    from rapidfuzz.distance import Levenshtein

    if not text:
        return 0.0
    return float(Levenshtein.normalized_similarity(target, text))


def is_generic(commit: PlannedCommit) -> bool:
    """Tell a subject that fits any change, such as `update the documentation`."""
    subject = commit.subject.strip().rstrip(".")
    return is_trivial(subject) or bool(_GENERIC.fullmatch(subject))


def mean(values: Sequence[float]) -> float:
    """Return the arithmetic mean, 0 of no values."""
    return sum(values) / len(values) if values else 0.0
