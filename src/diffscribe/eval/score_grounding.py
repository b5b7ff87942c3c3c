"""Family grounding: does the change show what the messages name and claim.

Nothing is compared with the target: a message may say other things, if they are
there. What only exists outside of the diff is absent too, so people who know their
project do not reach 1 (`benchmarks/grounding.py` says how far they come), and a
purpose or a cause cannot be checked at all. A message that names nothing is
grounded; `names_something` tells how many do.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from diffscribe.commits.entities import Entity, EntityKind, Evidence, entities
from diffscribe.core.records import Plan, Prediction
from diffscribe.eval.cases import Case
from diffscribe.eval.measure import Measure

MEASURES = {
    "grounded": Measure("grounding", "messages that name nothing absent"),
    "names_grounded": Measure("grounding", "names in messages that the change shows"),
    "names_something": Measure("grounding", "messages with a name to look up"),
    "polarity": Measure("grounding", "said to be added or removed, and it was"),
}
_ADDS = r"add|introduce|implement|create|provide|allow|enable|support|expose|include"
_REMOVES = r"remove|delete|drop|strip|eliminate|get rid of|purge"
_CLAIM = re.compile(rf"(?:(?P<adds>{_ADDS})|(?P<removes>{_REMOVES}))\s+", re.IGNORECASE)
_OBJECT_END = re.compile(
    r"\s(?:to|from|for|in|on|of|with|without|instead|and|or|when|if|as|by|via|so|at|but"
    r"|before|after|because|since|while|using|than|that|which|where)\s|[,;:(]"
)


class Claim(NamedTuple):
    """A subject says that something came or went."""

    adds: bool
    entity: Entity


class Signs(NamedTuple):
    """The added and the removed lines of a diff, `+++` and `---` included."""

    added: Evidence
    removed: Evidence


def scores(case: Case, prediction: Prediction) -> dict[str, float | None]:
    """Return MEASURES of one answer."""
    plan = prediction.plan
    if plan is None or not plan.commits:
        return dict.fromkeys(MEASURES, 0.0)
    held = [
        [is_held for _, is_held in names_in(text, case.files, case.diff)]
        for text in texts_of(plan)
    ]
    flat = [each for message in held for each in message]
    return {
        "grounded": sum(map(all, held)) / len(held),
        "names_grounded": sum(flat) / len(flat) if flat else None,
        "names_something": sum(map(bool, held)) / len(held),
        "polarity": polarity(case, plan),
    }


def findings(case: Case, prediction: Prediction) -> dict[str, tuple[str, ...]]:
    """Return the names that are absent, and the claims that the signs refute."""
    plan = prediction.plan
    if plan is None:
        return {}
    absent = [
        entity.text
        for text in texts_of(plan)
        for entity, is_held in names_in(text, case.files, case.diff)
        if not is_held
    ]
    signs = signs_of(case.diff)
    return {
        "absent_names": tuple(dict.fromkeys(absent)),
        "false_claims": tuple(
            f"{'added' if claim.adds else 'removed'}: {claim.entity.text}"
            for claim in claims(plan)
            if is_refuted(claim, signs)
        ),
    }


@lru_cache(maxsize=64)
def names_in(
    text: str, files: tuple[str, ...], diff: str
) -> tuple[tuple[Entity, bool], ...]:
    """Return what a message names, each with whether the change shows it."""
    evidence = evidence_of(files, diff)
    return tuple((each, evidence.holds(each)) for each in entities(text))


def texts_of(plan: Plan) -> list[str]:
    """Return subject and body of each commit."""
    return [f"{commit.subject}\n{commit.body}" for commit in plan.commits]


def polarity(case: Case, plan: Plan) -> float | None:
    """Return the share of claims that the signs do not refute; None without claims.

    A claim to have added something is refuted if only removed lines have it, and
    the other way round. What stands in neither is `grounded`'s.
    """
    made = list(claims(plan))
    if not made:
        return None
    signs = signs_of(case.diff)
    return 1 - sum(is_refuted(claim, signs) for claim in made) / len(made)


def claims(plan: Plan) -> Iterator[Claim]:
    """Yield what subjects say was added or removed, if that has a name.

    That is the names between the verb, which comes first, and the first small
    word or sign that ends its object.
    """
    for commit in plan.commits:
        verb = _CLAIM.match(commit.subject)
        if verb is None:
            continue
        said = _OBJECT_END.split(commit.subject[verb.end() :], maxsplit=1)[0]
        for entity in entities(said):
            if entity.kind in (EntityKind.PATH, EntityKind.IDENTIFIER):
                yield Claim(verb["adds"] is not None, entity)


def is_refuted(claim: Claim, signs: Signs) -> bool:
    """Tell whether only lines of the other sign have what a claim is about."""
    mine, other = signs if claim.adds else signs[::-1]
    return other.holds(claim.entity) and not mine.holds(claim.entity)


@lru_cache(maxsize=64)
def evidence_of(files: tuple[str, ...], diff: str) -> Evidence:
    """Return where the names of a change are looked up."""
    return Evidence(files, diff)


@lru_cache(maxsize=64)
def signs_of(diff: str) -> Signs:
    """Return the lines of a diff by their sign."""
    lines = diff.split("\n")
    added, removed = (
        "\n".join(line[1:] for line in lines if line.startswith(sign)) for sign in "+-"
    )
    return Signs(Evidence((), added), Evidence((), removed))
