import random

import pytest
from sklearn.metrics import adjusted_rand_score
from tests.support.planned import HOUSE, commit, make_case, plan, prediction

from diffscribe.eval.score_plan import ari
from diffscribe.eval.score_types import type_accuracy
from diffscribe.eval.scores import SCORES, score, score_all

HEADLINE = ("valid", "type", "ari", "junk")
TARGET = plan(
    commit("src/a.py src/b.py", "fix"),
    commit("docs/c.md", "docs"),
    gitignore=["*.log", "build/"],
)
CASE = make_case(TARGET, junk=("x.log", "build/y.o"))


def values(scored):
    return tuple(scored.values[name] for name in HEADLINE)


def random_plan(rng, paths):
    groups = {}
    for path in rng.sample(paths, len(paths)):
        groups.setdefault(rng.randrange(4), []).append(path)
    types = ("feat", "fix", "docs")
    return plan(*(commit(" ".join(g), rng.choice(types)) for g in groups.values()))


def labels(of, paths):
    return [next(i for i, c in enumerate(of.commits) if p in c.files) for p in paths]


def test_the_target_itself_is_perfect():
    assert values(score(CASE, prediction(TARGET), HOUSE)) == (1.0, 1.0, 1.0, 1.0)


def test_an_answer_without_a_plan_is_worth_nothing():
    scored = score(CASE, prediction(None, "no JSON"), HOUSE)
    assert values(scored) == (0.0, 0.0, 0.0, 0.0)


def test_a_plan_without_commits_is_worth_nothing():
    assert values(score(CASE, prediction(plan()), HOUSE)) == (0.0, 0.0, 0.0, 0.0)


def test_a_plan_without_commits_is_worth_nothing_even_for_a_single_file():
    single = make_case(plan(commit("a.py")))
    assert values(score(single, prediction(plan()), HOUSE)) == (0.0, 0.0, 0.0, None)


def test_everything_in_one_commit_is_valid_but_groups_by_chance():
    lump = plan(commit("src/a.py src/b.py docs/c.md x.log build/y.o", "fix"))
    assert values(score(CASE, prediction(lump), HOUSE)) == (1.0, 0.5, 0.0, 0.0)


def test_one_commit_a_file_is_valid_but_groups_by_chance():
    alone = plan(*(commit(path, "fix") for path in CASE.files))
    assert values(score(CASE, prediction(alone), HOUSE)) == (1.0, 0.5, 0.0, 0.0)


def test_ignoring_everything_routes_no_junk():
    greedy = plan(*TARGET.commits, gitignore=["*"])
    assert values(score(CASE, prediction(greedy), HOUSE)) == (0.0, 1.0, 1.0, 0.0)


def test_a_plan_that_repeats_files_is_not_valid_and_gains_nothing():
    groups = ["src/a.py src/b.py", "docs/c.md", "src/a.py docs/c.md", "src/b.py"]
    overlapping = plan(*(commit(files, "fix") for files in groups))
    scored = score(CASE, prediction(overlapping), HOUSE)
    assert (scored.values["valid"], scored.values["ari"]) == (0.0, 0.0)


def test_every_measure_has_a_value_in_the_order_of_the_table():
    assert list(score(CASE, prediction(TARGET), HOUSE).values) == list(SCORES)
    assert list(score(CASE, prediction(None), HOUSE).values) == list(SCORES)


def test_a_plan_that_is_not_valid_says_why():
    assert score(CASE, prediction(TARGET), HOUSE).findings == {}
    greedy = plan(*TARGET.commits, gitignore=["*"])
    found = score(CASE, prediction(greedy), HOUSE).findings
    assert found["plan_problem"] == ("ignores_everything",)


def test_a_variant_shares_the_cluster_of_its_parent():
    variant = make_case(TARGET, parent_id="s0")
    assert score(variant, prediction(TARGET), HOUSE).cluster == "s0"
    assert score(CASE, prediction(TARGET), HOUSE).cluster == "s1"


def test_scores_find_their_samples_by_id():
    other = CASE.model_copy(update={"id": "s2", "target": plan(commit("z"))})
    [scored] = score_all([other, CASE], [prediction(TARGET)], HOUSE)
    assert (scored.sample_id, scored.values["ari"]) == ("s1", 1.0)


@pytest.mark.parametrize("seed", range(200))
def test_random_plans_keep_the_laws(seed):
    rng = random.Random(seed)
    paths = [f"f{n}" for n in range(rng.randint(1, 12))]
    target, answer = random_plan(rng, paths), random_plan(rng, paths)
    index = adjusted_rand_score(labels(target, paths), labels(answer, paths))
    assert ari(target, answer) == pytest.approx(max(0.0, index), abs=1e-12)
    assert ari(target, answer) == pytest.approx(ari(answer, target), abs=1e-12)
    assert 0 <= type_accuracy(target, answer) <= 1
    assert values(score(make_case(target), prediction(target), HOUSE))[:3] == (
        1.0,
        1.0,
        1.0,
    )
    shuffled = plan(
        *(
            each.model_copy(update={"files": each.files[::-1]})
            for each in rng.sample(answer.commits, len(answer.commits))
        )
    )
    case = make_case(target)
    assert score(case, prediction(shuffled), HOUSE).values == pytest.approx(
        score(case, prediction(answer), HOUSE).values
    )


@pytest.mark.parametrize("seed", range(200))
def test_scores_of_broken_plans_stay_within_bounds(seed):
    rng = random.Random(seed)
    paths = [f"f{n}" for n in range(rng.randint(1, 8))]
    target = random_plan(rng, paths)
    strangers = [*paths, "elsewhere", "junk.log"]
    broken = plan(
        *(
            commit(" ".join(rng.choices(strangers, k=rng.randint(0, 5))), "feat")
            for _ in range(rng.randint(0, 5))
        ),
        gitignore=rng.choices(["*", "!f1", "f2", "*.log", "[", ""], k=2),
    )
    case = make_case(target, junk=("junk.log",))
    scored = score(case, prediction(broken), HOUSE)
    assert None not in values(scored)
    for name, value in scored.values.items():
        if value is not None:
            assert type(value) is float
            assert SCORES[name].low <= value <= SCORES[name].high, name
