"""Which files of a change belong together: pairs judged, then clusters joined."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from diffscribe.baseline.evidence import FileEvidence
from diffscribe.baseline.features import Rarity, pair_features, rarity_of
from diffscribe.baseline.trees import Trees, fit_trees, probabilities
from diffscribe.params import BaselineParams

if TYPE_CHECKING:
    from numpy import bool_, float64
    from numpy.typing import NDArray

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
