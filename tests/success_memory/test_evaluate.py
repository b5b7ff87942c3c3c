"""Answers are judged by reading them, each measure with its worst value for none."""

import pytest
from tests.success_memory.support import SCRIPT, transformer

from diffscribe.core.records import Message
from diffscribe.logs.evaluation import LogAnswer, evaluate_log
from diffscribe.success_memory.evaluate import (
    INPUT,
    JUDGED,
    NEAREST,
    bare_answer,
    input_answers,
    nearest_answers,
    repair_verdict,
    score_answer,
    selected,
)
from diffscribe.success_memory.records import PairSample


def case(
    number=1, task="repair", answer=SCRIPT, asked="Decorate pay in pay.py", **more
):
    values = {
        "id": f"c{number:03d}",
        "parent_id": f"p{number}",
        "cluster": f"k{number}",
        "task": task,
        "prompt": (
            Message(role="system", content="s"),
            Message(role="user", content=f"{asked} with log"),
        ),
        "completion": (Message(role="assistant", content=answer),),
        "given": transformer("Wrong", "payment"),
        "operations": ("add_decorator",),
    }
    return PairSample(**values | more)


def values(text, error=None, **more):
    asked = case(**more)
    answer = LogAnswer(sample_id=asked.id, system="s", text=text, error=error)
    return score_answer(asked, answer).values


WORST = {
    "parses": 0.0,
    "defines_transformer": 0.0,
    "equal": 0.0,
    "repaired": 0.0,
    "operations_covered": 0.0,
    "names_grounded": 0.0,
}
BEST = dict.fromkeys(WORST, 1.0)
RENAMED = SCRIPT.replace("decorator = ", "d = ").replace("[decorator,", "[d,  # new\n ")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SCRIPT, BEST | {"edit_similarity": 1.0}),
        (f"Here it is:\n```python\n{SCRIPT}```\nDone.", BEST),
        (RENAMED.replace("AddDecorator", "Other"), BEST),
        ("", WORST | {"edit_similarity": 0.0}),
        ("I cannot do that.", WORST),
        (SCRIPT[:-1] + ")\n", WORST),
        (
            transformer("A", "payment"),
            BEST | {"equal": 0.0, "repaired": 0.0, "names_grounded": 0.5},
        ),
        (
            "import libcst as cst\nclass A(cst.CSTTransformer):\n    pass\n",
            {"parses": 1.0, "defines_transformer": 0.0},
        ),
        (
            "import os\nos.remove('log')\n",
            {
                "parses": 1.0,
                "equal": 0.0,
                "operations_covered": 0.0,
                "names_grounded": 1.0,
            },
        ),
        ("class A(:\n" * 30_000, WORST),
        ("(" * 100_000, WORST),
    ],
)
def test_a_script_is_judged_without_running_it(text, expected):
    found = values(text)
    assert {name: found[name] for name in expected} == expected


def test_an_answer_that_failed_has_the_worst_of_each_measure():
    found = values(SCRIPT, error="cut off after 512 tokens")
    assert {name: found[name] for name in WORST} == WORST


SPEC = "issue_description: a\ntarget_files: [a.py]\noperations: [{name: b}]\n"
ENDLESS = SPEC.replace("{name: b}", "{name: b, more: &a [*a]}")


@pytest.mark.parametrize(
    ("task", "answer", "text", "parses", "equal"),
    [
        ("spec", SPEC, SPEC.replace("[a.py]", "\n- a.py"), 1.0, 1.0),
        ("spec", SPEC, SPEC.replace("a.py", "b.py"), 1.0, 0.0),
        ("spec", SPEC, "issue_description: a\n", 0.0, 0.0),
        ("spec", ENDLESS, ENDLESS, 1.0, 0.0),
        ("style", "indent: 4\nquotes: double\n", "quotes: double\nindent: 4", 1.0, 1.0),
        ("style", "indent: 4\n", "no", 0.0, 0.0),
        ("style_unify", '{"error": 1}\n', '{"error":   1}', 1.0, 1.0),
        ("style_unify", '{"error": 1}\n', "{", 0.0, 0.0),
    ],
)
def test_other_answers_are_judged_by_what_they_say(task, answer, text, parses, equal):
    found = values(text, task=task, answer=answer)
    assert (found["parses"], found["equal"]) == (parses, equal)
    assert found["repaired"] is found["defines_transformer"] is None


def test_only_repairs_count_as_repaired_and_a_script_without_names_has_none():
    bare = "import libcst as cst\n"
    found = values(bare, task="scaffold", answer=bare, operations=())
    assert found["repaired"] is None
    assert found["operations_covered"] is found["names_grounded"] is None


def test_fences_and_outer_lines_are_no_part_of_an_answer():
    assert bare_answer("\n\nx = 1\n\n") == "x = 1\n"
    assert bare_answer("a\n```\nx = 1") == "x = 1\n"
    assert bare_answer(" \n") == ""


def test_controls_return_the_input_or_what_was_right_for_the_nearest_question():
    training = [
        case(11, asked="Rename the function refund"),
        case(12, asked="Decorate pay in shop.py", answer="near = 1\n"),
        case(13, asked="Decorate pay in pay.py", task="scaffold", answer="x = 1\n"),
    ]
    [near] = nearest_answers([case()], training)
    assert (near.system, near.text) == (NEAREST, "near = 1\n")
    assert nearest_answers([case(task="spec")], training)[0].text == ""
    [given] = input_answers([case()])
    assert (given.system, given.text) == (INPUT, case().given)


def test_the_report_says_whether_a_repair_beats_returning_the_input():
    cases = [case(n) for n in range(20)]

    def verdict(student):
        scores = [
            score_answer(each, LogAnswer(sample_id=each.id, system=name, text=text))
            for name, text in (("student", student), (INPUT, cases[0].given))
            for each in cases
        ]
        return repair_verdict(evaluate_log(scores, JUDGED).comparisons[INPUT])

    assert verdict(SCRIPT) == "repairs better than returning the input"
    assert verdict(cases[0].given) == (
        "is not shown to repair better than returning the input"
    )


def test_cases_are_drawn_from_each_task_alike_whatever_their_order():
    many = [case(n) for n in range(20)] + [case(n, "scaffold") for n in range(20, 23)]
    drawn = selected(many, 6, seed=1)
    assert sorted(each.task for each in drawn) == ["repair"] * 3 + ["scaffold"] * 3
    assert {each.id for each in selected(many[::-1], 6, seed=1)} == {
        each.id for each in drawn
    }


def changed_by(script, names):
    """Stand for a sandbox in which each script appends itself to each file."""
    return None if "raise" in script else dict.fromkeys(names, f"x{script}")


@pytest.mark.parametrize(
    ("text", "applies", "result_equal"),
    [
        (SCRIPT, 1.0, 1.0),
        ("import libcst\n", 1.0, 0.0),
        ("raise ValueError\n", 0.0, 0.0),
        ("", 0.0, 0.0),
    ],
)
def test_what_comes_of_running_is_measured_where_scripts_are_run(
    text, applies, result_equal
):
    asked = case(names=("pay.py",))
    answer = LogAnswer(sample_id=asked.id, system="s", text=text)
    found = score_answer(asked, answer, changed_by).values
    assert (found["applies"], found["result_equal"]) == (applies, result_equal)
    assert score_answer(asked, answer).values["applies"] is None
    nowhere = score_answer(case(names=()), answer, changed_by).values
    assert nowhere["applies"] is nowhere["result_equal"] is None
