"""Boosted decision trees as plain arrays, which any program can read and check."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from diffscribe.baseline.evidence import FileEvidence
from diffscribe.baseline.features import Rarity, pair_features, rarity_of
from diffscribe.core.params import BaselineParams

if TYPE_CHECKING:
    from numpy import bool_, float32, float64, int32
    from numpy.typing import NDArray


class Trees(NamedTuple):
    """Nodes of all trees, one after the other; a leaf leads to itself."""

    start: float
    """Log-odds before any tree; infinite if there is one answer only."""
    depth: int
    """Steps of the longest way down a tree."""
    roots: "NDArray[int32]"
    """Index of the first node of each tree."""
    column: "NDArray[int32]"
    """Which feature a node asks for."""
    limit: "NDArray[float64]"
    """Up to it the way leads to `low`, above it to `high`."""
    low: "NDArray[int32]"
    high: "NDArray[int32]"
    value: "NDArray[float64]"
    """What a leaf adds to the log-odds."""


def fit_trees(
    features: "NDArray[float32]", answers: "NDArray[bool_]", params: BaselineParams
) -> Trees:
    """Return gradient-boosted trees (Friedman 2001, as in scikit-learn).

    If all answers are equal, or there are none, that or yes is always the answer.
    """
    import numpy as np
    from sklearn.ensemble import GradientBoostingClassifier

    if answers.all() or not answers.any():
        return _joined(float("inf") if answers.all() else float("-inf"), [])
    chosen = _chosen(len(answers), params)
    model = GradientBoostingClassifier(
        n_estimators=params.trees,
        max_depth=params.tree_depth,
        learning_rate=params.learning_rate,
        subsample=0.5,
        max_features="sqrt",
        min_samples_leaf=min(30, 1 + len(chosen) // 100),
        random_state=params.seed,
    ).fit(features[chosen], answers[chosen])
    share = answers[chosen].mean()
    trees = [
        Trees(
            start=0.0,
            depth=tree.max_depth,
            roots=np.zeros(1, np.int32),
            column=np.where(tree.feature < 0, 0, tree.feature),
            limit=tree.threshold,
            low=_or_self(tree.children_left),
            high=_or_self(tree.children_right),
            value=tree.value[:, 0, 0] * params.learning_rate,
        )
        for tree in (each.tree_ for each in model.estimators_[:, 0])
    ]
    return _joined(float(np.log(share / (1 - share))), trees)


def probabilities(trees: Trees, features: "NDArray[float32]") -> "NDArray[float64]":
    """Return for each row of features how likely a yes is."""
    import numpy as np
    from scipy.special import expit

    rows = np.arange(len(features))[:, None]
    node = np.broadcast_to(trees.roots, (len(features), len(trees.roots)))
    for _ in range(trees.depth):
        goes_low = features[rows, trees.column[node]] <= trees.limit[node]
        node = np.where(goes_low, trees.low[node], trees.high[node])
    likely: NDArray[float64] = expit(trees.start + trees.value[node].sum(axis=1))
    return likely


def _chosen(pairs: int, params: BaselineParams) -> "NDArray[int32]":
    """Return which pairs the trees see, in their order."""
    import numpy as np

    random = np.random.default_rng(params.seed)
    drawn = random.permutation(pairs)[: params.max_pairs]
    return np.sort(drawn).astype(np.int32)


def _or_self(children: "NDArray[int32]") -> "NDArray[int32]":
    import numpy as np

    return np.where(children < 0, np.arange(len(children)), children)


def _joined(start: float, trees: list[Trees]) -> Trees:
    """Return the trees behind each other."""
    import numpy as np

    sizes = [len(tree.value) for tree in trees]
    roots = np.cumsum([0, *sizes], dtype=np.int32)[:-1]

    def all_of(field: str, kind: type, shift: bool = False) -> Any:
        parts = [
            getattr(tree, field) + (root if shift else 0)
            for tree, root in zip(trees, roots, strict=True)
        ]
        return np.concatenate([np.empty(0, kind), *parts]).astype(kind)

    return Trees(
        start=start,
        depth=max((tree.depth for tree in trees), default=0),
        roots=roots,
        column=all_of("column", np.int32),
        limit=all_of("limit", np.float64),
        low=all_of("low", np.int32, shift=True),
        high=all_of("high", np.int32, shift=True),
        value=all_of("value", np.float64),
    )


LEAST_FILES = 3
"""What identifier is in fewer training files counts as one that is in none."""
THRESHOLDS = tuple(step / 20 for step in range(6, 17))
"""How likely two groups have to belong together, on average, to be joined."""
USUAL = 0.5


class GroupedChange(NamedTuple):
    """A change to learn from."""

    files: Sequence[FileEvidence]
    groups: Sequence[int]
    """The commit of each file."""


class Grouping(NamedTuple):
    """What was learned."""

    rarity: Rarity
    trees: Trees
    threshold: float


def fit_grouping(
    training: Sequence[GroupedChange],
    validation: Sequence[GroupedChange],
    params: BaselineParams,
) -> Grouping:
    """Return trees fitted on pairs of files, and the threshold best on validation.

    Without a pair to learn from, all files belong together.
    """
    import numpy as np

    rarity = rarity_of(
        (file for change in training for file in change.files), LEAST_FILES
    )
    changes = [change for change in training if len(change.files) > 1]
    answers = [_answers(change.groups) for change in changes]
    features = [pair_features(change.files, rarity) for change in changes]
    width = features[0].shape[1] if features else 0
    trees = fit_trees(
        np.concatenate([np.empty((0, width), np.float32), *features]),
        np.concatenate([np.empty(0, np.bool_), *answers]),
        params,
    )
    return _with_threshold(Grouping(rarity, trees, USUAL), validation)


def group(model: Grouping, files: Sequence[FileEvidence]) -> list[list[FileEvidence]]:
    """Return the files as groups, in the order of each one's first file."""
    if len(files) < 2:
        return [list(files)] if files else []
    groups: dict[int, list[FileEvidence]] = {}
    numbers = _clusters(_together(model, files), model.threshold)
    for file, number in zip(files, numbers, strict=True):
        groups.setdefault(number, []).append(file)
    return list(groups.values())


def _together(model: Grouping, files: Sequence[FileEvidence]) -> "NDArray[float64]":
    return probabilities(model.trees, pair_features(files, model.rarity))


def _clusters(together: "NDArray[float64]", threshold: float) -> list[int]:
    """Return a number for each file by average-link clustering of its pairs."""
    from scipy.cluster.hierarchy import fcluster, linkage

    joined = linkage(1 - together, "average")
    numbers: list[int] = fcluster(joined, 1 - threshold, "distance").tolist()
    return numbers


def _answers(groups: Sequence[int]) -> "NDArray[bool_]":
    import numpy as np

    numbers = np.array(groups)
    first, second = np.triu_indices(len(groups), 1)
    same: NDArray[bool_] = numbers[first] == numbers[second]
    return same


def _with_threshold(model: Grouping, validation: Sequence[GroupedChange]) -> Grouping:
    """Return the model with the threshold of the best mean ARI.

    Of equally good ones that nearest to USUAL, which stays without validation.
    """
    from sklearn.metrics import adjusted_rand_score

    changes = [change for change in validation if len(change.files) > 1]
    together = [_together(model, change.files) for change in changes]

    def quality(threshold: float) -> tuple[float, float]:
        indices = (
            adjusted_rand_score(change.groups, _clusters(each, threshold))
            for change, each in zip(changes, together, strict=True)
        )
        return sum(indices), -abs(threshold - USUAL)

    return model._replace(threshold=max(THRESHOLDS, key=quality))
