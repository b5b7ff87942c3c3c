import pytest
from tests.support.planned import commit, make_case, plan, prediction

from diffscribe.eval.scores import joco_score, seed_scores, similarity

TARGET = plan(
    commit("a b", "fix", "stop early"),
    commit("c", "docs", "explain retries"),
    gitignore=["*.log"],
)
CASE = make_case(TARGET, junk=("x.log", ".idea/w.xml"))


def measured(answer, case=CASE):
    return seed_scores(case, prediction(answer))


def test_a_perfect_plan_is_perfect_but_for_the_points_of_its_form():
    values = measured(plan(*TARGET.commits, gitignore=["*.log", ".idea/"]))
    assert values.pop("joco_score") == 85.0
    assert set(values.values()) == {1.0}


def test_what_was_not_read_is_left_out_of_three_of_git_smart_commits_numbers():
    assert measured(None) == {
        "parse_rate": 0.0,
        "file_grouping_f1": None,
        "type_accuracy": None,
        "junk_routing": None,
        "format_compliance": 0.0,
        "description_similarity": 0.0,
        "joco_score": 0.0,
    }


def test_a_message_has_jocos_numbers_alone():
    values = measured(TARGET, make_case(TARGET, task="message"))
    assert [name for name, value in values.items() if value is not None] == [
        "format_compliance",
        "description_similarity",
        "joco_score",
    ]


def test_the_best_of_all_commits_is_taken_for_each_of_the_target():
    values = measured(plan(commit("a b c", "docs")))
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
    assert measured(answer)["junk_routing"] == routed


def test_committed_junk_is_not_routed_and_without_junk_there_is_no_number():
    answer = plan(commit("a b c x.log"), gitignore=["*.log", ".idea/"])
    assert measured(answer)["junk_routing"] == 0.5
    assert measured(TARGET, make_case(TARGET))["junk_routing"] is None


@pytest.mark.parametrize(
    ("subject", "type_", "complies"),
    [
        ("do it", "fix", 1.0),
        ("Do it.", "wip", 1.0),
        (" it", "fix", 0.0),
        ("x", "", 0.0),
    ],
)
def test_format_is_that_of_the_specification(subject, type_, complies):
    answer = plan(commit("a b", type_, subject), commit("c", "docs"))
    assert measured(answer)["format_compliance"] == complies


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("add retry", "Add retry ", 1.0),
        ("add retry", "add cache", 0.5 / 3 + 0.35 * (1 - 5 / 9) + 0.15),
        ("of an", "in an", 0.35 * 0.6 + 0.15),
    ],
)
def test_jocos_similarity_is_three_parts(first, second, expected):
    assert similarity(first, second) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("made", "points"),
    [
        (commit("a", "docs", "update the documentation for the project"), 100),
        (commit("a", "chore", "update files"), 85),
        (commit("a", "fix", "Stop the leak in the parser."), 85),
        (commit("a", "wip", "stop the leak in the parser"), 70),
        (commit("a", "fix", "this commit stops the leak of the parser"), 80),
        (commit("a", "fix", "x" * 80), 65),
        (commit("a", "fix", ""), 50),
        (commit("a", "", ""), 20),
    ],
)
def test_jocos_points_are_for_form_alone(made, points):
    assert joco_score(made) == points
