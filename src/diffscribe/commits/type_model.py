"""Guess the type of a commit whose author named none, by a linear model.

The numbers are in type_model.json, learned from commits of public histories whose
authors named a type. `python benchmarks/commit_types.py` measures how often the guess
is theirs in histories that the model has not seen, and learns new ones.
"""

import json
import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from diffscribe.commits.path_rules import type_of_paths
from diffscribe.commits.words import word_forms, words

if TYPE_CHECKING:
    from numpy.typing import NDArray

MODEL = "type_model.json"
INVERSE_PENALTY = 0.1
"""scikit-learn's C of the logistic regression. The default of 1 learns habits of the
projects it is shown: of as many guesses five points fewer are right elsewhere."""
MIN_COMMITS = 8
"""A feature of fewer commits has no weight: it may be a name in one project."""
_WORD = re.compile(r"[A-Za-z]{2,}")
_MAX_CHARS = 1000
_MAX_PATHS = 100


class TypeWeights(NamedTuple):
    """A multinomial logistic regression over the features of a commit."""

    types: tuple[str, ...]
    """Sorted."""
    bias: tuple[float, ...]
    weights: Mapping[str, Sequence[float]]
    """Of each feature, one for each type."""


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
    return sorted(set(_features(subject[:_MAX_CHARS], sorted(paths)[:_MAX_PATHS])))


def _features(subject: str, paths: Sequence[str]) -> Iterator[str]:
    found = [_base(word.lower()) for word in _WORD.findall(subject)]
    yield from found
    yield f"1 {found[0] if found else ''}"
    yield f"2 {' '.join(found[:2])}"
    fault = "fault" if names_fault(subject) else "no fault"
    yield from (fault, f"1 {found[0] if found else ''}, {fault}")
    kinds = [type_of_paths([path]) or "code" for path in paths]
    yield f"kinds {' '.join(sorted(set(kinds)))}"
    yield from (f"kind {kind}" for kind in kinds)
    yield from (f"extension {PurePosixPath(path).suffix.lower()}" for path in paths)
    yield f"files {len(paths).bit_length()}"
    if "`" in subject:
        yield "code in subject"


def names_fault(subject: str) -> bool:
    """Tell whether a word of a subject says what was wrong, or must not happen."""
    faults = words("faults")
    return any(
        not faults.isdisjoint(word_forms(word.lower()))
        for word in _WORD.findall(subject)
    )


def _base(word: str) -> str:
    return next((f for f in word_forms(word) if f in words("imperatives")), word)


def fit_type_model(
    subjects: Sequence[str], paths: Sequence[Collection[str]], types: Sequence[str]
) -> TypeWeights:
    """Return the model of commits whose types are known; needs scikit-learn.

    Equal commits in equal order give equal numbers.
    """
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.linear_model import LogisticRegression

    rows = [
        dict.fromkeys(commit_features(subject, some), 1.0)
        for subject, some in zip(subjects, paths, strict=True)
    ]
    counts: dict[str, int] = {}
    for row in rows:
        for feature in row:
            counts[feature] = counts.get(feature, 0) + 1
    kept = [
        {name: one for name, one in row.items() if counts[name] >= MIN_COMMITS}
        for row in rows
    ]
    vectors = DictVectorizer()
    learned = LogisticRegression(C=INVERSE_PENALTY, max_iter=300)
    learned.fit(vectors.fit_transform(kept), list(types))
    weights, bias = row_for_each_class(learned)
    columns = weights.T.round(2).tolist()
    return TypeWeights(
        types=tuple(learned.classes_.tolist()),
        bias=tuple(bias.round(2).tolist()),
        weights=dict(zip(vectors.get_feature_names_out(), columns, strict=True)),
    )


def row_for_each_class(learned: Any) -> "tuple[NDArray[Any], NDArray[Any]]":
    """Return the weights and biases of a logistic regression, a row for each class.

    For two classes scikit-learn has one row, of the second against the first; the
    first then has zeros, so that a softmax gives the same probabilities.
    """
    import numpy as np

    weights, bias = learned.coef_, learned.intercept_
    if len(learned.classes_) == 2:
        weights, bias = np.vstack([0 * weights, weights]), np.append(0 * bias, bias)
    return weights, bias


@cache
def own_model() -> TypeWeights:
    """Return the model that comes with the package."""
    table = files("diffscribe.commits").joinpath(MODEL).read_text(encoding="utf-8")
    return TypeWeights(**json.loads(table))


def dump_type_model(model: TypeWeights) -> str:
    """Return a model as JSON, a feature a line, for `own_model` to read."""
    lines = (
        f"{json.dumps(feature)}: {json.dumps(weights, separators=(',', ':'))}"
        for feature, weights in sorted(model.weights.items())
    )
    head = json.dumps({"bias": model.bias, "types": model.types})[:-1]
    return f'{head}, "weights": {{\n' + ",\n".join(lines) + "\n}}\n"
