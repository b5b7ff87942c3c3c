from pathlib import Path

import pytest
from tests.support.planned import commit, make_case, plan

from diffscribe.commits.answer import longest_answer_chars
from diffscribe.commits.plan import LIMITS
from diffscribe.commits.prompt import Prompts, load_prompts
from diffscribe.commits.student_prompt import load_student_prompts
from diffscribe.commits.units import FileUnits
from diffscribe.core.errors import RecordError
from diffscribe.core.files import write_jsonl
from diffscribe.core.params import load_params
from diffscribe.eval.cases import (
    case_units,
    cluster_of,
    held_limits,
    read_cases,
    read_selection,
    schema_of,
    select,
    with_prompts,
    with_student_prompts,
)

ROOT = Path(__file__).parents[2]
PROMPTS = ROOT / "prompts"
RENDER = load_params(ROOT / "params.yaml").render
TEXTS = {
    "plan": Prompts("Plan.", "$diff\nIgnored: $gitignore\nFiles:\n$files"),
    "message": load_prompts(PROMPTS / "message"),
}


def test_a_case_is_a_sample_with_its_change(split):
    samples, changes = split("a", "b")
    case = read_cases(samples, changes)[1]
    assert (case.id, case.repo, case.task) == ("b", "acme/app", "plan")
    assert case.files == ("b.py", "x.log")
    assert case.junk == ("x.log",)
    assert case.gitignore == ("build/",)
    assert [each.message for each in case.originals] == ["fix: stop the leak"]
    assert case.diff.startswith("diff --git a/b.py b/b.py\n")
    assert [each.content for each in case.prompt] == ["b?"]
    assert [each.files for each in case.target.commits] == [("b.py",)]


def test_cases_are_those_of_the_samples_in_their_order(split):
    samples, changes = split("x", "c", "a", "b")
    for path, kept in ((samples, slice(1, None)), (changes, slice(None, None, -1))):
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(lines[kept]))
    assert [case.id for case in read_cases(samples, changes)] == ["c", "a", "b"]


def test_a_sample_without_its_change_is_named(split):
    samples, changes = split("a", "b")
    changes.write_text(changes.read_text().splitlines(keepends=True)[0])
    with pytest.raises(RecordError, match=r"splits\.jsonl: no change b, which .*sft"):
        read_cases(samples, changes)


def test_a_case_and_its_variants_are_a_cluster(case):
    assert cluster_of(case("a")) == "a"
    assert cluster_of(case("a2", parent_id="a")) == "a"


def ids(cases):
    return [each.id for each in cases]


def test_takes_everything_that_there_is_room_for(case):
    cases = [case(name) for name in "abc"]
    assert ids(select(cases, 3, seed=7)) == ["a", "b", "c"]
    assert len(select(cases, 2, seed=7)) == 2


def test_the_choice_depends_on_ids_and_seed_and_keeps_the_order(case):
    cases = [case(f"s{n:02}") for n in range(50)]
    chosen = ids(select(cases, 10, seed=7))
    assert ids(select(cases[::-1], 10, seed=7)) == chosen[::-1]
    assert chosen == sorted(chosen) != ids(select(cases, 10, seed=8))


@pytest.mark.parametrize("room", [1, 2, 3, 4, 5])
def test_a_parent_and_its_variant_stay_together(case, room):
    cases = [case("a"), case("a2", parent_id="a")]
    cases += [case("b"), case("b2", parent_id="b"), case("c")]
    for seed in range(20):
        chosen = set(ids(select(cases, room, seed)))
        assert room - 1 <= len(chosen) <= room
        assert ("a" in chosen) == ("a2" in chosen)
        assert ("b" in chosen) == ("b2" in chosen)


def test_no_sample_is_explained(split, tmp_path):
    samples, changes = split("a")
    assert ids(read_selection(samples, changes, 5, 7)) == ["a"]
    write_jsonl(samples, [])
    with pytest.raises(RecordError, match=r"sft\.jsonl: no sample to evaluate; raise"):
        read_selection(samples, changes, 5, 7)


def test_a_message_is_asked_for_as_text():
    case = make_case(plan(commit("a.py")), task="message", prompt=())
    [asked] = with_prompts([case], TEXTS, 4000)
    system, user = asked.prompt
    assert "the message only" in system.content
    assert "M a.py +1 -1" in user.content
    assert (schema_of(asked), schema_of(make_case())["required"]) == (
        *(None, ["gitignore", "commits"]),
    )


def test_a_prompt_is_kept_for_the_tasks_that_are_named():
    cases = [make_case(), make_case(task="message"), make_case(prompt=())]
    kept = with_prompts(cases, TEXTS, 4000, keep=("message",))
    assert [new.prompt == old.prompt for new, old in zip(kept, cases, strict=True)] == [
        *(False, True, False)
    ]
    assert kept[0].prompt == kept[2].prompt


def test_a_task_without_words_is_asked_as_before():
    cases = [make_case(prompt=()), make_case(task="message", prompt=())]
    words = {"message": TEXTS["message"]}
    assert [bool(each.prompt) for each in with_prompts(cases, words, 4000)] == [
        *(False, True)
    ]


@pytest.mark.parametrize("answer", ["lines", "json"])
def test_plans_can_be_asked_for_as_the_student_is_asked(answer):
    params = RENDER.model_copy(update={"answer": answer})
    texts = load_student_prompts(PROMPTS / "student", answer)
    cases = [make_case(), make_case(task="message")]
    plans, message = with_student_prompts(cases, texts, 4000, params, "conventional")
    assert plans.prompt[0].content == texts.plan.system
    assert message.prompt[0].content == texts.message.system
    assert message.prompt[1] == plans.prompt[1]
    assert (message.answer, schema_of(message)) == ("lines", None)
    assert "\n1 M a.py +1 -1\n-old line\n+new line\n2 M b.py" in plans.prompt[1].content
    units = (FileUnits("a.py", 1, False), FileUnits("b.py", 1, False))
    assert (plans.answer, plans.units) == (answer, units)
    assert (schema_of(plans) is None) == (answer == "lines")
    [short] = with_student_prompts(cases[:1], texts, 20, params, "plain")
    assert (short.prompt, short.message) == ((), "plain")
    [made] = short.target.commits
    assert (made.type, made.subject) == ("", "Stop early")


@pytest.mark.parametrize(
    ("fields", "chars", "shown"),
    [
        ({"diff": " a.py | 2 +-\n"}, 4000, "M a.py +0 -0"),
        ({}, 110, "M a.py +1 -1"),
        ({}, 50, None),
    ],
)
def test_names_are_shown_before_hunks_and_nothing_where_they_do_not_fit(
    fields, chars, shown
):
    [asked] = with_prompts([make_case(**fields)], TEXTS, chars)
    if shown is None:
        assert asked.prompt == ()
    else:
        assert shown in asked.prompt[1].content
        assert "+new line" not in asked.prompt[1].content


@pytest.mark.parametrize("task", ["plan", "message"])
def test_a_grammar_admits_no_answer_that_the_limit_of_tokens_cuts(task):
    many = plan(commit(" ".join(f"f{number}.py" for number in range(12))))
    case = make_case(many, task=task, answer="lines")
    for tokens in (9000, 3000, 2600):
        units = case_units(case) if task == "plan" else case_units(case)[:1]
        limits = held_limits(case, tokens)
        assert 0 < longest_answer_chars(units, case.message, limits) <= tokens
    assert held_limits(case, 9000) == LIMITS
    assert held_limits(case, 100).body_lines == 6
    plain = case.model_copy(update={"message": "plain"})
    assert held_limits(plain, 9000).body_lines == 0
