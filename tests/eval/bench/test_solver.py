from pathlib import Path

import pytest
from tests.support.planned import commit, make_case, plan

from diffscribe.core.params import load_params
from diffscribe.doors.reply import request_key
from diffscribe.eval.bench.solver import (
    Asking,
    cases_digest,
    questions,
    requests_digest,
)

ROOT = Path(__file__).parents[3]
RULES = load_params(ROOT / "params.yaml").label.rules
ASKING = Asking(
    prompt="own",
    with_schema=True,
    max_prompt_chars=4000,
    max_tokens=64,
    temperature=0.0,
    seed=7,
    reasoning_effort=None,
)


def asked(*cases, model="m", folder=ROOT / "prompts", **changes):
    return questions(cases, model, ASKING._replace(**changes), folder, RULES)


def test_a_case_is_asked_as_its_file_has_it():
    case = make_case()
    [(same, request)] = asked(case)
    assert (same, request.messages) == (case, case.prompt)
    assert request.schema["required"] == ["gitignore", "commits"]
    assert (request.model, request.max_tokens, request.seed) == ("m", 64, 7)


def test_a_golden_request_changes_only_with_the_solvers_number():
    """If this fails, raise solver.SOLVER: old answers are to other questions."""
    [(_, request)] = asked(make_case())
    assert request_key(request)[:16] == "ae6a2af20d42e0f4"


@pytest.mark.parametrize("prompt", ["teacher", "student"])
def test_a_plan_can_be_asked_for_with_the_full_or_the_minimal_prompt(prompt):
    [(_, request)] = asked(make_case(), prompt=prompt)
    system, user = (each.content for each in request.messages)
    assert ("senior engineer" in system) == (prompt == "teacher")
    assert ("$" in system + user) is False
    assert "M a.py +1 -1" in user
    assert "+new line" in user


def test_a_message_without_a_prompt_is_asked_for_as_text():
    case = make_case(plan(commit("a.py")), task="message", prompt=())
    [(_, request)] = asked(case, prompt="student")
    assert request.schema is None
    assert "the message only" in request.messages[0].content
    assert "M a.py +1 -1" in request.messages[1].content


def test_a_case_without_a_patch_shows_its_names():
    [(_, request)] = asked(make_case(prompt=(), diff=" a.py | 2 +-\n"))
    assert "M a.py +0 -0" in request.messages[1].content


def test_a_case_whose_names_do_not_fit_is_not_asked():
    [(_, request)] = asked(make_case(prompt=()), max_prompt_chars=50)
    assert request is None


def test_digests_change_with_all_that_is_sent_but_the_models_name():
    case = make_case()
    same = requests_digest(asked(case))
    assert requests_digest(asked(case, model="other")) == same
    others = [
        asked(case, prompt="teacher"),
        asked(case, prompt="student"),
        asked(case, prompt="student", max_prompt_chars=220),
        asked(case, with_schema=False),
        asked(case, max_tokens=65),
        asked(case, temperature=0.1),
        asked(case, seed=8),
        asked(case, reasoning_effort="low"),
        asked(case, case),
        asked(make_case(plan(commit("a.py c.py")), prompt=case.prompt)),
    ]
    assert len({same, *map(requests_digest, others)}) == 1 + len(others)


def test_an_edit_of_a_prompt_changes_the_digest(tmp_path):
    for path in (ROOT / "prompts").rglob("*.md"):
        copy = tmp_path / path.relative_to(ROOT / "prompts")
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(path.read_text())
    case = make_case()
    before = requests_digest(asked(case, prompt="student", folder=tmp_path))
    (tmp_path / "student" / "system.md").write_text("Other words.")
    assert requests_digest(asked(case, prompt="student", folder=tmp_path)) != before


def test_the_digest_of_cases_tells_targets_and_order():
    one, two = make_case(), make_case(id="s2")
    other = make_case(plan(commit("a.py b.py", "feat", "stop early")))
    digests = {
        cases_digest(each)
        for each in ([one], [two], [other], [one, two], [two, one], [])
    }
    assert len(digests) == 6
