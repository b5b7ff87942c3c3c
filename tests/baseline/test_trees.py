import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier

from diffscribe.baseline.grouping import fit_trees, probabilities


@pytest.fixture(scope="module")
def pairs():
    random = np.random.default_rng(3)
    features = random.normal(size=(600, 9)).astype(np.float32)
    answers = features[:, 0] * features[:, 1] + features[:, 2] > 0
    return features, answers


def test_arrays_answer_as_scikit_learn_does(pairs, params):
    features, answers = pairs
    trees = fit_trees(features, answers, params)
    peer = GradientBoostingClassifier(
        n_estimators=params.trees,
        max_depth=params.tree_depth,
        learning_rate=params.learning_rate,
        subsample=0.5,
        max_features="sqrt",
        min_samples_leaf=7,
        random_state=params.seed,
    ).fit(features, answers)
    unseen = np.random.default_rng(4).normal(size=(400, 9)).astype(np.float32)
    wanted = peer.predict_proba(unseen)[:, 1]
    assert np.abs(probabilities(trees, unseen) - wanted).max() < 1e-12


def test_no_more_pairs_are_seen_than_params_allow(pairs, params):
    features, answers = pairs
    few = params.model_copy(update={"max_pairs": 100})
    most = fit_trees(features, answers, params.model_copy(update={"max_pairs": 600}))
    assert len(fit_trees(features, answers, few).value) < len(most.value)
    assert np.array_equal(most.value, fit_trees(features, answers, params).value)


@pytest.mark.parametrize(("answer", "likely"), [(True, 1.0), (False, 0.0)])
def test_one_answer_needs_no_tree(pairs, params, answer, likely):
    features, _ = pairs
    trees = fit_trees(features, np.full(600, answer), params)
    assert len(trees.roots) == 0
    assert set(probabilities(trees, features)) == {likely}


def test_nothing_to_learn_from_says_yes(params):
    trees = fit_trees(np.empty((0, 3), np.float32), np.empty(0, np.bool_), params)
    assert probabilities(trees, np.ones((2, 3), np.float32)).tolist() == [1.0, 1.0]
