import random

from tests.support.planned import HOUSE, commit, make_case, plan, prediction

from diffscribe.core.records import Score
from diffscribe.eval.metrics import HEADLINE, evaluate
from diffscribe.eval.report import claims
from diffscribe.eval.scores import SCORES, score_all


def evaluated(repos):
    """A student that is always valid, a base that is so in half of the cases."""
    rng = random.Random(7)
    right = plan(commit("a", "fix"))
    cases = [make_case(right, id=str(number)) for number in range(96)]
    scores, predictions = [], []
    for system, valid in (("student", 1.0), ("base", 0.5)):
        for number in range(96):
            value = float(rng.random() < valid)
            scores.append(
                Score(
                    sample_id=str(number),
                    repo=f"r{number % repos}",
                    cluster=str(number),
                    system=system,
                    values=dict.fromkeys(SCORES, 0.0) | {"valid": value},
                    findings={},
                )
            )
            predictions.append(prediction(right, system=system, case_id=str(number)))
    return evaluate(cases, scores, predictions, {}, 500, 7)


def test_what_is_better_is_named_and_the_rest_is_not_shown():
    done = evaluated(repos=2)
    rest = ", ".join(name for name in HEADLINE if name != "valid")
    line = f"- student against base: better: valid; not shown: {rest}."
    assert line in claims(done).splitlines()
    assert f"over all {len(HEADLINE)} comparisons" in claims(done)


def test_few_repositories_are_not_taken_for_all():
    assert "of these repositories only: with fewer than six of them, the 96" in claims(
        evaluated(repos=5)
    )
    assert "of other repositories like these 6:" in claims(evaluated(repos=6))


def test_no_failure_is_no_proof():
    # 1 - 0.05 ** (1 / 96)
    assert "Nothing failed in valid." in claims(evaluated(repos=2))
    assert "at 95 % confidence: valid 3.1 %." in claims(evaluated(repos=2))


def test_what_could_have_been_found_is_in_points():
    done = evaluated(repos=2)
    found = done.differences[0].comparisons["valid"].detectable
    assert 0.1 < found < 0.2
    row = next(line for line in claims(done).splitlines() if line.startswith("| base"))
    cells = [cell.strip() for cell in row.split("|")[1:-1]]
    assert cells == ["base", f"{100 * found:.1f}", *["-"] * (len(HEADLINE) - 1)]


def test_a_system_that_could_not_be_asked_is_named():
    right = plan(commit("a", "fix"))
    case = make_case(right, id="s")
    error = "HTTP 400: request (2289 tokens) exceeds the available context size"
    answers = [
        prediction(right, system="student", case_id="s"),
        prediction(None, system="base", case_id="s", error=error),
    ]
    scores = score_all([case], answers, HOUSE)
    words = claims(evaluate([case], scores, answers, {}, 100, 7))
    assert "Of base 100 % of the prompts were longer than its context" in words
    assert "Of student" not in words


def test_the_scope_of_messages_is_that_of_what_was_measured():
    right = plan(commit("a", "fix"))
    cases = [
        make_case(right, id=f"s{n}", task="message", repo=f"r{n % 7}")
        for n in range(21)
    ]
    answers = [
        prediction(right, system=system, case_id=case.id)
        for system in ("student", "base")
        for case in cases
    ]
    scores = score_all(cases, answers, HOUSE)
    words = claims(evaluate(cases, scores, answers, {}, 100, 7))
    assert "of other repositories like these 7" in words
