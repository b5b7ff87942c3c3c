import pytest

from diffscribe.commits.grammar import TYPES
from diffscribe.commits.type_model import (
    TypeWeights,
    commit_features,
    guess_type,
    own_model,
)


def test_words_of_faults_are_a_sign():
    found = commit_features("add a pump that leaks", ["a.py"])
    assert {"fault", "1 add, fault"} <= set(found)
    assert "no fault" in commit_features("add a pump", ["a.py"])


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
