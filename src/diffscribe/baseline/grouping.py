"""Which files of a change belong into one commit.

Boosted decision trees tell of each two files how likely they are of one commit, and
average-link clustering joins files as long as that holds on average. scikit-learn
grows the trees; they are kept as plain arrays, and a plan needs numpy alone.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby, takewhile
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from diffscribe.baseline.features import (
    COLUMNS,
    FOLDERS_NAME_IT,
    FileEvidence,
    Rarity,
    pair_features,
    rarity_of,
)

if TYPE_CHECKING:
    from diffscribe.core.params import BaselineParams

TREE_DEPTH = 6
LEARNING_RATE = 0.07
MAX_PAIRS = 150_000
"""Pairs of files that the trees see; of more, so many are drawn."""
LEAST_FILES = 3
"""An identifier that fewer training files have counts as one that none has."""
THRESHOLDS = tuple(step / 20 for step in range(6, 17))
"""How likely two groups have to belong together, on average, to be joined."""
USUAL = 0.5
DOUBT = 0.1
"""How far from the threshold a likelihood is about as good as on its other side."""
MOST_GROUPINGS = 4

MOST_FILES = 60
"""Files that are compared with each other. Of more, time would grow with the square."""
MOST_NAMESAKES = 6
"""More files of one name, such as `package.json`, have nothing else in common."""

Floats = NDArray[np.float64]


class Trees(NamedTuple):
    """Nodes of all trees, one after the other; a leaf leads to itself."""

    start: float
    """Log-odds before any tree; infinite if there is one answer only."""
    depth: int
    """Steps of the longest way down a tree."""
    roots: NDArray[np.int32]
    """Index of the first node of each tree."""
    column: NDArray[np.int32]
    """Which feature a node asks for."""
    limit: Floats
    """Up to it the way leads to `low`, above it to `high`."""
    low: NDArray[np.int32]
    high: NDArray[np.int32]
    value: Floats
    """What a leaf adds to the log-odds."""


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
    params: "BaselineParams",
) -> Grouping:
    """Return trees fitted on pairs of files, and a threshold good on validation.

    Without a pair to learn from, all files belong together.
    """
    rarity = rarity_of(
        (file for change in training for file in change.files), LEAST_FILES
    )
    changes = [change for change in training if len(change.files) > 1]
    groups = [np.array(change.groups) for change in changes]
    answers = [
        (each[:, None] == each)[np.triu_indices(len(each), 1)] for each in groups
    ]
    features = [pair_features(change.files, rarity) for change in changes]
    # All pairs of a change would weigh as much as the square of its files.
    weights = [np.full(len(each), len(each) ** -0.5) for each in answers]
    trees = fit_trees(
        np.concatenate([np.empty((0, len(COLUMNS)), np.float32), *features]),
        np.concatenate([np.empty(0, np.bool_), *answers]),
        np.concatenate([np.empty(0), *weights]),
        params,
    )
    model = Grouping(rarity, trees, USUAL)
    changes = [change for change in validation if len(change.files) > 1]
    likely = [_likely(model, change.files) for change in changes]
    threshold = choose_threshold(likely, [change.groups for change in changes])
    return model._replace(threshold=threshold)


def groupings(
    model: Grouping, files: Sequence[FileEvidence]
) -> list[list[list[FileEvidence]]]:
    """Return the files as groups, and then in other ways that are about as likely.

    Groups are in the order of their first files. More than MOST_FILES are grouped in
    parts, in one way.
    """
    if len(files) < 2:
        return [[list(files)] if files else []]
    if len(files) > MOST_FILES:
        parts = parts_of(files, MOST_FILES)
        return [[group for part in parts for group in groupings(model, part)[0]]]
    found = []
    for numbers in about_as_likely(_likely(model, files), model.threshold):
        groups: dict[int, list[FileEvidence]] = {}
        for file, number in zip(files, numbers, strict=True):
            groups.setdefault(number, []).append(file)
        found.append(list(groups.values()))
    return found


Placed = tuple[tuple[str, ...], FileEvidence]
"""A file, and the folders that it counts as lying in."""


def parts_of(files: Sequence[FileEvidence], most: int) -> list[list[FileEvidence]]:
    """Return files in parts of at most so many.

    A part holds files of one folder, or of some small ones beside each other. A test
    goes with what it tests, wherever it lies: files of one name, without what marks a
    test, are together.
    """
    namesakes = Counter(file.stem for file in files)
    homes: dict[str, tuple[str, ...]] = {}
    # Code gives the home, and a test comes to it.
    for file in sorted(files, key=lambda each: (each.kind != "code", each.path)):
        homes.setdefault(file.stem, file.folders)

    def home(file: FileEvidence) -> tuple[str, ...]:
        is_name = file.stem not in FOLDERS_NAME_IT
        is_told = is_name and 1 < namesakes[file.stem] <= MOST_NAMESAKES
        return homes[file.stem] if is_told else file.folders

    placed = [(home(file), file) for file in files]
    placed.sort(key=lambda each: (each[0], each[1].stem, each[1].path))
    return [[file for _, file in part] for part in _split(placed, 0, most)]


def _split(placed: Sequence[Placed], depth: int, most: int) -> list[list[Placed]]:
    """Return sorted files in parts, of those that share so many folders."""
    if len(placed) <= most:
        return [list(placed)]
    if all(len(folders) <= depth for folders, _ in placed):
        return [list(placed[at : at + most]) for at in range(0, len(placed), most)]
    parts: list[list[Placed]] = []
    for _, inside in groupby(placed, key=lambda each: each[0][depth : depth + 1]):
        for part in _split(list(inside), depth + 1, most):
            if parts and len(parts[-1]) + len(part) <= most:
                parts[-1] += part
            else:
                parts.append(part)
    return parts


def fit_trees(
    features: NDArray[np.float32],
    answers: NDArray[np.bool_],
    weights: Floats,
    params: "BaselineParams",
) -> Trees:
    """Return gradient-boosted trees (Friedman 2001, as in scikit-learn).

    If all answers are equal, or there are none, that or yes is always the answer.
    """
    from sklearn.ensemble import GradientBoostingClassifier

    if answers.all() or not answers.any():
        return _joined(float("inf") if answers.all() else float("-inf"), [])
    random = np.random.default_rng(params.seed)
    chosen = np.sort(random.permutation(len(answers))[:MAX_PAIRS])
    model = GradientBoostingClassifier(
        n_estimators=params.trees,
        max_depth=TREE_DEPTH,
        learning_rate=LEARNING_RATE,
        subsample=0.5,
        max_features="sqrt",
        min_samples_leaf=min(50, 1 + len(chosen) // 100),
        random_state=params.seed,
    ).fit(features[chosen], answers[chosen], weights[chosen])
    share = np.average(answers[chosen], weights=weights[chosen])
    start = float(np.log(share / (1 - share)))
    return _joined(start, [each.tree_ for each in model.estimators_[:, 0]])


def probabilities(trees: Trees, features: NDArray[np.float32]) -> Floats:
    """Return for each row of features how likely a yes is."""
    rows = np.arange(len(features))[:, None]
    node = np.broadcast_to(trees.roots, (len(features), len(trees.roots)))
    for _ in range(trees.depth):
        goes_low = features[rows, trees.column[node]] <= trees.limit[node]
        node = np.where(goes_low, trees.low[node], trees.high[node])
    log_odds = trees.start + trees.value[node].sum(axis=1)
    # The logistic function, which overflows in its usual form.
    likely: Floats = (1 + np.tanh(log_odds / 2)) / 2
    return likely


def average_link(likely: Floats, threshold: float) -> list[int]:
    """Return a number for each file: groups are joined while the threshold is met.

    It is met by the mean over the pairs of two groups. `likely` is files by files.
    """
    steps = takewhile(lambda step: step[0] >= threshold, joined(likely))
    *_, (_, numbers) = steps
    return numbers


def about_as_likely(likely: Floats, threshold: float) -> list[list[int]]:
    """Return `average_link`, and what it is a few joins before or after.

    Those are joins whose mean is within DOUBT of the threshold. The fewest joins more
    or less come first, and MOST_GROUPINGS are returned at most.
    """
    chosen = 0
    found: list[list[int]] = []
    for link, numbers in joined(likely):
        if link < threshold - DOUBT:
            break
        if link > threshold + DOUBT:
            found.clear()
        found.append(numbers)
        if link >= threshold:
            chosen = len(found) - 1
    nearest = sorted(range(len(found)), key=lambda at: abs(at - chosen))
    return [found[at] for at in nearest[:MOST_GROUPINGS]]


def joined(likely: Floats) -> Iterator[tuple[float, list[int]]]:
    """Yield each step of average-link clustering (Sokal 1958): a number for each file.

    First each file is alone. Then the two groups are joined whose pairs are likeliest
    on average, of equal ones the first, until one is left. Beside the numbers stands
    that mean, which never rises; 1 for the first step.
    """
    links = likely.copy()
    np.fill_diagonal(links, -1.0)
    numbers = np.arange(len(links))
    sizes = np.ones(len(links))
    yield 1.0, numbers.tolist()
    for _ in range(len(links) - 1):
        one, other = sorted(divmod(int(links.argmax()), len(links)))
        link = float(links[one, other])
        both = sizes[one] * links[one] + sizes[other] * links[other]
        links[one] = links[:, one] = both / (sizes[one] + sizes[other])
        links[other] = links[:, other] = links[one, one] = -1.0
        sizes[one] += sizes[other]
        numbers[numbers == other] = one
        yield link, numbers.tolist()


def _likely(model: Grouping, files: Sequence[FileEvidence]) -> Floats:
    likely = np.ones((len(files), len(files)))
    first, second = np.triu_indices(len(files), 1)
    pairs = probabilities(model.trees, pair_features(files, model.rarity))
    likely[first, second] = likely[second, first] = pairs
    return likely


def choose_threshold(
    likely: Sequence[Floats], groups: Sequence[Sequence[int]]
) -> float:
    """Return the threshold nearest to USUAL that is about as good as any.

    Its mean ARI is within one standard error of the best mean (Breiman et al. 1984): a
    few hundred changes of few repositories tell no more. USUAL if there is no change.
    Of each change `likely` has each two files, and `groups` the group of each file.
    """
    from sklearn.metrics import adjusted_rand_score

    if not groups:
        return USUAL
    indices = np.array(
        [
            [
                max(0.0, adjusted_rand_score(own, average_link(each, limit)))
                for own, each in zip(groups, likely, strict=True)
            ]
            for limit in THRESHOLDS
        ]
    )
    behind = indices[indices.mean(axis=1).argmax()] - indices
    errors = behind.std(axis=1) / len(groups) ** 0.5
    good = np.array(THRESHOLDS)[behind.mean(axis=1) <= errors]
    return float(min(good, key=lambda each: abs(each - USUAL)))


def _joined(start: float, trees: Sequence[Any]) -> Trees:
    """Return the trees of scikit-learn behind each other."""
    sizes = [tree.node_count for tree in trees]
    roots = np.cumsum([0, *sizes], dtype=np.int32)[:-1]

    def all_of(kind: type, parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
        return np.concatenate([np.empty(0, kind), *parts]).astype(kind)

    def places(children: Sequence[NDArray[Any]]) -> NDArray[np.int32]:
        return all_of(
            np.int32,
            [
                root + np.where(each < 0, np.arange(len(each)), each)
                for root, each in zip(roots, children, strict=True)
            ],
        )

    return Trees(
        start=start,
        depth=max((tree.max_depth for tree in trees), default=0),
        roots=roots,
        column=all_of(np.int32, [np.maximum(tree.feature, 0) for tree in trees]),
        limit=all_of(np.float64, [tree.threshold for tree in trees]),
        low=places([tree.children_left for tree in trees]),
        high=places([tree.children_right for tree in trees]),
        value=all_of(
            np.float64, [tree.value[:, 0, 0] * LEARNING_RATE for tree in trees]
        ),
    )
