import pytest
from planned import commit, make_case, plan

from diffscribe.evaluation.scoring.junk import junk_routed

TARGET = plan(
    commit("src/a.py src/b.py", "fix"),
    commit("docs/c.md", "docs"),
    gitignore=["*.log", "build/"],
)
CASE = make_case(TARGET, junk=("x.log", "build/y.o"))


def test_junk_that_is_committed_is_not_routed_though_a_pattern_matches_it():
    half = plan(commit("src/a.py x.log"), gitignore=["*.log", "build/"])
    assert junk_routed(CASE, half) == 0.5


def test_junk_that_is_only_left_out_is_not_routed():
    assert junk_routed(CASE, plan(*TARGET.commits)) == 0.0


@pytest.mark.parametrize("absurd", ["*", "**", "/**", "src/", "*.py", "docs/c.md"])
def test_a_pattern_that_ignores_a_real_file_is_not_counted(absurd):
    assert junk_routed(CASE, plan(gitignore=[absurd])) == 0.0
    assert junk_routed(CASE, plan(gitignore=[absurd, "*.log"])) == 0.5


def test_without_junk_there_is_nothing_to_route():
    assert junk_routed(make_case(TARGET), TARGET) is None
