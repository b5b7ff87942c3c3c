from random import Random

from diffscribe.commits.grammar import TYPES
from diffscribe.samples.plan import ANY, MERGE, draw_plan


def test_a_plan_has_each_type_and_a_merge_early() -> None:
    plan = draw_plan(79, Random(7))
    assert len(plan) == 79
    assert {*TYPES, MERGE} <= set(plan[:46])


def test_most_steps_of_a_plan_are_any_edit() -> None:
    plan = [step for seed in range(20) for step in draw_plan(79, Random(seed))]
    assert 0.7 < plan.count(ANY) / len(plan) < 0.8
