import pytest
from tests.support.planned import commit, make_case, plan, prediction

from diffscribe.eval.score_seeds import scores

TARGET = plan(commit("a b", "fix"), commit("c", "docs"), gitignore=["*.log"])
CASE = make_case(TARGET, junk=("x.log", ".idea/w.xml"))


def test_a_perfect_plan_is_perfect():
    both = plan(*TARGET.commits, gitignore=["*.log", ".idea/"])
    assert set(scores(CASE, prediction(both)).values()) == {1.0}


def test_what_was_not_read_is_left_out_of_three_of_the_four():
    assert scores(CASE, prediction(None)) == {
        "parse_rate": 0.0,
        "file_grouping_f1": None,
        "type_accuracy": None,
        "junk_routing": None,
    }


def test_the_best_of_all_commits_is_taken_for_each_of_the_target():
    lump = plan(commit("a b c", "docs"))
    values = scores(CASE, prediction(lump))
    assert values["file_grouping_f1"] == pytest.approx((2 / 3 + 1 / 3) / 2)
    assert values["type_accuracy"] == 0.5


@pytest.mark.parametrize(
    ("pattern", "routed"),
    [
        ("*.log", 0.5),
        ("*", 1.0),
        (".idea/", 0.5),
        ("x.log", 0.5),
        ("w.xml", 0.5),
        ("/.idea/", 0.0),
        ("**/x.log", 0.0),
        ("idea/w.xml", 0.0),
    ],
)
def test_patterns_match_as_they_did_there(pattern, routed):
    answer = plan(*TARGET.commits, gitignore=[pattern])
    assert scores(CASE, prediction(answer))["junk_routing"] == routed


def test_committed_junk_is_not_routed_and_without_junk_there_is_no_number():
    answer = plan(commit("a b c x.log"), gitignore=["*.log", ".idea/"])
    assert scores(CASE, prediction(answer))["junk_routing"] == 0.5
    clean = make_case(TARGET)
    assert scores(clean, prediction(TARGET))["junk_routing"] is None
