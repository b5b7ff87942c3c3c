"""The model of types is learned from few commits, written and read."""

from commit_types import Typed, dump, fit

from diffscribe.commits.type_model import guess_type, own_model

COMMITS = [
    *[Typed("", "close the valve", ("a.py",), "fix")] * 9,
    *[Typed("", "speed the valve up", ("a.py",), "perf")] * 9,
]


def test_a_model_tells_what_it_was_shown_and_says_how_sure_it_is():
    model = fit(COMMITS)
    assert guess_type("closes a valve", ["b.py"], model).type == "fix"
    assert guess_type("speed it up", ["b.py"], model).type == "perf"
    unsure, sure = (guess_type(text, [], model) for text in ("", "speed the valve up"))
    assert 0.5 <= unsure.probability < 0.7 < sure.probability < 1.0


def test_a_model_is_the_same_each_time_and_as_it_was_written():
    text = dump(fit(COMMITS))
    assert dump(fit(COMMITS)) == text
    assert dump(own_model()).count("\n") > 1000


def test_a_sign_of_few_commits_has_no_weight():
    model = fit([Typed("", "pin it", ("x.zig",), "fix"), *COMMITS])
    assert "pin" not in model.weights
    assert "valve" in model.weights
