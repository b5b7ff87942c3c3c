import pytest

from diffscribe.commits.grammar import TYPES
from diffscribe.commits.type_model import (
    TypeWeights,
    commit_features,
    dump_type_model,
    fit_type_model,
    guess_type,
    own_model,
    row_for_each_class,
)

SUBJECTS = ["close the valve"] * 9 + ["speed the valve up"] * 9
FILES = [("a.py",)] * 18
KNOWN = ["fix"] * 9 + ["perf"] * 9


def test_a_model_tells_what_it_was_shown_and_says_how_sure_it_is():
    model = fit_type_model(SUBJECTS, FILES, KNOWN)
    assert guess_type("closes a valve", ["b.py"], model).type == "fix"
    assert guess_type("speed it up", ["b.py"], model).type == "perf"
    unsure, sure = (guess_type(text, [], model) for text in ("", "speed the valve up"))
    assert 0.5 <= unsure.probability < 0.7 < sure.probability < 1.0


@pytest.mark.parametrize("classes", [2, 3])
def test_a_row_for_each_class_gives_scikit_learns_probabilities(classes):
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    points = np.random.default_rng(7).normal(size=(60, 4))
    known = [f"{number % classes}" for number in range(60)]
    learned = LogisticRegression().fit(points, known)
    weights, bias = row_for_each_class(learned)
    powers = np.exp(points @ weights.T + bias)
    shares = powers / powers.sum(axis=1, keepdims=True)
    assert np.allclose(shares, learned.predict_proba(points))


def test_a_model_is_the_same_each_time_and_as_it_was_written():
    text = dump_type_model(fit_type_model(SUBJECTS, FILES, KNOWN))
    assert dump_type_model(fit_type_model(SUBJECTS, FILES, KNOWN)) == text
    assert dump_type_model(own_model()).count("\n") > 1000


def test_words_of_faults_are_a_sign():
    found = commit_features("add a pump that leaks", ["a.py"])
    assert {"fault", "1 add, fault"} <= set(found)
    assert "no fault" in commit_features("add a pump", ["a.py"])


def test_a_sign_of_few_commits_has_no_weight():
    model = fit_type_model(["pin it", *SUBJECTS], [("x.zig",), *FILES], ["fix", *KNOWN])
    assert "pin" not in model.weights
    assert "valve" in model.weights


def test_of_equally_likely_types_the_first_is_taken():
    assert guess_type("x", [], TypeWeights(("feat", "fix"), (0.0, 0.0), {})) == (
        "feat",
        0.5,
    )


def test_order_of_files_and_inflection_play_no_part():
    assert commit_features("Closes it", ["b.py", "a.md"]) == commit_features(
        "closed it", ["a.md", "b.py"]
    )


@pytest.mark.parametrize(
    ("subject", "path", "expected"),
    [
        ("fix crash when the list is empty", "src/list.c", "fix"),
        ("add support for nested lists", "src/list.c", "feat"),
        ("extract parsing of lists into a function", "src/list.c", "refactor"),
    ],
)
def test_the_model_that_ships_knows_plain_sentences(subject, path, expected):
    assert guess_type(subject, [path]).type == expected


def test_the_model_that_ships_knows_types_of_plans_and_no_reverts():
    assert set(own_model().types) <= set(TYPES) - {"revert"}
