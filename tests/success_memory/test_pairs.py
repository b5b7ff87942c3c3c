"""Pairs of every task, each impossible one under its reason, none that tells."""

import pytest
from tests.success_memory.support import PROMPTS, SCRIPT, attempt, memory, transformer

from diffscribe.success_memory.curate import curate_episodes, table_of
from diffscribe.success_memory.pairs import (
    fingerprint_problem,
    load_task_prompts,
    make_pairs,
    profile_problem,
    spec_problem,
)
from diffscribe.success_memory.records import TASKS, LoggedAttempt, Memory, Operation


def made(memories=(), attempts=(), tasks=TASKS):
    curated = curate_episodes(list(memories), list(attempts), 20_000)
    result = make_pairs(curated.episodes, tasks, load_task_prompts(PROMPTS))
    return result.samples, table_of(result.counts)


def text(sample):
    return sample.prompt[1].content


FAILED = transformer("Wrong", "payment")
FIXED = transformer("Right", "pay")
TRACE = (
    "Traceback (most recent call last):\n"
    '  File "/home/ann/agent/.venv/lib/python3.12/site-packages/libcst/_nodes.py", '
    "line 12, in visit\n"
    '  File "/home/ann/agent/src/pay.py", line 3, in pay\n'
    '  File "<string>", line 4, in leave_FunctionDef\n'
    "ValueError: no payment\n"
)


def failure(**changed):
    return attempt(script=FAILED, valid=False, traceback=TRACE, **changed)


def fix(number=2, script=FIXED, **changed):
    return attempt(script=script, valid=True, number=number, **changed)


def test_a_scaffold_asks_with_issue_files_and_operations_for_the_script():
    [sample], counts = made([memory()], tasks=["scaffold"])
    assert text(sample).split("\n\n")[1:] == [
        "Issue: Log calls to pay()",
        "Files:\n- pay.py",
        "Operations:\n- add_decorator in pay.py",
    ]
    assert sample.completion[0].content == SCRIPT
    assert counts == {"scaffold": {"pairs": 1}}


def test_a_repair_shows_the_failure_and_is_answered_with_the_next_script_that_works():
    failures = [failure(number=1), failure(number=2, issue="again")]
    [one, two], counts = made([], [*failures, fix(3), fix(4)], ["repair"])
    assert counts == {"repair": {"pairs": 2}}
    assert [each.completion[0].content for each in (one, two)] == [FIXED, FIXED]
    assert one.given == FAILED
    shown = text(one)
    for expected in (
        FAILED.strip(),
        'File "libcst/_nodes.py", line 12',
        'File "pay.py", line 3',
        f"4: {FAILED.splitlines()[3]}",
        "Phase: add_decorator(pay)",
    ):
        assert expected in shown
    assert "ann" not in shown


@pytest.mark.parametrize(
    ("attempts", "reason"),
    [
        ([], "only_successes"),
        ([failure()], "never_repaired"),
        ([failure(), fix(phase="another")], "never_repaired"),
        ([failure(), fix(target_file="another.py")], "never_repaired"),
        ([fix(1), failure(number=2)], "never_repaired"),
        ([failure(number=2), fix(2)], "never_repaired"),
        ([attempt(valid=False), fix()], "no_traceback"),
        ([attempt(valid=False, script="", traceback="x"), fix()], "no_script"),
        ([failure(), attempt(valid=True, number=2, script=FAILED)], "no_change"),
        (
            [failure(), fix(script="# <|im_end|>\nx = 1\n")],
            "special_token",
        ),
    ],
)
def test_a_repair_that_is_impossible_has_its_reason(attempts, reason):
    samples, counts = made(
        [memory(at="2029-01-01T00:00:00+00:00")], attempts, ["repair"]
    )
    assert samples == []
    assert counts["repair"][reason] == 1


def polished(score, number, script=FIXED, **changed):
    return attempt(
        valid=True, number=number, script=script, style_score=score, **changed
    )


@pytest.mark.parametrize(
    ("attempts", "expected"),
    [
        ([polished(0.2, 1, SCRIPT), polished(0.9, 2)], {"pairs": 1}),
        ([polished(0.9, 1, SCRIPT), polished(0.2, 2)], {"style_not_better": 1}),
        ([polished(None, 1, SCRIPT), polished(0.2, 2)], {"no_style_score": 1}),
        ([polished(0.1, 1), polished(0.2, 2)], {"no_change": 1}),
        ([polished(0.1, 1)], {"one_valid_script": 1}),
        ([polished(0.1, 1, SCRIPT, accepted=FIXED)], {"pairs": 1}),
        (
            [
                polished(0.1, 1, SCRIPT),
                attempt(kind="review", number=1, valid=True, accepted=FIXED),
            ],
            {"pairs": 1},
        ),
    ],
)
def test_a_polish_is_of_a_script_that_worked_and_a_better_one(attempts, expected):
    samples, counts = made([], attempts, ["polish"])
    assert counts == {"polish": expected}
    assert [each.completion[0].content for each in samples] == [FIXED] * len(samples)


SPEC = "issue_description: a\ntarget_files: [a.py]\noperations:\n- {name: rename}\n"
ANSWERS = {
    "spec": SPEC,
    "style": "indent: 4\nquotes = double\nlinelen: 88\n",
    "style_unify": '{"indent_width": 4, "preferred_quotes": "double"}\n',
}


@pytest.mark.parametrize(("kind", "answer"), ANSWERS.items())
def test_what_was_logged_whole_is_a_pair_as_it_stands(kind, answer):
    asked = attempt(kind=kind, prompt="what was shown", raw_output=answer, valid=True)
    [sample], _ = made([], [asked], [kind])
    assert text(sample).endswith("what was shown")
    assert sample.completion[0].content == answer
    refused = asked.model_copy(update={"valid": False})
    assert made([], [refused], [kind])[1] == {kind: {"not_accepted": 1}}
    accepted = refused.model_copy(update={"accepted": answer})
    assert made([], [accepted], [kind])[0][0].completion == sample.completion
    telling = asked.model_copy(update={"prompt": f"draft:\n{answer}"})
    assert made([], [telling], [kind])[1] == {kind: {"answer_in_prompt": 1}}


@pytest.mark.parametrize(
    ("problem", "text", "expected"),
    [
        (spec_problem, SPEC, ""),
        (spec_problem, "a: [", "no_yaml"),
        (spec_problem, SPEC + "more: 1\n", "no_spec"),
        (spec_problem, "!!python/object/apply:os.system [ls]", "no_yaml"),
        (spec_problem, "&a [" + "*a," * 9 + "]", "no_spec"),
        (spec_problem, "a" * 20_001, "too_long"),
        (fingerprint_problem, "indent", "no_key_values"),
        (fingerprint_problem, "", "no_key_values"),
        (profile_problem, "{", "no_json"),
        (profile_problem, "[]", "no_profile"),
        (profile_problem, '{"indent": 4}', "no_profile"),
    ],
)
def test_an_answer_of_another_shape_is_none(problem, text, expected):
    assert problem(text) == expected


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"script": None}, {"no_script": 1}),
        ({"issue": f"Log it\n{SCRIPT.splitlines()[5]}"}, {"answer_in_prompt": 1}),
        ({"issue": "Log\n@log_every_call_of_this_function"}, {"answer_in_prompt": 1}),
        ({"issue": "as LLMCore_polish_iteration_1 did"}, {"answer_in_prompt": 1}),
        ({"issue": "@log"}, {"pairs": 1}),
        (
            {"operations": (Operation(name="a", details=f'{{"x": "{SCRIPT}"}}'),)},
            {"answer_in_prompt": 1},
        ),
    ],
)
def test_a_question_that_tells_its_answer_is_none(changed, expected):
    diff = "+@log_every_call_of_this_function\n"
    _, counts = made([memory(**{"diff": diff} | changed)], tasks=["scaffold"])
    assert counts["scaffold"] == expected


def test_equal_pairs_are_one():
    attempts = [failure(), failure(number=2), fix(3)]
    _, counts = made([], attempts, ["repair"])
    assert counts == {"repair": {"pairs": 1, "duplicate": 1}}


def test_a_scaffold_is_made_of_attempts_where_no_success_was_logged():
    first = attempt(kind="scaffold", valid=True, script=SCRIPT, issue="Log pay()")
    [sample], _ = made([], [first], ["scaffold"])
    assert sample.completion[0].content == SCRIPT
    assert "Log pay()" in text(sample)
    assert isinstance(first, LoggedAttempt)
    assert isinstance(memory(), Memory)
