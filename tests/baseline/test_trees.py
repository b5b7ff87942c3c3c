import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.metrics import adjusted_rand_score
from tests.support.seeds import for_seeds

from diffscribe.baseline.grouping import (
    DOUBT,
    MOST_GROUPINGS,
    about_as_likely,
    average_link,
    choose_threshold,
    fit_trees,
    probabilities,
)


@pytest.fixture(scope="module")
def pairs():
    random = np.random.default_rng(3)
    features = random.normal(size=(600, 9)).astype(np.float32)
    answers = features[:, 0] * features[:, 1] + features[:, 2] > 0
    return features, answers


def test_arrays_answer_as_scikit_learn_does(pairs, params):
    features, answers = pairs
    weights = np.random.default_rng(5).random(600)
    trees = fit_trees(features, answers, weights, params)
    peer = GradientBoostingClassifier(
        n_estimators=params.trees,
        max_depth=6,
        learning_rate=0.07,
        subsample=0.5,
        max_features="sqrt",
        min_samples_leaf=7,
        random_state=params.seed,
    ).fit(features, answers, weights)
    unseen = np.random.default_rng(4).normal(size=(400, 9)).astype(np.float32)
    wanted = peer.predict_proba(unseen)[:, 1]
    assert np.abs(probabilities(trees, unseen) - wanted).max() < 1e-12


@pytest.mark.parametrize(("answer", "likely"), [(True, 1.0), (False, 0.0)])
def test_one_answer_needs_no_tree(pairs, params, answer, likely):
    features, _ = pairs
    trees = fit_trees(features, np.full(600, answer), np.ones(600), params)
    assert len(trees.roots) == 0
    assert set(probabilities(trees, features)) == {likely}


def test_nothing_to_learn_from_says_yes(params):
    trees = fit_trees(
        np.empty((0, 3), np.float32), np.empty(0, np.bool_), np.empty(0), params
    )
    assert probabilities(trees, np.ones((2, 3), np.float32)).tolist() == [1.0, 1.0]


@for_seeds(40)
def test_clusters_are_those_of_scipys_average_link(seed):
    random = np.random.default_rng(seed)
    n = int(random.integers(1, 25))
    likely = random.random((n, n))
    likely = (likely + likely.T) / 2
    np.fill_diagonal(likely, 1.0)
    for threshold in (0.3, 0.5, 0.6):
        found = average_link(likely, threshold)
        if n == 1:
            assert found == [0]
            continue
        joined = linkage(squareform(1 - likely), "average")
        expected = fcluster(joined, 1 - threshold, "distance")
        assert adjusted_rand_score(expected, found) == 1.0


@for_seeds(40)
def test_groupings_of_links_near_the_threshold_are_about_as_likely(seed):
    random = np.random.default_rng(seed)
    likely = random.random((6, 6)) / 2 + 0.25
    likely = (likely + likely.T) / 2
    first, *others = about_as_likely(likely, 0.5)
    assert first == average_link(likely, 0.5)
    near = [
        average_link(likely, each)
        for each in np.linspace(0.5 - DOUBT, 0.5 + DOUBT, 400)
    ]
    assert all(each in near for each in others)
    distinct = {tuple(each) for each in near}
    assert len({tuple(first), *map(tuple, others)}) == 1 + len(others)
    assert 1 + len(others) == min(len(distinct), MOST_GROUPINGS)


def test_sure_links_leave_one_grouping():
    likely = np.full((3, 3), 0.5 - DOUBT - 0.01)
    likely[0, 1] = likely[1, 0] = 0.5 + DOUBT + 0.01
    assert about_as_likely(likely, 0.5) == [[0, 0, 2]]


@pytest.mark.parametrize(
    ("changes", "threshold"),
    [
        ([], 0.5),
        ([(0.45, True)] * 10, 0.45),
        ([(0.45, True)] * 2 + [(0.45, False)] + [(0.9, True)] * 8, 0.5),
        ([(0.62, False)] * 9 + [(0.62, True)] * 2, 0.65),
        ([(0.1, False), (0.9, True)] * 5, 0.5),
    ],
)
def test_a_threshold_that_is_best_by_chance_does_not_count(changes, threshold):
    """Each change has two files, which are that likely together, and are or are not."""
    likely = [np.array([[1.0, each], [each, 1.0]]) for each, _ in changes]
    groups = [[0, 0] if together else [0, 1] for _, together in changes]
    assert choose_threshold(likely, groups) == pytest.approx(threshold)
