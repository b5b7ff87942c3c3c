from planned import HOUSE

from diffscribe.commits.plan import parse_plan, plan_problem
from diffscribe.evaluation.controls import one_commit, per_directory, predict_controls
from diffscribe.evaluation.scoring.all import score

FILES = ("src/b.py", "docs/c.md", "src/a.py", "README.md", "src/deep/d.py")


def grouping(plan):
    return [(each.type, each.files) for each in plan.commits]


def test_one_commit_holds_every_file_junk_included(case):
    plan = one_commit(case("s", FILES, junk=("x.log",)))
    assert grouping(plan) == [("feat", (*FILES, "x.log"))]


def test_per_directory_groups_by_the_folder_a_file_lies_in(case):
    assert grouping(per_directory(case("s", FILES))) == [
        ("docs", ("README.md",)),
        ("docs", ("docs/c.md",)),
        ("feat", ("src/b.py", "src/a.py")),
        ("feat", ("src/deep/d.py",)),
    ]


def test_controls_are_valid_and_route_no_junk(case):
    noisy = case("s", FILES, junk=("x.log",))
    for prediction in predict_controls([noisy]):
        assert plan_problem(prediction.plan, noisy.files) is None
        assert parse_plan(prediction.text) == prediction.plan
        assert score(noisy, prediction, HOUSE).values["junk"] == 0.0


def test_each_control_answers_each_sample_at_no_cost(case):
    predictions = predict_controls([case("s"), case("t")])
    assert [(each.system, each.sample_id) for each in predictions] == [
        ("control-one-commit", "s"),
        ("control-one-commit", "t"),
        ("control-per-directory", "s"),
        ("control-per-directory", "t"),
    ]
    assert {(each.latency_s, each.completion_tokens) for each in predictions} == {
        (0.0, 0)
    }
