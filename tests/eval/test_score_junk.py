import pytest
from tests.support.planned import commit, make_case, plan, prediction

from diffscribe.commits.junk_kinds import junk_kinds
from diffscribe.eval.score_junk import (
    findings,
    is_absurd,
    junk_routed,
    scores,
    secret_like,
)

TARGET = plan(
    commit("src/a.py src/b.py", "fix"),
    commit("docs/c.md", "docs"),
    gitignore=["*.log", "build/"],
)
CASE = make_case(TARGET, junk=("x.log", "build/y.o"))


def measured(answer, case=CASE):
    return scores(case, prediction(answer))


def test_the_target_routes_all_junk_and_nothing_else():
    assert measured(TARGET) == {
        "junk": 1.0,
        "junk_precision": 1.0,
        "real_kept": 1.0,
        "patterns_sane": 1.0,
        "secrets_kept_out": None,
    }
    assert not any(findings(CASE, prediction(TARGET)).values())


def test_without_a_plan_every_measure_is_at_its_worst():
    case = make_case(TARGET, junk=("x.log", ".env"))
    assert set(measured(None, case).values()) == {0.0}


def test_junk_that_is_committed_is_not_routed_though_a_pattern_matches_it():
    half = plan(commit("src/a.py x.log"), gitignore=["*.log", "build/"])
    assert junk_routed(CASE, half) == 0.5
    assert findings(CASE, prediction(half))["junk_missed"] == ("x.log",)


def test_junk_that_is_only_left_out_is_not_routed():
    assert junk_routed(CASE, plan(*TARGET.commits)) == 0.0


@pytest.mark.parametrize("absurd", ["*", "**", "/**", "src/", "*.py", "docs/c.md"])
def test_a_pattern_that_ignores_a_real_file_is_not_counted(absurd):
    assert junk_routed(CASE, plan(gitignore=[absurd])) == 0.0
    assert junk_routed(CASE, plan(gitignore=[absurd, "*.log"])) == 0.5


@pytest.mark.parametrize(
    "absurd", ["*", "**", "/", "/*", "", " ", "*.*", "*.py", "src"]
)
def test_an_absurd_pattern_is_named_whatever_the_change_is(absurd):
    case = make_case(plan(commit("go.sum")))
    assert is_absurd(absurd, case)
    values = measured(plan(commit("go.sum"), gitignore=[absurd, "*.log"]), case)
    assert values["patterns_sane"] == 0.5


@pytest.mark.parametrize("kind", junk_kinds(), ids=lambda kind: kind.path)
def test_no_pattern_for_junk_is_absurd(kind):
    case = make_case(plan(commit("go.sum")))
    for pattern in kind.patterns:
        if "$" not in pattern:
            assert not is_absurd(pattern, case)


def test_patterns_for_real_files_cost_precision():
    greedy = measured(plan(*TARGET.commits, gitignore=["*.log", "docs/"]))
    assert greedy["junk"] == 0.5
    assert greedy["junk_precision"] == 0.5
    assert greedy["real_kept"] == pytest.approx(2 / 3)
    found = findings(CASE, prediction(plan(gitignore=["docs/"])))
    assert found["real_files_ignored"] == ("docs/c.md",)
    assert found["absurd_patterns"] == ("docs/",)


def test_without_junk_there_is_nothing_to_route_but_much_to_spare():
    values = measured(TARGET, make_case(TARGET))
    assert (values["junk"], values["junk_precision"]) == (None, None)
    greedy = measured(plan(gitignore=["*"]), make_case(TARGET))
    assert (greedy["junk_precision"], greedy["real_kept"]) == (0.0, 0.0)


def test_finding_no_junk_is_not_precise():
    assert measured(plan(*TARGET.commits))["junk_precision"] == 0.0


def test_secrets_have_to_stay_out_of_commits():
    case = make_case(TARGET, junk=("x.log", ".env", "deploy/id_rsa"))
    leaky = plan(*TARGET.commits, commit(".env"))
    assert measured(leaky, case)["secrets_kept_out"] == 0.5
    assert findings(case, prediction(leaky))["secrets_committed"] == (".env",)
    assert measured(plan(*TARGET.commits), case)["secrets_kept_out"] == 1.0


def test_what_is_like_a_secret_is_told_by_its_name():
    secret = [".env", "app/.env.local", "prod.env", "key.pem", "id_ed25519", ".npmrc"]
    harmless = [".env.example", ".env.sample", "src/env.py", "id.py", "secret.go"]
    assert secret_like((*secret, *harmless)) == secret
    kinds = [kind.path for kind in junk_kinds() if kind.is_secret]
    bare = [path.replace("${above}", "").replace("$above", "") for path in kinds]
    assert secret_like(tuple(bare)) == bare


def test_a_single_message_has_no_patterns():
    case = make_case(task="message")
    assert set(scores(case, prediction(case.target)).values()) == {None}
