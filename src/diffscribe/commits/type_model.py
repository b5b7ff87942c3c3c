"""Guess the type of a commit whose author named none, by a linear model.

The numbers are in type_model.json, learned from commits of public histories whose
authors named a type. `python benchmarks/commit_types.py` measures how often the guess
is theirs in histories that the model has not seen, and learns new ones.
"""

import json
import math
import re
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath
from typing import NamedTuple

from diffscribe.commits.path_rules import type_of_paths
from diffscribe.commits.words import MAX_MATCHED_CHARS, word_forms, words

MODEL = "type_model.json"
_WORD = re.compile(r"[A-Za-z]{2,}")
_MAX_PATHS = 100


class TypeWeights(NamedTuple):
    """A multinomial logistic regression over the features of a commit."""

    types: tuple[str, ...]
    """Sorted."""
    bias: tuple[float, ...]
    weights: Mapping[str, Sequence[float]]
    """A weight for each type, by feature."""


class TypeGuess(NamedTuple):
    """The likeliest type."""

    type: str
    probability: float


def guess_type(
    subject: str, paths: Collection[str], model: TypeWeights | None = None
) -> TypeGuess:
    """Return the likeliest type of a commit; of equally likely ones the first by name.

    Without a model it is the one that comes with the package.
    """
    model = model or own_model()
    scores = list(model.bias)
    for feature in commit_features(subject, paths):
        for at, weight in enumerate(model.weights.get(feature, ())):
            scores[at] += weight
    best = max(scores)
    shares = [math.exp(score - best) for score in scores]
    return TypeGuess(model.types[shares.index(1.0)], 1.0 / sum(shares))


def commit_features(subject: str, paths: Collection[str]) -> list[str]:
    """Return what tells the type of a commit, each once, sorted.

    Words of the subject in their first form that is a known verb, the first word and
    the first two apart, and whether one says what was wrong; kinds and extensions of
    files, and how many there are.
    """
    subject, paths = subject[:MAX_MATCHED_CHARS], sorted(paths)[:_MAX_PATHS]
    verbs = words("imperatives")
    found = [
        next((form for form in word_forms(word) if form in verbs), word)
        for word in map(str.lower, _WORD.findall(subject))
    ]
    first = found[0] if found else ""
    fault = "fault" if names_fault(subject) else "no fault"
    kinds = {type_of_paths([path]) or "code" for path in paths}
    return sorted(
        {
            *found,
            *(f"1 {first}", f"2 {' '.join(found[:2])}", fault, f"1 {first}, {fault}"),
            f"kinds {' '.join(sorted(kinds))}",
            *(f"kind {kind}" for kind in kinds),
            *(f"extension {PurePosixPath(path).suffix.lower()}" for path in paths),
            f"files {len(paths).bit_length()}",
            *(["code in subject"] if "`" in subject else []),
        }
    )


def names_fault(subject: str) -> bool:
    """Tell whether a word of a subject says what was wrong, or must not happen."""
    faults = words("faults")
    return any(
        not faults.isdisjoint(word_forms(word.lower()))
        for word in _WORD.findall(subject)
    )


@cache
def own_model() -> TypeWeights:
    """Return the model that comes with the package."""
    table = files("diffscribe.commits").joinpath(MODEL).read_text(encoding="utf-8")
    return TypeWeights(**json.loads(table))
